"""A split of one's own: the side of each row, from a CSV or from a column of the cohort."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from lungnet.config.data import DataConfig
from lungnet.datasets.splits.leaks import leak_sentence
from lungnet.delimited import read_table
from lungnet.errors import ChoiceError, InputError
from lungnet.run_folder import TEST, TRAIN, VALIDATION

log = logging.getLogger("lungnet")

SIDE_WORDS = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "val": VALIDATION,
    "test": TEST,
    "testing": TEST,
}

WHOLE_NUMBER = re.compile(r"(\d{1,9})(\.0*)?")

IDS = ("patient_id", "series_uid")
"""Columns that say whose side a line of a split file gives; the first that is there counts."""

SIDES = ("split", "fold")
"""Columns of a split file that hold the side, where `data.split_column` names none."""


@dataclass(frozen=True, eq=False)
class GivenSides:
    """The side of each row as someone gave it.

    Attributes:
        sides: train, validation or test; or the number of a fold.
        source: file and column, for people.
        are_folds: whether the sides are numbers.
    """

    sides: pd.Series
    source: str
    are_folds: bool

    def names(self) -> pd.Series:
        """The sides as they are called in a sentence."""
        return "fold " + self.sides.astype(str) if self.are_folds else self.sides

    def splits(self) -> list[pd.Series]:
        """One series of train, validation and test for each fold, or the only one."""
        if not self.are_folds:
            return [self.sides]
        return [
            pd.Series(TRAIN, index=self.sides.index).mask(self.sides == fold, TEST)
            for fold in sorted(set(self.sides))
        ]


def given_sides(table: pd.DataFrame, config: DataConfig) -> GivenSides:
    """Read the sides that `data.split_file` or `data.split_column` gives.

    Raises:
        InputError: a file that cannot be read, a row without a side, a value that is none.
        ChoiceError: `data.folds` is another number, or there is no such column.
    """
    if config.split_file is not None:
        values, source = _from_file(table, Path(config.split_file), config.split_column)
    else:
        assert config.split_column is not None  # DataConfig.has_own_split
        if config.split_column not in table:
            raise ChoiceError("data.split_column", f"is {config.split_column!r}; no such column")
        values, source = table[config.split_column], f"column {config.split_column}"
    text = values.astype(str).str.strip()
    words = text.str.lower().map(SIDE_WORDS)
    if words.notna().all():
        return _checked_words(GivenSides(words, source, are_folds=False), config)
    is_number = text.str.fullmatch(WHOLE_NUMBER)
    odd = text[~is_number] if is_number.sum() > words.notna().sum() else text[words.isna()]
    if len(odd):
        cell, patient = str(odd.iloc[0])[:40], str(table.at[odd.index[0], "patient_id"])
        raise InputError(
            f"{source}: {cell!r} for patient {patient}; expected train, validation or test in "
            "every row, or whole numbers in every row as folds"
        )
    return _checked_folds(
        GivenSides(text.str.extract(WHOLE_NUMBER)[0].astype(int), source, are_folds=True), config
    )


def without_leaks(
    table: pd.DataFrame, given: GivenSides, groups: pd.Series, columns: Sequence[str], policy: str
) -> GivenSides:
    """The sides, none of which shares a patient, series, image or group with another.

    Args:
        table: the cohort's.
        given: as it was read.
        groups: rows that must stay together, as `tied_groups` of the columns says.
        columns: whose equal values tie rows.
        policy: `data.split_leaks`.

    Raises:
        InputError: there is a leak and the policy is to refuse it; names two rows and their sides.
    """
    leak = leak_sentence(table, given.names(), columns)
    if leak is None:
        return given
    if policy == "refuse":
        raise InputError(
            f"{given.source}: {leak}; correct it, or set data.split_leaks to move, which takes all "
            "such rows to the side that holds most of them"
        )
    moved = replace(given, sides=_side_of_most(given, groups))
    is_moved = moved.sides != given.sides
    row = int(is_moved.to_numpy().argmax())
    log.warning(
        "%s: %d rows of %d patients moved to the side that holds most of what belongs together; "
        "the first is of patient %s, from %s to %s",
        given.source,
        is_moved.sum(),
        table.loc[is_moved, "patient_id"].nunique(),
        table["patient_id"].iloc[row],
        given.names().iloc[row],
        moved.names().iloc[row],
    )
    return moved


def _side_of_most(given: GivenSides, groups: pd.Series) -> pd.Series:
    """For each row the commonest side of its group; of equal ones, the held-out or lowest."""
    order = sorted(set(given.sides)) if given.are_folds else [TEST, VALIDATION, TRAIN]
    counts = pd.crosstab(groups, given.sides).reindex(columns=order, fill_value=0)
    side: pd.Series = groups.map(counts.idxmax(axis=1))
    return side


def _checked_words(given: GivenSides, config: DataConfig) -> GivenSides:
    for side in (TRAIN, TEST):
        if not (given.sides == side).any():
            raise InputError(
                f"{given.source}: no row of the cohort is in {side}; expected train and test, and "
                "perhaps validation"
            )
    if config.folds:
        raise ChoiceError(
            "data.folds", f"is {config.folds}; {given.source} gives one split: leave it out"
        )
    return given


def _checked_folds(given: GivenSides, config: DataConfig) -> GivenSides:
    folds = sorted(set(given.sides))
    if len(folds) < 2:
        raise InputError(
            f"{given.source}: every row of the cohort is in fold {folds[0]}; expected at least 2"
        )
    if config.folds not in (0, len(folds)):
        raise ChoiceError(
            "data.folds",
            f"is {config.folds}; {given.source} gives {len(folds)} folds: leave it out",
        )
    if folds != list(range(len(folds))):
        log.info("%s: folds %s are counted from 0", given.source, ", ".join(map(str, folds)))
    return given


def _from_file(table: pd.DataFrame, path: Path, column: str | None) -> tuple[pd.Series, str]:
    """The cell of the split file for each row of the cohort, and the file and column."""
    read = read_table(path, InputError, "a CSV with patient_id and split or fold")
    lines = pd.DataFrame(read.rows, columns=list(read.header), index=list(read.lines), dtype=str)
    names = [column] if column is not None else list(SIDES)
    ids = [name for name in IDS if name in lines]
    sides = [name for name in names if name in lines]
    if not ids or not sides or len(sides) > 1:
        raise InputError(
            f"{path}:{read.header_line}: found the columns {', '.join(read.header)[:200]}; "
            f"expected patient_id or series_uid, and {' or '.join(names)}"
            + (" (data.split_column says which)" if len(sides) > 1 else "")
        )
    who, side, source = ids[0], sides[0], f"{path}: column {sides[0]}"
    pairs = lines[[who, side]].drop_duplicates()
    twice = pairs[pairs[who].duplicated(keep=False)]
    if len(twice):
        first, second = twice[twice[who] == twice[who].iloc[0]].index[:2]
        raise InputError(
            f"{path}:{second}: {who} {twice[who].iloc[0]} is in {lines.at[second, side]!r} here "
            f"and in {lines.at[first, side]!r} in line {first}; expected one side for each"
        )
    side_of = pairs.set_index(who)[side]
    values = table[who].map(side_of)
    missing = table.loc[values.isna(), who]
    if len(missing):
        raise InputError(
            f"{path}: {missing.nunique()} of {table[who].nunique()} {who}s of the cohort have no "
            f"line, such as {missing.iloc[0]}; expected one for each"
        )
    n_unknown = int((~side_of.index.isin(table[who])).sum())
    if n_unknown:
        log.warning("%s: %d of %d %ss are not in the cohort", path, n_unknown, len(side_of), who)
    return values, source
