"""A predictions table comes in, as a CSV or a DataFrame.

Checked, typed rows go out, or one sentence naming row and column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from lungnet.delimited import quoted
from lungnet.errors import PredictionsError
from lungnet.evaluation.predictions_csv import REQUIRED, check_columns, read_cells
from lungnet.run_folder import TEST, TRAIN, VALIDATION

KEY = ("patient_id", "series_uid", "sample")
"""A row is named by these: a patient, or one of its series, or one sample (a nodule, say) of a
series."""

NO_FOLD = -1
OUT_OF_FOLD, ALL = "out-of-fold", "all"
SEEN = (TRAIN, VALIDATION)
"""Splits that a model has learned from: never scored unasked; with folds, a patient is in them once
for each fold."""

SYNTHETIC_WORDS = {"": False, "0": False, "1": True, "false": False, "true": True}

DECIMAL_COMMA = r"^([-+]?\d*),(\d+)$"
"""A number as many languages write it; none of these columns reaches to thousands."""


@dataclass(frozen=True)
class NumberRule:
    """What a column of numbers may hold.

    Attributes:
        expected: in words.
        holds: of each number, whether it may be.
        empty: stands for cells with nothing in them; None where these are refused.
        dtype: of the column.
    """

    expected: str
    holds: Callable[[pd.Series], pd.Series]
    empty: float | None = None
    dtype: type[np.generic] = np.float64


OPTIONAL = (
    "series_uid",
    "sample",
    "split",
    "fold",
    "repeat",
    "diameter_mm",
    "diameter_and_brightness",
    "readers",
    "synthetic",
)

NUMBERS = {
    "label": NumberRule("0 or 1", lambda v: (v == 0) | (v == 1), dtype=np.int64),
    "probability": NumberRule(
        "a number from 0 to 1 (no logit, no percentage)", lambda v: (v >= 0) & (v <= 1)
    ),
    "fold": NumberRule(
        "a whole number from 0, or -1 for none",
        lambda v: (v >= NO_FOLD) & (v == np.floor(v)),
        NO_FOLD,
        np.int64,
    ),
    "repeat": NumberRule(
        "a whole number from 0, or nothing",
        lambda v: (v >= 0) & (v == np.floor(v)),
        0,
        np.int64,
    ),
    "diameter_mm": NumberRule(
        "millimetres from 0 to 1000, or nothing",
        lambda v: np.isnan(v) | ((v >= 0) & (v <= 1000)),
        np.nan,
    ),
    "diameter_and_brightness": NumberRule(
        "a number from 0 to 1, or nothing",
        lambda v: np.isnan(v) | ((v >= 0) & (v <= 1)),
        np.nan,
    ),
    "readers": NumberRule(
        "a whole number from 1 to 1000, or nothing",
        lambda v: np.isnan(v) | ((v >= 1) & (v <= 1000) & (v == np.floor(v))),
        np.nan,
    ),
}
"""Columns of numbers, in the order in which they are checked."""


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a table of predictions as `lungnet.delimited.read_table` does.

    Args:
        path: columns `patient_id`, `label` (0 or 1) and `probability` (0..1); optional
            `series_uid`, `sample`, `split`, `fold` (-1 or empty: none), `repeat` (which of several
            draws of the folds), `diameter_mm` (empty: nothing found), `diameter_and_brightness`
            (the probability that these two alone give, from other patients), `readers` (how many
            rated the row), `synthetic`; further columns
            stay text.

    Returns:
        A row per prediction in the file's order, typed as `check_predictions` says.

    Raises:
        PredictionsError: naming file, line and column of the first thing that is wrong.
    """
    cells = read_cells(path)
    table = pd.DataFrame(list(cells.rows), columns=list(cells.header), dtype=object)
    table = table.drop(columns="", errors="ignore")
    return check_predictions(table, [f"{path}: line {line}" for line in cells.lines], str(path))


def check_predictions(
    table: pd.DataFrame, row_names: Sequence[str] | None = None, table_name: str = "predictions"
) -> pd.DataFrame:
    """Type and check a table of predictions.

    Args:
        table: columns as in `read_predictions`; values may be text.
        row_names: what to call each row in an error; by default its position, counted from 1.
        table_name: what to call the whole table.

    Returns:
        A new table, index 0..n-1: `patient_id`, `series_uid`, `sample`, `split` text, `label`
        int64, `fold` and `repeat` int64, `probability`, `diameter_mm`, `diameter_and_brightness`
        and `readers` float64, `synthetic` bool; every one of these columns present.

    Raises:
        PredictionsError: a column missing or twice, no rows, a value out of range, a row twice.
    """
    check_columns(list(table.columns), table_name)
    if table.empty:
        raise PredictionsError(
            f"{table_name}: holds no predictions; expected a header and a row per patient with "
            f"{', '.join(REQUIRED)}"
        )
    default_names = [f"{table_name}: row {row}" for row in range(1, len(table) + 1)]
    row_names = default_names if row_names is None else row_names
    table = table.reset_index(drop=True)
    for column in OPTIONAL:
        if column not in table:
            table[column] = ""
    for column in (*KEY, "split"):
        table[column] = _texts(table[column])
    _refuse(table["patient_id"] == "", "patient_id", table, row_names, "an id")
    for column, rule in NUMBERS.items():
        table[column] = _numbers(table, column, row_names, rule).astype(rule.dtype)
    text = _texts(table["synthetic"]).str.lower()
    is_odd = ~text.isin(list(SYNTHETIC_WORDS))
    _refuse(is_odd, "synthetic", table, row_names, "true, false or nothing")
    table["synthetic"] = text.map(SYNTHETIC_WORDS).astype(bool)
    _check_duplicates(table, row_names)
    return table


