"""What only the values show: whether they can be Hounsfield units of a chest.

The bounds are wide on purpose: a wrong refusal loses a patient, and what is merely odd is told as a
warning.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.intake.pixels.rescale import declared_padding
from lungnet.volume import AIR_HU, ScanWarning, Triple

BRIGHT_HU, LARGEST_BRIGHT_PART = 3500, 0.05
"""12 bits end at 3,071 HU; only metal on an extended scale goes beyond, and no patient is metal to
a twentieth."""

DEEPEST_HU, LARGEST_DEEP_PART = -4200, 0.02
"""Fields of view end in -1024 to -3072, or in one value far below; many values there are no
CT's."""

AIR_BELOW_HU, TISSUE_ABOVE_HU = -300, -200
"""A patient in a scanner shows something thinner than the first (air) and something denser than the
second (tissue)."""

LUNG_HU = (-950, -550)
"""Aerated lung; air of the room is thinner, everything else denser but for edges of the body and
foam."""

DARK_HU, ROOM_HU = -400, -920
"""Lungs are thinner than the first; a region of air that reaches the edge of the slice and is
thinner than the second is the room."""

SMALLEST_LUNG_LITRES = 0.1
"""With less, there are no lungs: a neck or an abdomen gives a sixth of that, and the three LIDC
scans of the tests 1.7 to 4."""

PARTIAL_LUNG_LITRES = 1.0
"""Whole lungs of adults show more of that density, even in expiration."""

SOFT_HU, SMALLEST_SOFT_PART = (-200, 250), 0.55
"""Most of what is no air is fat, water and muscle (0.85 and more in every quarter of those scans);
wrong slopes and offsets give less."""

BONE_HU = 100
"""No chest is without bone: its densest thousandth is denser (380 and more in those scans)."""

JUDGED_MM = (60.0, 150.0, 150.0)
"""Only volumes at least so large, along (z, y, x), are judged by their content: no phantom insert,
no thin slab."""

JUDGED_LENGTH_MM = 120.0
"""Only so long a volume must show lungs: a head, a neck or an abdomen is longer, and a part of a
chest may lie beside them."""


def deep_share(stored: NDArray[np.generic], header: SliceHeader) -> float:
    """The part of a slice that lies deeper than any padding a scanner writes.

    Declared padding and one value more are not counted.
    """
    sample = stored[::16, ::16]
    sample = sample[~declared_padding(sample, header.encoding)].astype(np.float64) * (
        header.slope or 1
    ) + (header.intercept or 0)
    deep = sample[sample < DEEPEST_HU]
    return (
        float((deep != deep[0]).mean() * deep.size / stored[::16, ::16].size) if deep.size else 0.0
    )


def refuse_deep(shares: list[float]) -> None:
    """Refuse what a wrong decoder or a wrong rescale makes: values far below air, of many kinds.

    Raises:
        SeriesRefused: implausible-hu.
    """
    share = sum(shares) / len(shares) if shares else 0.0
    if share > LARGEST_DEEP_PART:
        raise SeriesRefused(
            reasons.IMPLAUSIBLE_HU,
            f"{share:.0%} of the voxels lie below {DEEPEST_HU:,} HU: "
            "not CT values, or broken pixels",
        )


def check_values(
    hu: NDArray[np.int16], spacing_mm: Triple, body_part: str = ""
) -> list[ScanWarning]:
    """Refuse values that cannot be HU of a chest.

    Args:
        hu: shape (z, y, x).
        spacing_mm: along (z, y, x).
        body_part: Body Part Examined, upper case, as stated.

    Returns:
        Warnings.

    Raises:
        SeriesRefused: implausible-hu or not-chest.
    """
    steps = [max(1, round(n / 96)) for n in hu.shape]
    sample = np.ascontiguousarray(hu[:: steps[0], :: steps[1], :: steps[2]])
    bright = float((sample > BRIGHT_HU).mean())
    if bright > LARGEST_BRIGHT_PART:
        raise SeriesRefused(
            reasons.IMPLAUSIBLE_HU,
            f"{bright:.0%} of the voxels are above {BRIGHT_HU:,} HU: not CT values, or a wrong "
            "rescale",
        )
    if sample.max() <= AIR_HU:
        raise SeriesRefused(reasons.IMPLAUSIBLE_HU, "every voxel is air")
    extent = [(n - 1) * mm for n, mm in zip(hu.shape, spacing_mm, strict=True)]
    if any(have < need for have, need in zip(extent, JUDGED_MM, strict=True)):
        return []
    _refuse_wrong_scale(sample)
    is_long = extent[0] >= JUDGED_LENGTH_MM
    warnings = _check_lungs(sample, math.prod(extent) / 1e6, body_part) if is_long else []
    if (densest := float(np.percentile(sample, 99.9))) < BONE_HU:
        text = f"the densest thousandth begins at {densest:.0f} HU: no bone"
        warnings.append(ScanWarning("no-bone", f"{text}; are slope and intercept right?"))
    return warnings


