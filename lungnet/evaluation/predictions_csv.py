"""A CSV of predictions comes in as a file; its header, rows and line numbers go out as text."""

import csv
import io
from pathlib import Path

from lungnet.errors import PredictionsError
from lungnet.files import read_bounded


def decoded(path: Path) -> str:
    """The text of a CSV.

    Raises:
        PredictionsError: it cannot be read, is too long, or is not UTF-8; names the line.
    """
    try:
        data = read_bounded(path, LARGEST_FILE_BYTES)
    except OSError as error:
        raise PredictionsError(
            f"{path}: {error.strerror or error}; expected a CSV of predictions"
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise PredictionsError(
            f"{path}: line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 "
            "throughout"
        ) from error


def parsed(text: str, path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and their line numbers.

    Raises:
        PredictionsError: no header, or a row of another length; names the line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
                check_columns(header, f"{path}: line {reader.line_num}")
            elif len(row) != len(header):
                raise PredictionsError(
                    f"{path}: line {reader.line_num} has {len(row)} cells, its header {len(header)}"
                )
            else:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise PredictionsError(
            f"{path}: line {reader.line_num}: {error}; expected comma-separated values"
        ) from error
    if not header:
        raise PredictionsError(
            f"{path}: is empty; expected a header with {', '.join(REQUIRED)} and a row per patient"
        )
    return header, rows, lines


LARGEST_FILE_BYTES = 512 * 2**20


REQUIRED = ("patient_id", "label", "probability")


def check_columns(columns: list[str], table_name: str) -> None:
    """Refuse a table without the columns it must have, or with one of them twice.

    Raises:
        PredictionsError: naming the column.
    """
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        listed = ", ".join(map(quoted, columns[:12])) or "none"
        raise PredictionsError(
            f"{table_name}: column {missing[0]} is missing; found {listed}; expected at least "
            f"{', '.join(REQUIRED)}"
        )
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise PredictionsError(
            f"{table_name}: column {quoted(twice)} stands twice in the header; expected once"
        )


def quoted(value: object) -> str:
    """A value as it is shown in an error, cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
