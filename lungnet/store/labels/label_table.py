"""A labels file comes in, checked whole before any work; `Labels` go out, and back into a CSV."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from lungnet.delimited import DelimitedTable, likely_column, read_table
from lungnet.errors import LabelsError
from lungnet.store.labels.labels import (
    BY_DATE,
    BY_PATIENT,
    BY_SERIES,
    UNIT_NAMES,
    LabelRow,
    Labels,
    SeriesIds,
    Unit,
)
from lungnet.store.labels.lost_zeros import ROUNDED

COLUMN_NAMES = {
    "patient_id": ("patient_id", "PatientID"),
    "series_uid": ("series_uid", "SeriesInstanceUID"),
    "study_date": ("study_date", "StudyDate"),
    "label": ("label", "cancer"),
}
"""What is read, and the names it may have: ours, DICOM's keywords, and Kaggle's."""

EITHER = "id"
"""A column of patients or of series, where none of those above is there (Kaggle)."""

EXPECTED = (
    "`patient_id,label` or `id,cancer` (or `series_uid,label`, or `patient_id,study_date,label`)"
)

NODULE_COLUMNS = re.compile(
    r"(nodule|lesion|annotation|finding)_?(id|number)|coord_?[xyz]|[xyz]_mm", re.IGNORECASE
)
"""A file with such a column has a line per nodule, as LUNA25's list has."""

IDENTIFYING = re.compile(r"name|birth|dob|address|phone|mail|ssn|insurance", re.IGNORECASE)
"""Columns that may say who a patient is are not read."""

LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}

DATE_FORMS = {
    re.compile(r"\d{8}"): "%Y%m%d",
    re.compile(r"\d{4}-\d\d-\d\d"): "%Y-%m-%d",
}

PSEUDONYM = re.compile(r"D[0-9a-f]{16}")


def read_labels(path: Path) -> Labels:
    """Read labels by patient, by patient and date, or by series, with more columns at will.

    A column of series decides; else one of dates together with the patient; else the patient alone.
    Several lines of one patient (or series) must have one label, unless the file has a line per
    nodule: then it is positive where any of its nodules is. Further columns whose cells differ
    between those lines are left out.

    Raises:
        LabelsError: the file cannot be read or is empty, a column is missing, an id is empty, a
            label is not 0 or 1, two lines contradict each other; names file and line.
    """
    table = read_table(path, LabelsError, f"a CSV with {EXPECTED}, and a line per patient")
    column_of = _columns(table)
    if not table.rows:
        raise LabelsError(f"{path}: a header and no patients, expected a line per patient")
    unit = _unit(column_of)
    is_nodule_list = any(NODULE_COLUMNS.fullmatch(name) for name in table.header)
    kept = [i for i, name in enumerate(table.header) if _is_kept(name, column_of)]
    rows = [
        LabelRow(
            line,
            _ids(path, line, cells, column_of, table.header, unit),
            _label(path, line, column_of["label"], cells[table.header.index(column_of["label"])]),
            tuple(cells[i] for i in kept),
        )
        for line, cells in zip(table.lines, table.rows, strict=True)
    ]
    if not is_nodule_list:
        _check_conflicts(path, rows, unit)
    columns, rows = _without_differing(tuple(table.header[i] for i in kept), rows, unit)
    return Labels(path, unit, tuple(rows), columns, is_nodule_list, EITHER in column_of.values())


def labels_text(labels: Labels) -> str:
    """The labels as a CSV that `read_labels` reads back, a line per unit, sorted."""
    id_columns = [
        name
        for name in SeriesIds._fields
        if any(getattr(row.ids, name) for row in labels.by_key.values())
    ]
    columns = sorted(labels.columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*id_columns, "label", *columns])
    for _, row in sorted(labels.by_key.items(), key=lambda item: item[0]):
        cells = labels.cells_of(row)
        ids = [getattr(row.ids, name) for name in id_columns]
        writer.writerow([*ids, row.label, *(cells[name] for name in columns)])
    return text.getvalue()


def _columns(table: DelimitedTable) -> dict[str, str]:
    """The header's name of each column of `COLUMN_NAMES` that is there."""
    place = f"{table.path}:{table.header_line}"
    column_of: dict[str, str] = {}
    for column, names in COLUMN_NAMES.items():
        matches = [name for name in names if name in table.header]
        if len(matches) > 1:
            raise LabelsError(
                f"{place}: the columns {matches[0]} and {matches[1]} may both be the {column}; "
                "expected one of them, rename or remove the other"
            )
        if matches:
            column_of[column] = matches[0]
    if not column_of.keys() & {"patient_id", "series_uid"} and EITHER in table.header:
        column_of["patient_id"] = EITHER
    if not column_of.keys() & {"patient_id", "series_uid"} or "label" not in column_of:
        raise LabelsError(
            f"{place}: found the columns {', '.join(table.header)[:200]}; expected {EXPECTED} "
            f"among them{_renaming(table.header, column_of)}"
        )
    return column_of


