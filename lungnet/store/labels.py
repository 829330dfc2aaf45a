"""A labels file: who has cancer, and what else is known of each patient.

Checked whole before any work.
"""

import csv
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lungnet.errors import LabelsError
from lungnet.files import read_bounded

log = logging.getLogger("lungnet")

FORMS = (("patient_id", "label"), ("id", "cancer"))
"""Names of the two columns that must be there: ours, and Kaggle's."""

IDENTIFYING = re.compile(r"name|birth|dob|address|phone|mail|ssn|insurance", re.IGNORECASE)
"""Columns that may say who a patient is are not read."""

LARGEST_BYTES = 500_000_000
"""A labels file is a table of ids; more is refused before it is read."""


@dataclass(frozen=True)
class Labels:
    """Labels by patient.

    Attributes:
        path: the file they come from.
        label: 0 or 1 by patient id, in the file's order.
        columns: further columns, text by patient id; every patient has each column.
    """

    path: Path
    label: Mapping[str, int]
    columns: Mapping[str, Mapping[str, str]]

    def renamed(self, rename: Callable[[str], str]) -> "Labels":
        """The same labels under other patient ids."""
        columns = {
            name: {rename(patient): cell for patient, cell in column.items()}
            for name, column in self.columns.items()
        }
        return Labels(
            self.path, {rename(patient): label for patient, label in self.label.items()}, columns
        )

    def merged(self, later: "Labels") -> "Labels":
        """These and those of another file; cells that one of them lacks are empty.

        Raises:
            LabelsError: a patient has another label in each.
        """
        for patient in self.label.keys() & later.label.keys():
            if self.label[patient] != later.label[patient]:
                raise LabelsError(
                    f"{later.path}: {patient} has the label {later.label[patient]} here and "
                    f"{self.label[patient]} in {self.path}; expected the same, or remove that file"
                )
        label = {**self.label, **later.label}
        columns = {
            name: {
                patient: later.columns.get(name, {}).get(patient)
                or self.columns.get(name, {}).get(patient, "")
                for patient in label
            }
            for name in {*self.columns, *later.columns}
        }
        return Labels(later.path, label, columns)

    def matched(self, patients: Collection[str]) -> dict[str, int]:
        """Labels of those patients that have one.

        Warns of patients without a label and labels without a patient.

        Raises:
            LabelsError: not one patient has a label.
        """
        labels = {patient: self.label[patient] for patient in patients if patient in self.label}
        if patients and not labels:
            labeled_id, scanned_id = sorted(self.label)[0], sorted(patients)[0]
            mismatch = (
                f"none of the {len(patients)} patients has a label: the file speaks of "
                f"{labeled_id!r}, "
                f"the scans of {scanned_id!r}"
            )
            raise LabelsError(f"{self.path}: {mismatch}; expected the same ids")
        if len(labels) < len(set(patients)):
            log.warning(
                "%s: %d of %d patients have no label",
                self.path,
                len(set(patients)) - len(labels),
                len(set(patients)),
            )
        if len(labels) < len(self.label):
            log.warning(
                "%s: %d of %d labels belong to no patient here",
                self.path,
                len(self.label) - len(labels),
                len(self.label),
            )
        return labels


def read_labels(path: Path) -> Labels:
    """Read `id,cancer` or `patient_id,label` and more columns.

    Raises:
        LabelsError: the file is missing or empty, a column is missing, an id is empty or there
            twice, a label is not 0 or 1; names file and line.
    """
    lines = list(enumerate(csv.reader(_text(path).splitlines()), 1))
    rows = [(number, row) for number, row in lines if any(cell.strip() for cell in row)]
    if not rows:
        raise LabelsError(
            f"{path}: the file is empty, expected a header `patient_id,label` or `id,cancer` and a "
            "line per patient"
        )
    names = [name.strip() for name in rows[0][1]]
    id_column, label_column = _columns(path, rows[0][0], names)
    if len(rows) == 1:
        raise LabelsError(f"{path}: a header and no patients, expected a line per patient")
    line_of: dict[str, int] = {}
    label: dict[str, int] = {}
    cells: dict[str, dict[str, str]] = {
        name: {} for name in names if _is_kept(name, id_column, label_column)
    }
    for number, row in rows[1:]:
        if len(row) != len(names):
            raise LabelsError(f"{path}:{number}: {len(row)} columns, the header has {len(names)}")
        values = dict(zip(names, map(str.strip, row), strict=True))
        patient = values[id_column]
        if not patient:
            raise LabelsError(f"{path}:{number}: the {id_column} is empty, expected a patient's id")
        if patient in line_of:
            raise LabelsError(
                f"{path}:{number}: {id_column} {patient} is there twice, first in line "
                f"{line_of[patient]}; expected one line per patient"
            )
        line_of[patient] = number
        label[patient] = _label(path, number, label_column, values[label_column])
        for name, column in cells.items():
            column[patient] = values[name]
    return Labels(path, label, cells)


def labels_text(labels: Labels) -> str:
    """The labels as a CSV that `read_labels` reads back, sorted by patient."""
    names = sorted(labels.columns)
    lines = [["patient_id", "label", *names]]
    lines += [
        [patient, str(labels.label[patient]), *(labels.columns[name][patient] for name in names)]
        for patient in sorted(labels.label)
    ]
    return "".join(",".join(_quoted(cell) for cell in line) + "\n" for line in lines)


def _text(path: Path) -> str:
    try:
        text = read_bounded(path, LARGEST_BYTES).decode("utf-8-sig")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise LabelsError(
            f"{path}: not a text file in UTF-8, expected a CSV with `patient_id,label` or "
            "`id,cancer`"
        ) from None
    except OSError as error:
        raise LabelsError(
            f"{path}: {(error.strerror or str(error)).lower()}, expected a CSV with "
            "`patient_id,label` or `id,cancer`"
        ) from None


def _columns(path: Path, line: int, names: list[str]) -> tuple[str, str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LabelsError(f"{path}:{line}: column {twice[0]!r} is there twice, expected each once")
    for form in FORMS:
        if set(form) <= set(names):
            return form
    listed = ", ".join(names)[:200]
    raise LabelsError(
        f"{path}:{line}: found the columns {listed}; expected `patient_id,label` or `id,cancer` "
        "among them"
    )


def _is_kept(name: str, id_column: str, label_column: str) -> bool:
    return (
        bool(name)
        and name not in (id_column, label_column, "patient_id", "label")
        and not IDENTIFYING.search(name)
    )


def _label(path: Path, line: int, column: str, text: str) -> int:
    if text not in ("0", "1", "0.0", "1.0"):
        raise LabelsError(f"{path}:{line}: {column} is {text[:40]!r}, expected 0 or 1")
    return int(float(text))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n\r') else cell
