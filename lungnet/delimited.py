"""A table of delimited text comes in, as spreadsheets and programs write it.

Its header, rows and their lines go out as text.
"""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lungnet.errors import InputError
from lungnet.files import read_bounded

LARGEST_BYTES = 512 * 2**20
"""More is refused before it is decoded."""

DELIMITERS = ",;\t"

ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte-order marks, and the encoding that each stands for; without one, UTF-8."""

ZIP = b"PK\x03\x04"

_FORMULA_OF_TEXT = re.compile(r'="([^"]*)"')

LONGEST_SHOWN = 60

OTHER_NAMES = {
    "patient_id": "id pid patient patientid patientname subject subjectid case caseid mrn",
    "series_uid": "series seriesid seriesuid seriesinstanceuid uid seriesname",
    "study_date": "date studydate scandate examdate acquisitiondate",
    "label": "cancer target class y ytrue truth gt groundtruth diagnosis malignant malignancy "
    "outcome labels",
    "probability": "prob prob1 probs p p1 pred preds prediction predictions score scores yprob "
    "ypred yscore output risk",
}
"""What other tables call a column, in lower case and without signs."""


@dataclass(frozen=True)
class DelimitedTable:
    """The cells of a file, without the white space around them.

    Attributes:
        path: the file.
        delimiter: a comma, a semicolon or a tab.
        header: names of the columns; an unnamed one is the empty text.
        header_line: where the header stands, counted from 1.
        rows: as many cells each as the header; blank lines are left out.
        lines: where each row begins.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


def read_table(
    path: Path,
    error: type[InputError],
    expected: str,
    on_bad_row: Callable[[str], None] | None = None,
) -> DelimitedTable:
    """Read a table that commas, semicolons or tabs delimit, whichever make most of its header.

    UTF-8, or UTF-16 with a byte-order mark. Cells may be quoted, also as a formula (`="0001"`,
    which spreadsheets keep as text). Empty cells beyond the header are dropped.

    Args:
        path: the file.
        error: what to raise.
        expected: what the file should be, for the errors.
        on_bad_row: told of each row that has other cells than its header, which then is left out;
            None: such a row is an error.

    Raises:
        InputError: of the class `error`; the file cannot be read, is too long, empty or no text, a
            row has other cells than its header, a column stands twice; names file and line.
    """
    text = _text(path, error, expected)
    delimiter = _delimiter(text)
    header: tuple[str, ...] = ()
    header_line, rows, lines = 0, [], []
    for line, cells in _records(text, delimiter, path, error):
        if not any(cells):
            continue
        if not header:
            header, header_line = cells, line
            _check_header(header, f"{path}: line {line}", error)
            continue
        if len(cells) < len(header) or any(cells[len(header) :]):
            problem = (
                f"{path}: line {line} has {len(cells)} cells, its header {len(header)}; expected "
                f"as many, and quotes around a cell that holds {_NAMES[delimiter]}"
            )
            if on_bad_row is None:
                raise error(problem)
            on_bad_row(problem)
            continue
        rows.append(cells[: len(header)])
        lines.append(line)
    if not header:
        raise error(f"{path}: the file is empty; expected {expected}")
    return DelimitedTable(path, delimiter, header, header_line, tuple(rows), tuple(lines))


_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab"}


def likely_column(name: str, header: Iterable[str]) -> str | None:
    """The column of a header that most likely is meant by a name; None where none looks so."""
    plain = {re.sub(r"[\W_]+", "", column).lower(): column for column in header}
    wanted = name.replace("_", "")
    for other in (wanted, *OTHER_NAMES.get(name, "").split()):
        if other in plain:
            return plain[other]
    matches = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.75)
    return plain[matches[0]] if matches else None


def quoted(value: object) -> str:
    """A value as it is shown in an error, cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}...")


def _text(path: Path, error: type[InputError], expected: str) -> str:
    try:
        data = read_bounded(path, LARGEST_BYTES)
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        raise error(f"{path}: {reason}; expected {expected}") from failure
    if data.startswith(ZIP):
        raise error(f"{path}: is a spreadsheet's own format or a zip; save it as CSV (UTF-8)")
    mark, encoding = next((e for e in ENCODINGS if data.startswith(e[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as failure:
        line = data[: failure.start].decode(encoding).count("\n") + 1
        byte = data[failure.start]
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        raise error(
            f"{path}: line {line}: byte 0x{byte:02x} is not {name}; save the file as UTF-8 "
            "throughout"
        ) from failure
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise error(
            f"{path}: line {line}: a NUL character: this is no text, or UTF-16 without its "
            "byte-order mark; save the file as UTF-8"
        )
    return text


def _delimiter(text: str) -> str:
    """The sign that makes most cells of the header, and as many of the first row."""

    def n_cells(sign: str) -> tuple[bool, int]:
        """Whether header and first row agree, and on how many cells."""
        records = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
        try:
            first = list(islice((len(record) for record in records if any(record)), 2))
        except csv.Error:  # the reading itself says where
            return False, 0
        n_header = first[0] if first else 0
        return n_header > 1 and first[1:] in ([], [n_header]), n_header

    return max(DELIMITERS, key=n_cells)


def _records(
    text: str, delimiter: str, path: Path, error: type[InputError]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Where each record begins, and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as failure:
            raise error(
                f"{path}: line {line}: {failure}; expected cells between {_NAMES[delimiter]} each, "
                "and every quote closed"
            ) from failure
        yield line, tuple(_cell(cell) for cell in record)


def _cell(cell: str) -> str:
    text = cell.strip()
    formula = _FORMULA_OF_TEXT.fullmatch(text) if text.startswith("=") else None
    return formula[1].strip() if formula else text


def _check_header(header: Sequence[str], place: str, error: type[InputError]) -> None:
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise error(f"{place}: column {quoted(twice)} stands twice in the header; expected once")
