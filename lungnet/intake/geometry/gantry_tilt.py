"""A stack whose slices drift sideways, as of a tilted gantry, and how far each is moved back."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.volume import ScanWarning

LARGEST_CANVAS = 4
"""Slices moved back may take so many times the pixels of one; 35 degrees over half a metre take
twice as many."""


DRIFT_TOLERANCE_PIXELS = 0.25
"""Slices may drift so far sideways over the whole stack before the stack counts as tilted."""


LARGEST_JUMP_MM = 2.0
"""A slice farther than this beside the line through the stack is no part of it."""


@dataclass(frozen=True, slots=True)
class Shear:
    """Where slices land on a canvas that holds all of them.

    Attributes:
        shifts: for each slice where its first pixel lands, (down, across) in (fractional) pixels;
            None where none moves.
        canvas: (rows, columns).
        start: (down, across) of the canvas from the first slice's first pixel, in whole pixels.
    """

    shifts: tuple[tuple[float, float], ...] | None
    canvas: tuple[int, int]
    start: tuple[int, int]


def find_shear(
    sideways_mm: NDArray[np.float64],
    distances_mm: NDArray[np.float64],
    header: SliceHeader,
    config: IntakeConfig,
) -> Shear:
    """How far each slice of a stack that drifts sideways must be moved within its plane.

    Args:
        sideways_mm: for each slice its offset (down, across) from the first.
        distances_mm: for each slice its offset along the normal.
        header: of one slice, for the size of slice and pixel.
        config: the largest tilt.

    Raises:
        SeriesRefused: the drift is no straight line, too steep, or too far.
    """
    size = (header.encoding.rows, header.encoding.columns)
    assert header.pixel_spacing is not None
    pixels = sideways_mm / np.array(header.pixel_spacing)
    if np.abs(pixels).max() <= DRIFT_TOLERANCE_PIXELS:
        return Shear(None, size, (0, 0))
    slope = _slope(sideways_mm, distances_mm)
    beside = float(np.linalg.norm(sideways_mm - np.outer(distances_mm, slope), axis=1).max())
    if beside > LARGEST_JUMP_MM:
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"slices lie up to {beside:.1f} mm beside the line through the stack",
        )
    degrees = _degrees(slope)
    if degrees > config.largest_tilt_degrees:
        raise SeriesRefused(
            reasons.TILTED_GANTRY,
            f"the stack is tilted by {degrees:.1f} degrees, at most "
            f"{config.largest_tilt_degrees:g} are undone",
        )
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    canvas = (size[0] + int(high[0] - low[0]), size[1] + int(high[1] - low[1]))
    if math.prod(canvas) > LARGEST_CANVAS * math.prod(size):
        raise SeriesRefused(
            reasons.TOO_LARGE,
            "slices drift so far that they would take a canvas of "
            f"{canvas[0]} x {canvas[1]} pixels",
        )
    shifts = tuple((float(down), float(across)) for down, across in pixels - low)
    return Shear(shifts, canvas, (int(low[0]), int(low[1])))


def tilt_warnings(
    header: SliceHeader,
    sideways_mm: NDArray[np.float64],
    distances_mm: NDArray[np.float64],
    *,
    is_sheared: bool,
) -> list[ScanWarning]:
    """What was sheared back, or a tilt tag that the positions contradict."""
    if is_sheared:
        degrees = _degrees(_slope(sideways_mm, distances_mm))
        text = f"slices stepped {degrees:.1f} degrees off their normal; each was moved within its"
        return [ScanWarning("unsheared", f"{text} plane")]
    tilt = header.tilt_degrees
    if tilt is None or abs(tilt) < 0.1:
        return []
    assert header.orientation is not None
    normal = np.abs(np.cross(header.orientation[:3], header.orientation[3:]))
    lean = math.degrees(math.acos(min(1.0, max(normal))))
    if abs(lean - abs(tilt)) <= 0.5:
        return []
    text = f"Gantry/Detector Tilt (0018,1120) says {tilt:g} degrees, the positions show none"
    return [ScanWarning("tilt-tag", f"{text}; the positions were used")]


def _slope(
    sideways_mm: NDArray[np.float64], distances_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Millimetres (down, across) for each millimetre along the normal, over the whole stack."""
    span = float(distances_mm[-1])
    return np.asarray(sideways_mm[-1] / span if span > 0 else np.zeros(2))


def _degrees(slope: NDArray[np.float64]) -> float:
    return math.degrees(math.atan(float(np.linalg.norm(slope))))
