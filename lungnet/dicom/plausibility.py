"""What only the values show: whether they can be Hounsfield units of a chest.

The bounds are wide on purpose: a wrong refusal loses a patient, and what is merely odd is told as a warning.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lungnet.dicom import reasons
from lungnet.errors import SeriesRefused
from lungnet.volume import AIR_HU, Triple, Warned

BRIGHT_HU, LARGEST_BRIGHT_PART = 3500, 0.05
"""12 bits end at 3,071 HU; only metal on an extended scale goes beyond, and no patient is metal to a twentieth."""

DEEPEST_HU, LARGEST_DEEP_PART = -4200, 0.02
"""Fields of view end in -1024 to -3072, or in one value far below; many values there are no CT's."""

AIR_BELOW_HU, TISSUE_ABOVE_HU = -300, -200
"""A patient in a scanner shows something thinner than the first (air) and something denser than the second (tissue)."""

LUNG_HU = (-950, -550)
"""Aerated lung; air of the room is thinner, everything else denser but for edges of the body and foam."""

SMALLEST_LUNG_LITRES, SMALLEST_LUNG_PART = 0.4, 0.04
"""With less of both, in litres and as part of the tissue, there are no lungs: edges of a head or abdomen give a half of that."""

JUDGED_MM = (60.0, 150.0, 150.0)
"""Only volumes at least so large, along (z, y, x), are judged by their content: no phantom insert, no thin slab."""


def deep_part(stored: NDArray[np.generic], slope: float, intercept: float) -> float:
    """The part of a slice that lies deeper than any padding a scanner writes, the commonest value (a padding) not counted."""
    sample = stored[::16, ::16].astype(np.float64) * slope + intercept
    deep = sample[sample < DEEPEST_HU]
    return float((deep != deep[0]).mean() * deep.size / sample.size) if deep.size else 0.0


def refuse_deep(parts: list[float]) -> None:
    """Refuse what a wrong decoder or a wrong rescale makes: values far below air, of many kinds.

    Raises:
        SeriesRefused: implausible-hu.
    """
    part = sum(parts) / len(parts) if parts else 0.0
    if part > LARGEST_DEEP_PART:
        raise SeriesRefused(
            reasons.IMPLAUSIBLE_HU, f"{part:.0%} of the voxels lie below {DEEPEST_HU:,} HU: not CT values, or broken pixels"
        )


def check_values(hu: NDArray[np.int16], spacing_mm: Triple, body_part: str = "") -> list[Warned]:
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
    sample = hu[:: steps[0], :: steps[1], :: steps[2]]
    bright = float((sample > BRIGHT_HU).mean())
    if bright > LARGEST_BRIGHT_PART:
        raise SeriesRefused(
            reasons.IMPLAUSIBLE_HU, f"{bright:.0%} of the voxels are above {BRIGHT_HU:,} HU: not CT values, or a wrong rescale"
        )
    if sample.max() <= AIR_HU:
        raise SeriesRefused(reasons.IMPLAUSIBLE_HU, "every voxel is air")
    extent = [n * mm for n, mm in zip(hu.shape, spacing_mm, strict=True)]
    if any(have < need for have, need in zip(extent, JUDGED_MM, strict=True)):
        return []
    low, high = np.percentile(sample, [1, 99])
    if low > AIR_BELOW_HU:
        raise SeriesRefused(reasons.IMPLAUSIBLE_HU, f"no air anywhere: the lowest values are about {low:.0f} HU; is the intercept missing?")
    if high < TISSUE_ABOVE_HU:
        raise SeriesRefused(
            reasons.IMPLAUSIBLE_HU, f"no tissue anywhere: the highest values are about {high:.0f} HU; is the intercept wrong?"
        )
    return _check_lungs(sample, math.prod(extent) / 1e6, body_part)


def _check_lungs(sample: NDArray[np.int16], litres: float, body_part: str) -> list[Warned]:
    lung = float(((sample > LUNG_HU[0]) & (sample < LUNG_HU[1])).mean())
    tissue = float((sample >= LUNG_HU[1]).mean())
    if lung * litres < SMALLEST_LUNG_LITRES and lung < SMALLEST_LUNG_PART * tissue:
        raise SeriesRefused(reasons.NOT_CHEST, f"only {lung * litres:.2f} litres are as dense as lung")
    known = ("CHEST", "LUNG", "THORA", "TORSO", "TRUNK", "ABD", "BODY", "HEART", "CARDIAC")
    if body_part and not any(part in body_part for part in known):
        return [Warned("body-part", "Body Part Examined (0018,0015) names no chest, the pixels show lungs")]
    return []
