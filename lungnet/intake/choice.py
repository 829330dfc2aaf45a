"""The one series of each patient that is used, among several usable ones."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from lungnet.intake.rows import SeriesRow

POLICY = (
    "axial, then (nearly) complete, then thinnest, then longest, then a lung or standard kernel, "
    "then the fewest warnings"
)
"""How one series of a patient is chosen among several usable ones."""


COMPLETE_SHARE = 0.8
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
            # A series without a patient id is a patient of its own.
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
    is_partial = _length_mm(row) < COMPLETE_SHARE * longest_mm
    return (
        row.plane != "axial",
        is_partial,
        round(spacing, 2),
        -round(_length_mm(row)),
        kernel,
        len(row.warnings),
        row.series_uid,
        row.stack,
        row.path,
    )


def _length_mm(row: SeriesRow) -> float:
    return row.shape[0] * row.spacing_mm[0] if row.shape and row.spacing_mm else 0.0