def _renaming(header: Sequence[str], column_of: Mapping[str, str]) -> str:
    """What to rename, where a column looks like one that is missing."""
    unused = [name for name in header if name and name not in column_of.values()]
    has_id = column_of.keys() & {"patient_id", "series_uid"}
    missing: list[tuple[str, ...]] = [] if has_id else [("series_uid", "patient_id")]
    missing += [] if "label" in column_of else [("label",)]
    renamed = []
    for names in missing:
        likely = ((likely_column(name, unused), name) for name in names)
        renamed += [f"{column} to {name}" for column, name in likely if column][:1]
    return f"; rename {' and '.join(renamed)}?" if renamed else ""


def _unit(column_of: dict[str, str]) -> Unit:
    if "series_uid" in column_of:
        return BY_SERIES
    return BY_DATE if "study_date" in column_of else BY_PATIENT


def _is_kept(name: str, column_of: dict[str, str]) -> bool:
    is_read = name in column_of.values() or name in column_of
    return bool(name) and not is_read and not IDENTIFYING.search(name)


def _ids(
    path: Path,
    line: int,
    cells: tuple[str, ...],
    column_of: dict[str, str],
    header: tuple[str, ...],
    unit: Unit,
) -> SeriesIds:
    values = {
        name: cells[header.index(column_of[name])]
        for name in SeriesIds._fields
        if name in column_of and (name != "study_date" or unit == BY_DATE)
    }
    for name, value in values.items():
        if not value and name in unit:
            raise LabelsError(f"{path}:{line}: the {column_of[name]} is empty, expected an id")
        if name != "study_date" and ROUNDED.fullmatch(value):
            raise LabelsError(
                f"{path}:{line}: the {column_of[name]} is {value!r}: a spreadsheet rounded it, "
                "digits are lost; export the ids again, in a column of the type text"
            )
    if "study_date" in values:
        values["study_date"] = _date(path, line, column_of["study_date"], values["study_date"])
    if column_of.get("patient_id") == EITHER:
        values["series_uid"] = values["patient_id"]
    ids = {name: values.get(name, "") for name in SeriesIds._fields}
    return SeriesIds(**ids)


def _date(path: Path, line: int, column: str, text: str) -> str:
    if PSEUDONYM.fullmatch(text):
        return text
    for form, date_format in DATE_FORMS.items():
        if form.fullmatch(text):
            try:
                return f"{datetime.strptime(text, date_format):%Y%m%d}"
            except ValueError:
                break
    raise LabelsError(
        f"{path}:{line}: {column} is {text[:40]!r}, expected a date as 19990131 or 1999-01-31"
    )


def _label(path: Path, line: int, column: str, text: str) -> int:
    if text not in LABELS:
        raise LabelsError(
            f"{path}:{line}: {column} is {text[:40]!r}, expected 0 or 1; delete the line where it "
            "is not known"
        )
    return LABELS[text]


def _check_conflicts(path: Path, rows: list[LabelRow], unit: Unit) -> None:
    first: dict[tuple[str, ...], LabelRow] = {}
    for row in rows:
        other = first.setdefault(row.key(unit), row)
        if other.label != row.label:
            hint = ", or tell scans apart by a column series_uid" if unit != BY_SERIES else ""
            raise LabelsError(
                f"{path}:{row.line}: {', '.join(row.key(unit))} has the label {row.label} here and "
                f"{other.label} in line {other.line}; expected one label for a "
                f"{UNIT_NAMES[unit]}: delete the line that is wrong{hint}"
            )


def _without_differing(
    columns: tuple[str, ...], rows: list[LabelRow], unit: Unit
) -> tuple[tuple[str, ...], list[LabelRow]]:
    """Columns and rows without what tells lines of one unit apart (a nodule's place, say)."""
    values: dict[tuple[str, ...], list[set[str]]] = defaultdict(lambda: [set() for _ in columns])
    for row in rows:
        for i, cell in enumerate(row.cells):
            values[row.key(unit)][i].add(cell)
    same = [i for i in range(len(columns)) if all(len(sets[i]) < 2 for sets in values.values())]
    lean = [
        LabelRow(row.line, row.ids, row.label, tuple(row.cells[i] for i in same)) for row in rows
    ]
    return tuple(columns[i] for i in same), lean
