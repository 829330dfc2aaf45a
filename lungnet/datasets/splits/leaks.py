"""Rows that must stay on one side of a split, and what is said of those that do not."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

log = logging.getLogger("lungnet")

SAME = {
    "patient_id": "the same patient",
    "series_uid": "the same series",
    "source_series_uid": "the same scanned series",
    "pixel_hash": "the same pixels",
}
"""Columns of a cohort's table whose equal values are the same thing seen twice, and its name."""

MOST_NAMED = 5


def identity_columns(table: pd.DataFrame) -> list[str]:
    """Those columns of `SAME` that a table has."""
    return [name for name in SAME if name in table]


def tied_groups(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """The group of each row: rows are tied by an equal value in any of the columns, and onward.

    Args:
        table: `patient_id` and the columns; empty cells tie nothing.
        columns: at least `patient_id`.

    Returns:
        The first patient id of the row's group, on the index of `table`: the order of rows does
        not matter.
    """
    n_nodes = len(table)
    rows, values = [], []
    for name in columns:
        codes, distinct = pd.factorize(table[name].replace("", np.nan))
        is_filled = codes >= 0
        rows.append(np.flatnonzero(is_filled))
        values.append(codes[is_filled] + n_nodes)
        n_nodes += len(distinct)
    edges = np.concatenate(rows), np.concatenate(values)
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(n_nodes, n_nodes))
    components = connected_components(graph, directed=False)[1][: len(table)]
    patients: pd.Series = table["patient_id"].groupby(components).transform("min")
    return patients


def warn_of_joined_patients(table: pd.DataFrame, groups: pd.Series) -> None:
    """Say which patients stay together because they share a series or pixels."""
    patients = table["patient_id"].groupby(groups).unique()
    joined = sorted(patient for names in patients if len(names) > 1 for patient in names)
    if joined:
        log.warning(
            "%d patients share a series or the same pixels with another one and stay on its side "
            "of every split: %s",
            len(joined),
            ", ".join(joined[:MOST_NAMED]) + (", ..." if len(joined) > MOST_NAMED else ""),
        )


def leak_sentence(table: pd.DataFrame, sides: pd.Series, columns: Sequence[str]) -> str | None:
    """Two rows that have a value in common and stand on two sides; None where there are none.

    Args:
        table: `patient_id`, perhaps `series_uid`, and the columns.
        sides: the side of each row, as it is called in the sentence; on the index of `table`.
        columns: whose equal values must stay on one side.
    """
    for name in columns:
        values = table[name].replace("", np.nan)
        n_sides = sides.groupby(values).nunique()
        leaking = n_sides[n_sides > 1]
        if leaking.empty:
            continue
        rows = np.flatnonzero(values == leaking.index[0]).tolist()
        first = rows[0]
        second = next(row for row in rows if sides.iloc[row] != sides.iloc[first])
        what = SAME.get(name, f"{name} {leaking.index[0]!r}")
        more = f" (and {len(leaking) - 1} more such)" if len(leaking) > 1 else ""
        return (
            f"{what} on two sides of the split: {_row_name(table, first)} is in "
            f"{sides.iloc[first]}, {_row_name(table, second)} in {sides.iloc[second]}{more}"
        )
    return None


def _row_name(table: pd.DataFrame, row: int) -> str:
    patient = f"patient {table['patient_id'].iloc[row]}"
    return (
        f"{patient}, series {table['series_uid'].iloc[row]}" if "series_uid" in table else patient
    )
