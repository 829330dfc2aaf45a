"""The columns that a table of predictions must have, and what to rename where they are missing."""

from collections.abc import Sequence
from pathlib import Path

from lungnet.delimited import DelimitedTable, likely_column, quoted, read_table
from lungnet.errors import PredictionsError

REQUIRED = ("patient_id", "label", "probability")

MOST_LISTED = 12
"""Columns of a header that are named in an error."""


def read_cells(path: Path) -> DelimitedTable:
    """The cells of a table of predictions, its columns checked.

    Raises:
        PredictionsError: it cannot be read, or lacks a column; names file and line.
    """
    expected = f"a CSV of predictions: a header with {', '.join(REQUIRED)} and a row per patient"
    table = read_table(path, PredictionsError, expected)
    check_columns([name for name in table.header if name], f"{path}: line {table.header_line}")
    return table


def check_columns(columns: Sequence[str], table_name: str) -> None:
    """Refuse a table without the columns it must have, or with one of them twice.

    Raises:
        PredictionsError: naming the column, and the one that may be meant.
    """
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        listed = ", ".join(map(quoted, columns[:MOST_LISTED])) or "none"
        likely = {name: likely_column(name, columns) for name in missing}
        renamed = [f"{quoted(other)} to {name}" for name, other in likely.items() if other]
        hint = f"; rename {' and '.join(renamed)}?" if renamed else ""
        raise PredictionsError(
            f"{table_name}: column {missing[0]} is missing; found {listed}; expected at least "
            f"{', '.join(REQUIRED)}{hint}"
        )
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise PredictionsError(
            f"{table_name}: column {quoted(twice)} stands twice in the header; expected once"
        )