def _refuse_wrong_scale(sample: NDArray[np.int16]) -> None:
    """Refuse a volume without air, without tissue, or without enough of what bodies are made of."""
    low = np.percentile(sample[sample > AIR_HU], 1)  # what is AIR_HU may be padding
    high = np.percentile(sample, 99)
    is_soft = (sample > SOFT_HU[0]) & (sample < SOFT_HU[1])
    soft = float(is_soft.sum() / (sample > AIR_BELOW_HU).sum()) if high > AIR_BELOW_HU else 0.0
    problem = None
    if low > AIR_BELOW_HU:
        problem = f"no air anywhere: the lowest values are about {low:.0f} HU; is the intercept"
        problem = f"{problem} missing?"
    elif high < TISSUE_ABOVE_HU:
        problem = f"no tissue anywhere: the highest values are about {high:.0f} HU; is the"
        problem = f"{problem} intercept wrong?"
    elif soft < SMALLEST_SOFT_PART:
        problem = f"{soft:.0%} of what is no air is as dense as fat, water and muscle: no body"
        problem = f"{problem} looks so; are slope and intercept right?"
    if problem is not None:
        raise SeriesRefused(reasons.IMPLAUSIBLE_HU, problem)


def _check_lungs(sample: NDArray[np.int16], litres: float, body_part: str) -> list[ScanWarning]:
    lung = _enclosed_lung(sample[:: max(1, len(sample) // 32)]) * litres
    if lung < SMALLEST_LUNG_LITRES:
        raise SeriesRefused(
            reasons.NOT_CHEST, f"only {lung:.2f} litres within the body are as dense as lung"
        )
    warnings = []
    if lung < PARTIAL_LUNG_LITRES:
        text = f"only {lung:.1f} litres within the body are as dense as lung: a part of a chest,"
        warnings.append(ScanWarning("partial-lungs", f"{text} or the top of an abdomen"))
    body_parts = ("CHEST", "LUNG", "THORA", "TORSO", "TRUNK", "ABD", "BODY", "HEART", "CARDIAC")
    if body_part and not any(name in body_part for name in body_parts):
        text = "Body Part Examined (0018,0015) names no chest, the pixels show lungs"
        warnings.append(ScanWarning("body-part", text))
    return warnings


def _enclosed_lung(sample: NDArray[np.int16]) -> float:
    """The share of a volume that is as dense as lung, within the body, edges not counted."""
    from scipy.ndimage import label

    within_planes = np.zeros((3, 3, 3), bool)
    within_planes[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    labels, n = label(sample < DARK_HU, within_planes)
    is_room = np.zeros(n + 1, bool)
    for side in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        is_room[side] = True
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    # A lung that a small field of view cuts reaches the edge as well, and is denser than the room.
    is_room &= (
        np.bincount(labels.ravel(), sample.ravel().astype(np.float64), n + 1) / np.maximum(sizes, 1)
        < ROOM_HU
    )
    is_room[0] = True
    lung = (sample > LUNG_HU[0]) & (sample < LUNG_HU[1]) & ~is_room[labels]
    core = (
        lung[:, 1:-1, 1:-1]
        & lung[:, :-2, 1:-1]
        & lung[:, 2:, 1:-1]
        & lung[:, 1:-1, :-2]
        & lung[:, 1:-1, 2:]
    )
    return float(core.sum() / sample.size)
