"""From the places of slices along their normal to an even spacing.

What is even, what is interpolated, what is missing.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.headers.slice_header import Slice
from lungnet.volume import Warned

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


def spacing_along(
    stops: Vector, slices: Sequence[Slice], limits: IntakeConfig, warnings: list[Warned]
) -> tuple[float, tuple[float, ...] | None]:
    """Distance between planes, and where the even planes lie among uneven slices.

    Args:
        stops: places along the normal, rising, millimetres.
        slices: at those places.
        limits: what may be resampled.
        warnings: added to.

    Returns:
        The spacing in millimetres, and for each plane of the even grid its fractional index among
        the stops; None where the stops are even already.

    Raises:
        SeriesRefused: something is missing, or the places are too uneven.
    """
    if len(stops) == 1:
        thickness = slices[0].spacing_mm or slices[0].thickness_mm or 1.0
        warnings.append(
            Warned(
                "spacing-from-thickness",
                f"one slice only; {thickness:g} mm is its thickness, no distance",
            )
        )
        return thickness, None
    gaps = np.diff(stops)
    even = float(stops[-1] - stops[0]) / len(gaps)
    off = float(np.abs(stops - stops[0] - even * np.arange(len(stops))).max())
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    if usual > WIDEST_STEP_MM:
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"slices lie {usual:g} mm apart, at most {WIDEST_STEP_MM:g} make a volume",
        )
    usual = float(gaps[np.abs(gaps - usual) <= 2 * ROUNDED_MM].mean())
    if (
        off <= max(EVEN_TOLERANCE * even, ROUNDED_MM)
        and float(gaps.max()) < LARGEST_HOLE_RATIO * usual
    ):
        if off > JITTER_TOLERANCE * even:
            warnings.append(
                Warned(
                    "jitter", f"slices lie up to {off:.3f} mm off an even spacing of {even:.3f} mm"
                )
            )
        return even, None
    _refuse_gaps(gaps, usual, limits)
    count = math.floor((stops[-1] - stops[0]) / usual + 1e-6) + 1
    if count > MOST_PLANES_EACH * len(stops):
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"{len(stops)} slices would be interpolated to {count} planes",
        )
    planes = np.interp(stops[0] + usual * np.arange(count), stops, np.arange(len(stops)))
    text = (
        f"distances of {gaps.min():.2f} to {gaps.max():.2f} mm; interpolated every {usual:.2f} mm"
    )
    warnings.append(Warned("resampled", text))
    return usual, tuple(planes.tolist())


def _refuse_gaps(gaps: Vector, usual: float, limits: IntakeConfig) -> None:
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
    if gaps.max() > limits.largest_gap_mm:
        k = int(gaps.argmax())
        found = (
            f"slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart, widest after slice {k + 1}"
        )
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"{found}; gaps of up to {limits.largest_gap_mm:g} mm are resampled",
        )


def _is_wider_end(holes: NDArray[np.intp], n_gaps: int) -> bool:
    """Whether the wide gaps are all those at one end.

    The scan changed its spacing there, nothing was lost.
    """
    is_block = len(holes) > 2 and holes[-1] - holes[0] == len(holes) - 1
    return bool(is_block and (holes[0] == 0 or holes[-1] == n_gaps - 1))
