"""From the places of slices along their normal to an even spacing.

What is even, what is interpolated, what is missing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.volume import ScanWarning

Vector = NDArray[np.float64]

EVEN_TOLERANCE = 0.1
"""Slices may lie so far from the even grid, as part of the spacing, and still be taken as even."""

MOST_PLANES_EACH = 4
"""Uneven slices are interpolated to at most so many planes for each slice."""

SMALLEST_STEP_MM = 0.1
"""No scan steps less; slices so close are of two stacks."""

WIDEST_STEP_MM = 50.0
"""Slices farther apart are no scan of a chest."""

ROUNDED_MM = 0.1
"""Some archives round positions to so much: slices may always lie so far from the even grid."""

LARGEST_HOLE_RATIO = 1.5
"""A gap so many times the usual one is no unevenness but a hole."""

JITTER_TOLERANCE = 0.02
"""Beyond this part of the spacing the unevenness is told as a warning."""


@dataclass(frozen=True)
class Spacing:
    """How the planes of the even grid lie among the slices.

    Attributes:
        step_mm: between planes.
        planes: for each plane its fractional index among the slices' positions; None where these
            are even already.
        warnings: what was interpolated, or taken as even.
    """

    step_mm: float
    planes: tuple[float, ...] | None
    warnings: tuple[ScanWarning, ...] = ()


def find_spacing(
    positions_mm: Vector, slices: Sequence[SliceHeader], config: IntakeConfig
) -> Spacing:
    """The even spacing that slices have, or are interpolated to.

    Args:
        positions_mm: along the normal, rising, each once.
        slices: at those positions.
        config: what may be resampled.

    Raises:
        SeriesRefused: something is missing, or the positions are too uneven.
    """
    if len(positions_mm) == 1:
        thickness = slices[0].spacing_mm or slices[0].thickness_mm or 1.0
        text = f"one slice only; {thickness:g} mm is its thickness, no distance"
        return Spacing(thickness, None, (ScanWarning("spacing-from-thickness", text),))
    gaps = np.diff(positions_mm)
    even = float(positions_mm[-1] - positions_mm[0]) / len(gaps)
    off = float(np.abs(positions_mm - positions_mm[0] - even * np.arange(len(positions_mm))).max())
    usual = _usual_gap(gaps)
    is_even = off <= max(EVEN_TOLERANCE * even, ROUNDED_MM)
    if not is_even or float(gaps.max()) >= LARGEST_HOLE_RATIO * usual:
        _refuse_gaps(gaps, usual, config)
        return _interpolated(positions_mm, gaps, usual)
    if off <= JITTER_TOLERANCE * even:
        return Spacing(even, None)
    text = f"slices lie up to {off:.3f} mm off an even spacing of {even:.3f} mm"
    return Spacing(even, None, (ScanWarning("jitter", text),))


def _usual_gap(gaps: Vector) -> float:
    """The median gap, as the mean of those that rounding may have made of it."""
    median = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    if median > WIDEST_STEP_MM:
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"slices lie {median:g} mm apart, at most {WIDEST_STEP_MM:g} make a volume",
        )
    return float(gaps[np.abs(gaps - median) <= 2 * ROUNDED_MM].mean())


def _interpolated(positions_mm: Vector, gaps: Vector, usual: float) -> Spacing:
    """Planes every usual gap, among uneven slices."""
    n = len(positions_mm)
    count = math.floor((positions_mm[-1] - positions_mm[0]) / usual + 1e-6) + 1
    if count > MOST_PLANES_EACH * n:
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING, f"{n} slices would be interpolated to {count} planes"
        )
    planes = np.interp(positions_mm[0] + usual * np.arange(count), positions_mm, np.arange(n))
    text = f"distances of {gaps.min():.2f} to {gaps.max():.2f} mm"
    warning = ScanWarning("resampled", f"{text}; interpolated every {usual:.2f} mm")
    return Spacing(usual, tuple(planes.tolist()), (warning,))


def _refuse_gaps(gaps: Vector, usual: float, config: IntakeConfig) -> None:
    """Refuse what cannot be resampled: whole slices missing, or too wide a gap."""
    if usual < SMALLEST_STEP_MM and gaps.max() > 10 * usual:
        raise SeriesRefused(
            reasons.DUPLICATE_POSITION,
            f"most slices lie {usual:.3f} mm beside another: two stacks in one series",
        )
    ratios = gaps / usual
    holes = np.flatnonzero(ratios > LARGEST_HOLE_RATIO)
    is_whole = np.abs(ratios - np.round(ratios)) <= max(
        EVEN_TOLERANCE, min(2 * ROUNDED_MM / usual, 0.25)
    )
    if (
        holes.size
        and is_whole.mean() > 0.8
        and is_whole[holes].all()
        and not _is_wider_end(holes, len(gaps))
    ):
        k = int(holes[0])
        lost = int(np.round(ratios[holes] - 1).sum())
        raise SeriesRefused(
            reasons.MISSING_SLICE,
            f"slices {k + 1} and {k + 2} are {gaps[k]:.2f} mm apart, the others {usual:.2f} mm: "
            f"{lost} slice(s) missing in all",
        )
    if gaps.max() > config.largest_gap_mm:
        k = int(gaps.argmax())
        range_text = (
            f"slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart, widest after slice {k + 1}"
        )
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"{range_text}; gaps of up to {config.largest_gap_mm:g} mm are resampled",
        )


def _is_wider_end(holes: NDArray[np.intp], n_gaps: int) -> bool:
    """Whether the wide gaps are all those at one end.

    The scan changed its spacing there, nothing was lost.
    """
    is_block = len(holes) > 2 and holes[-1] - holes[0] == len(holes) - 1
    return bool(is_block and (holes[0] == 0 or holes[-1] == n_gaps - 1))
