"""What a user asks about: places as `x,y,z`, as rows of a CSV, or a scan's own candidates."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lungnet.delimited import quoted, read_table
from lungnet.errors import InputError, UsageError
from lungnet.volume import Triple

log = logging.getLogger("lungnet")

COORDINATES, DIAMETER, SERIES = ("x_mm", "y_mm", "z_mm"), "diameter_mm", "series_uid"
"""Columns of a CSV of places; the last two may be left out."""

LARGEST_MM = 1e5
"""No scanner's coordinates reach so far: a larger number is a mistake."""


@dataclass(frozen=True)
class PlaceQuery:
    """A place that somebody asks about.

    Attributes:
        centre_mm: (x, y, z) in LPS millimetres.
        diameter_mm: of the nodule, as readers measure it; NaN where it is not known.
        series_uid: of the only series that is asked about; empty: each.
    """

    centre_mm: Triple
    diameter_mm: float = math.nan
    series_uid: str = ""


@dataclass(frozen=True)
class PlaceQueries:
    """Everything that is asked of each series.

    Attributes:
        places: in their order.
        candidates_from: the preparation's candidates with at least this score as well; None: none.
        left_out: rows of a CSV that name no place.
    """

    places: tuple[PlaceQuery, ...] = ()
    candidates_from: float | None = None
    left_out: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return not self.places and self.candidates_from is None

    def of_series(self, series_uid: str) -> tuple[PlaceQuery, ...]:
        """The places that are asked about in a series."""
        return tuple(query for query in self.places if query.series_uid in ("", series_uid))

    def unmatched(self, series_uids: Sequence[str]) -> int:
        """How many places are of none of these series."""
        return sum(query.series_uid not in ("", *series_uids) for query in self.places)


def parse_place(text: str) -> PlaceQuery:
    """The place of `x,y,z`.

    Raises:
        UsageError: not three numbers.
    """
    numbers = [_number(cell) for cell in text.split(",")]
    if len(numbers) != 3 or not all(abs(number) <= LARGEST_MM for number in numbers):
        raise UsageError(
            f"--at {text!r} is no place; expected x,y,z in the patient's (LPS) millimetres, such "
            "as --at 56.4,86.4,-115.8"
        )
    return PlaceQuery((numbers[0], numbers[1], numbers[2]))


def read_places(path: Path) -> tuple[tuple[PlaceQuery, ...], int]:
    """The places of a CSV, and how many rows were left out, each with a line in the log.

    Args:
        path: columns `x_mm`, `y_mm`, `z_mm`, perhaps `diameter_mm` and `series_uid`; others are
            left alone.

    Raises:
        InputError: it cannot be read, lacks a column, or holds no place.
    """
    left_out: list[str] = []

    def leave_out(problem: str) -> None:
        """Tell of a row that names no place."""
        left_out.append(problem)
        log.warning("%s; the row is left out", problem)

    expected = f"a CSV of places with {', '.join(COORDINATES)}"
    table = read_table(path, InputError, expected, leave_out)
    missing = [name for name in COORDINATES if name not in table.header]
    if missing:
        raise InputError(
            f"{path}: column {missing[0]} is missing; expected {', '.join(COORDINATES)}, and "
            f"perhaps {DIAMETER} and {SERIES}"
        )
    queries = []
    for line, cells in zip(table.lines, table.rows, strict=True):
        row, where = dict(zip(table.header, cells, strict=True)), f"{path}: line {line}"
        centre = [_number(row[name]) for name in COORDINATES]
        odd = [n for n, mm in zip(COORDINATES, centre, strict=True) if not abs(mm) <= LARGEST_MM]
        if odd:
            leave_out(f"{where}: {odd[0]} is {quoted(row[odd[0]])}; expected millimetres")
            continue
        diameter_mm = _diameter(row.get(DIAMETER, ""), where)
        queries.append(
            PlaceQuery((centre[0], centre[1], centre[2]), diameter_mm, row.get(SERIES, ""))
        )
    if not queries:
        raise InputError(f"{path}: holds no place; expected a row for each")
    return tuple(queries), len(left_out)


def _diameter(cell: str, where: str) -> float:
    """A diameter; NaN where there is none, with a line in the log where the cell holds another."""
    diameter_mm = _number(cell)
    if not cell or 0 < diameter_mm <= LARGEST_MM:
        return diameter_mm
    log.warning(
        "%s: %s is %s; expected a number above 0; taken as missing", where, DIAMETER, quoted(cell)
    )
    return math.nan


def _number(cell: str) -> float:
    """A cell's number, also with a decimal comma; NaN where it holds none."""
    try:
        return float(cell.replace(",", ".") or "nan")
    except ValueError:
        return math.nan