def scored_rows(table: pd.DataFrame, split: str | None = None) -> tuple[pd.DataFrame, str]:
    """The rows that a score may honestly be computed on, and the name of that choice.

    Without a wish: rows of split `test`; else out-of-fold rows (`fold` >= 0); else, where no split
    is named or all rows bear the same name, every row.

    Args:
        table: as `check_predictions` returns it.
        split: the name of the wanted split, or None.

    Returns:
        The rows, index kept, and the split's name.

    Raises:
        PredictionsError: no such rows, or rows of one class only.
    """
    names = sorted(set(table["split"]))
    if split is None:
        rows, split = _default_rows(table, names)
    else:
        rows = table[table["split"] == split]
        if rows.empty:
            raise PredictionsError(
                f"predictions: no row has the split {split!r}; found {', '.join(map(repr, names))}"
            )
    positives = int(rows["label"].sum())
    if positives in (0, len(rows)):
        label = int(positives > 0)
        raise PredictionsError(
            f"predictions: column label is {label} in all {len(rows)} rows of {split!r}; "
            "expected both 0 and 1, since no ranking can be scored on one class"
        )
    return rows, split


def _default_rows(table: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, str]:
    if TEST in names:
        return table[table["split"] == TEST], TEST
    held_out = (table["fold"] >= 0) & ~table["split"].isin(SEEN)
    if held_out.any():
        return table[held_out], OUT_OF_FOLD
    if len(names) > 1:
        raise PredictionsError(
            f"predictions: column split holds {', '.join(map(repr, names))} but no 'test'; name "
            "the split to score"
        )
    return table, names[0] or ALL


def _numbers(
    table: pd.DataFrame, column: str, row_names: Sequence[str], rule: NumberRule
) -> pd.Series:
    """The column as float64, with what stands for cells that have nothing in them."""
    values = table[column]
    is_missing = pd.Series(False, values.index)
    if rule.empty is not None:
        is_blank = False if is_numeric_dtype(values) else _texts(values) == ""
        is_missing = values.isna() | is_blank
        values = values.where(~is_missing, rule.empty)
    if not is_numeric_dtype(values):
        values = _texts(values).str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    is_wrong = ~rule.holds(numbers) | (numbers.isna() & ~is_missing)
    _refuse(is_wrong, column, table, row_names, rule.expected)
    return numbers


def _refuse(
    bad: "pd.Series[bool]",
    column: str,
    table: pd.DataFrame,
    row_names: Sequence[str],
    expected: str,
) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PredictionsError(
            f"{row_names[row]}, column {column}: {quoted(table[column].iloc[row])} where "
            f"{expected} "
            "was expected"
        )


def _check_duplicates(table: pd.DataFrame, row_names: Sequence[str]) -> None:
    keys = table[[*KEY, "split", "repeat"]].assign(
        fold=table["fold"].where(table["split"].isin(SEEN), NO_FOLD)
    )
    twice = keys.duplicated()
    if not twice.any():
        return
    row = int(np.flatnonzero(twice)[0])
    first = int(np.flatnonzero((keys == keys.iloc[row]).all(axis=1))[0])
    columns = [name for name in KEY if keys.at[row, name]]
    key_text = ", ".join(f"{name} {quoted(keys.at[row, name])}" for name in columns)
    raise PredictionsError(
        f"{row_names[row]}, column {columns[-1]}: {key_text} was already given by "
        f"{row_names[first].rpartition(': ')[2]}; "
        "expected one row for each (a column sample tells several of one patient or series apart)"
    )


def _texts(values: pd.Series) -> "pd.Series[str]":
    if isinstance(values.dtype, pd.StringDtype):
        return values.fillna("").str.strip()
    return pd.Series([_text(value) for value in values], values.index, dtype="str")


def _text(value: object) -> str:
    """The cell as text without outer white space; a missing value is the empty text."""
    missing = value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA
    return "" if missing else str(value).strip()
