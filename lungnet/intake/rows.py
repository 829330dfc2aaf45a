"""The verdict on each series as a row, and the choice among a patient's series."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from lungnet.errors import SeriesRefused
from lungnet.intake.headers.slice_header import readable
from lungnet.intake.reading import read_series
from lungnet.intake.series import Found
from lungnet.volume import Volume, Warned


@dataclass(frozen=True)
class SeriesRow:
    """One row of `lungnet inspect`; field names are the keys of its JSON."""

    path: str
    patient_id: str
    study_uid: str
    series_uid: str
    status: str
    reason: str | None
    detail: str
    warnings: tuple[Warned, ...]
    chosen: bool
    modality: str
    slices: int
    shape: tuple[int, int, int] | None
    spacing_mm: tuple[float, float, float] | None
    origin_mm: tuple[float, float, float] | None
    transfer_syntax: str
    manufacturer: str
    kernel: str
    plane: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)


def inspect_series(found: Found) -> SeriesRow:
    """Read a series and say whether it is usable; the volume is dropped."""
    try:
        return row_of(found, read_series(found))
    except SeriesRefused as refusal:
        return refused_row(found, refusal)


def row_of(found: Found, volume: Volume) -> SeriesRow:
    """The row of a series that was read."""
    shape = volume.hu.shape
    return replace(
        _plain_row(found),
        status="usable",
        warnings=volume.warnings,
        shape=(shape[0], shape[1], shape[2]),
        spacing_mm=volume.spacing_mm,
        origin_mm=volume.origin_mm,
        slices=len(set(found.grid.places)) if found.grid else shape[0],
    )


def refused_row(found: Found, refusal: SeriesRefused) -> SeriesRow:
    """The row of a series that was refused."""
    return replace(_plain_row(found), reason=refusal.reason, detail=refusal.detail)


POLICY = (
    "axial, then (nearly) complete, then thinnest, then longest, then a lung or standard kernel, "
    "then the fewest warnings"
)
"""How one series of a patient is chosen among several usable ones."""

COMPLETE_PART = 0.8
"""A series is complete when it covers so much of the patient's longest: a thin detail series must
not win over the chest."""

WHOLE_CHEST_MM = 350.0
"""Nothing needs to be longer: a chest with the abdomen must not win over a thin chest."""

LUNG_KERNEL = re.compile(
    r"LUNG|BONE|B[67]\d|BL\d|BR[56]\d|FC5|FC8|EDGE|SHARP|YC|^L$|^D$", re.IGNORECASE
)
STANDARD_KERNEL = re.compile(r"STAND|CHST|B[34]\d|BF\d|BR[34]\d|FC0|FC1|^B$|^C$", re.IGNORECASE)


def choose(rows: Sequence[SeriesRow]) -> list[SeriesRow]:
    """Mark the one series of each patient to use, by `POLICY`; say so where there were several."""
    patients: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.status == "usable":
            # What has no patient id belongs to nobody else either.
            patients.setdefault(row.patient_id or f"\0{row.series_uid}", []).append(i)
    chosen = list(rows)
    for usable in patients.values():
        axial = [i for i in usable if rows[i].plane == "axial"] or usable
        longest = min(max(_length_mm(rows[i]) for i in axial), WHOLE_CHEST_MM)
        best = min(usable, key=lambda i: _rank(rows[i], longest))
        for i in usable:
            detail = f"not chosen among {len(usable)} usable series"
            if i == best:
                detail = f"chosen among {len(usable)} usable series: {POLICY}"
            chosen[i] = replace(
                rows[i], chosen=i == best, detail=detail if len(usable) > 1 else rows[i].detail
            )
    return chosen


def _rank(row: SeriesRow, longest_mm: float) -> tuple[object, ...]:
    spacing = row.spacing_mm[0] if row.spacing_mm else math.inf
    kernel = 0 if LUNG_KERNEL.search(row.kernel) else 1 if STANDARD_KERNEL.search(row.kernel) else 2
    is_partial = _length_mm(row) < COMPLETE_PART * longest_mm
    return (
        row.plane != "axial",
        is_partial,
        round(spacing, 2),
        -round(_length_mm(row)),
        kernel,
        len(row.warnings),
        row.series_uid,
        row.path,
    )


def _length_mm(row: SeriesRow) -> float:
    return row.shape[0] * row.spacing_mm[0] if row.shape and row.spacing_mm else 0.0


def _plain_row(found: Found) -> SeriesRow:
    one = found.slices[0] if found.slices else None
    return SeriesRow(
        readable(found.path),
        found.patient_id,
        found.study_uid,
        found.series_uid,
        "refused",
        None,
        "",
        found.warnings,
        False,
        found.modality,
        len(found.slices),
        None,
        None,
        None,
        one.encoding.transfer_syntax if one else "",
        one.identity.manufacturer if one else "",
        one.identity.kernel if one else "",
        "axial" if found.grid is None or found.grid.is_axial else "other",
    )
