"""The rows of a labels file, and the series that each belongs to."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from lungnet.errors import LabelsError
from lungnet.intake import Pseudonyms
from lungnet.store.labels.lost_zeros import check_zeros

log = logging.getLogger("lungnet")

BY_PATIENT, BY_DATE, BY_SERIES = ("patient_id",), ("patient_id", "study_date"), ("series_uid",)
"""The ids that name what a label is of."""

UNIT_NAMES = {
    BY_PATIENT: "patient",
    BY_DATE: "patient and date",
    BY_SERIES: "series",
}
PLURALS = {
    BY_PATIENT: "patients",
    BY_DATE: "pairs of patient and date",
    BY_SERIES: "series",
}

Unit = tuple[str, ...]
Key = tuple[str, ...]


class SeriesIds(NamedTuple):
    """What a series may be found by in a labels file.

    Attributes:
        patient_id: as in the scans.
        series_uid: Series Instance UID, or what stands for it.
        study_date: YYYYMMDD, or its pseudonym; empty where the scans name none.
    """

    patient_id: str
    series_uid: str
    study_date: str = ""


@dataclass(frozen=True)
class LabelRow:
    """One line of a labels file.

    Attributes:
        line: where it stands.
        ids: as far as the file names them; the others are empty.
        label: 0 or 1.
        cells: further columns, in the order of `Labels.columns`.
    """

    line: int
    ids: SeriesIds
    label: int
    cells: tuple[str, ...] = ()

    def key(self, unit: Unit) -> Key:
        """The ids that name what the label is of."""
        return _key(self.ids, unit)


@dataclass(frozen=True)
class Labels:
    """Labels by patient, by patient and date, or by series.

    Attributes:
        path: the file they come from.
        unit: the ids that name what a label is of: `BY_PATIENT`, `BY_DATE` or `BY_SERIES`.
        rows: a row per line of the file; all rows of one unit have the same `cells`.
        columns: names of the further columns.
        is_nodule_list: a line per nodule; its series or patient is positive where any nodule is.
        may_be_series: the ids come from a column `id`, which may hold patients or series.
    """

    path: Path
    unit: Unit
    rows: tuple[LabelRow, ...]
    columns: tuple[str, ...] = ()
    is_nodule_list: bool = False
    may_be_series: bool = False

    @cached_property
    def by_key(self) -> Mapping[Key, LabelRow]:
        """One row for each patient, patient and date, or series; the label is 1 where any is."""
        combined: dict[Key, LabelRow] = {}
        for row in self.rows:
            key = row.key(self.unit)
            first = combined.setdefault(key, row)
            if row.label > first.label:
                combined[key] = replace(first, label=row.label)
        return combined

    def summary(self) -> str:
        """How many labels of how many series and patients, and how they were made one."""
        counts = [f"{len(self.by_key):,} {PLURALS[self.unit]}"]
        patients = {row.ids.patient_id for row in self.rows if row.ids.patient_id}
        if self.unit != BY_PATIENT and patients:
            counts.append(f"{len(patients):,} patients")
        text = f"{len(self.rows):,} labels of {' of '.join(counts)}"
        if self.is_nodule_list:
            name = UNIT_NAMES[self.unit]
            return f"{text}; a line per nodule: a {name} is positive where any of its nodules is"
        n_repeated = len(self.rows) - len(self.by_key)
        return f"{text}; {n_repeated} lines repeat an earlier one" if n_repeated else text

    def renamed(self, pseudonyms: Pseudonyms) -> "Labels":
        """The same labels under pseudonyms, as those of the scans."""
        rows = [
            replace(
                row,
                ids=SeriesIds(
                    pseudonyms.patient(row.ids.patient_id),
                    pseudonyms.uid(row.ids.series_uid),
                    pseudonyms.date(row.ids.study_date),
                ),
            )
            for row in self.rows
        ]
        return replace(self, rows=tuple(rows))

    def resolved(self, series: Sequence[SeriesIds]) -> "Labels":
        """The same labels, with it settled whether a column `id` holds patients or series."""
        if not self.may_be_series:
            return self
        ids = {row.ids.patient_id for row in self.rows}
        uids = {row.ids.series_uid for row in self.rows}
        is_by_series = not any(s.patient_id in ids for s in series) and any(
            s.series_uid in uids for s in series
        )
        unused = {"patient_id": ""} if is_by_series else {"series_uid": ""}
        if is_by_series:
            unused["study_date"] = ""
        rows = tuple(replace(row, ids=row.ids._replace(**unused)) for row in self.rows)
        unit = BY_SERIES if is_by_series else self.unit
        return replace(self, rows=rows, unit=unit, may_be_series=False)

    def row_of(self, series: SeriesIds) -> LabelRow | None:
        """The row of a series, if any; one label for what the unit names."""
        row = self.by_key.get(_key(series, self.unit))
        if row is None and self.unit == BY_SERIES:
            # A volume file bears its series' UID as a name, which stands for the patient.
            row = self.by_key.get((series.patient_id,))
        return row

    def matched(self, series: Sequence[SeriesIds]) -> list[LabelRow | None]:
        """The row of each series, None where it has none; counts what is left over in the log.

        Call `resolved` first.

        Raises:
            LabelsError: not one has a label, or ids differ from the scans' only by zeros.
        """
        rows = [self.row_of(ids) for ids in series]
        used = {row.key(self.unit) for row in rows if row is not None}
        if self.unit != BY_SERIES:
            patients = {s.patient_id for s in series}
            lines = {row.ids.patient_id: row.line for row in self.rows}
            check_zeros(self.path, lines, patients)
        if series and not used:
            raise LabelsError(self._mismatch(series))
        log.info("%s: %s", self.path, self.summary())
        all_keys = {_key(ids, self.unit) for ids in series}
        without = {
            _key(ids, self.unit) for ids, row in zip(series, rows, strict=True) if row is None
        }
        name, names = UNIT_NAMES[self.unit], PLURALS[self.unit]
        if without:
            log.warning(
                "%s: %d of %d %s have no label", self.path, len(without), len(all_keys), names
            )
        if len(used) < len(self.by_key):
            left = len(self.by_key) - len(used)
            log.warning(
                "%s: %d of %d labels belong to no %s here", self.path, left, len(self.by_key), name
            )
        return rows

    def merged(self, later: "Labels") -> "Labels":
        """These and those of another file; cells that one of them lacks are empty.

        Raises:
            LabelsError: a patient or series has another label in each, or they name other ids.
        """
        if self.unit != later.unit:
            raise LabelsError(
                f"{later.path}: gives labels by {UNIT_NAMES[later.unit]}, {self.path} by "
                f"{UNIT_NAMES[self.unit]}; expected the same, or remove that file"
            )
        columns = tuple(sorted({*self.columns, *later.columns}))
        rows: dict[Key, LabelRow] = {}
        for key in {**self.by_key, **later.by_key}:
            old, new = self.by_key.get(key), later.by_key.get(key)
            if old and new and old.label != new.label:
                raise LabelsError(
                    f"{later.path}: {', '.join(key)} has the label {new.label} here and "
                    f"{old.label} in {self.path}; expected the same, or remove that file"
                )
            cells = self.cells_of(old)
            cells |= {name: cell for name, cell in later.cells_of(new).items() if cell}
            row = new or old
            assert row is not None
            rows[key] = replace(row, cells=tuple(cells.get(name, "") for name in columns))
        return Labels(later.path, later.unit, tuple(rows.values()), columns)

    def cells_of(self, row: LabelRow | None) -> dict[str, str]:
        """The further columns of a row by name; none of no row."""
        return dict(zip(self.columns, row.cells, strict=True)) if row else {}

    def _mismatch(self, series: Sequence[SeriesIds]) -> str:
        label_key = min(self.by_key)
        all_keys = sorted({_key(ids, self.unit) for ids in series})
        names = PLURALS[self.unit]
        text = (
            f"{self.path}: none of the {len(all_keys)} {names} has a label: the file speaks of "
            f"{', '.join(map(repr, label_key))}, the scans of {', '.join(map(repr, all_keys[0]))}"
        )
        uids = {ids.series_uid for ids in series}
        patients = {ids.patient_id for ids in series}
        if self.unit != BY_SERIES and any(row.ids.patient_id in uids for row in self.rows):
            return f"{text}; these are series: name that column series_uid"
        if self.unit == BY_DATE and not any(ids.study_date for ids in series):
            return (
                f"{text}; the scans name no study date (volume files do not, nor do stores of an "
                "older lungnet): give labels by patient_id or series_uid alone"
            )
        if self.unit == BY_DATE and any(row.ids.patient_id in patients for row in self.rows):
            return f"{text}; the dates differ: give those of the scans, or labels by series_uid"
        return f"{text}; expected the same ids"


def _key(ids: SeriesIds, unit: Unit) -> Key:
    return tuple([getattr(ids, name) for name in unit])
