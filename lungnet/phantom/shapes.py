"""Signed distances, in millimetres, negative inside: what the anatomy is put together from.

Coordinates broadcast: a slice passes x as a row, y as a column and z as a number; single points
pass three equal arrays. The formulas of ellipses and of the smooth union follow I. Quilez,
"Distance functions" (iquilezles.org/articles/distfunctions).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Coordinate = NDArray[np.floating[Any]] | float


def profile(
    coordinate: Coordinate, knots: tuple[float, ...], values: tuple[float, ...]
) -> Coordinate:
    """Piecewise linear function through (knots, values).

    A float for a float, float32 for an array.
    """
    interpolated = np.interp(coordinate, knots, values)
    return (
        np.asarray(interpolated, np.float32)
        if isinstance(interpolated, np.ndarray) and interpolated.ndim
        else float(interpolated)
    )


def ellipse(
    x: Coordinate, y: Coordinate, half_x: Coordinate, half_y: Coordinate, boxiness: float = 0.0
) -> Floats:
    """Distance to an ellipse around the origin.

    `boxiness` 0..1 blends toward the squarer curve u^4 + v^4 = 1.
    """
    u, v = np.square(x / half_x), np.square(y / half_y)
    squared = u + v
    if boxiness:
        squared = (1 - boxiness) * squared + boxiness * np.sqrt(np.square(u) + np.square(v))
    slope = np.sqrt(u / np.square(half_x) + v / np.square(half_y))
    return np.asarray((squared - np.sqrt(squared)) / np.maximum(slope, 1e-6), np.float32)


def circle(x: Coordinate, y: Coordinate, radius: Coordinate) -> Floats:
    """Distance to a circle around the origin."""
    return np.asarray(np.sqrt(np.square(x) + np.square(y)) - radius, np.float32)


def union(first: Floats, second: Floats, blend_mm: float) -> Floats:
    """The smaller distance, rounded over `blend_mm` where the two shapes meet."""
    rounding = np.maximum(blend_mm - np.abs(first - second), 0)
    return np.asarray(
        np.minimum(first, second) - np.square(rounding) * (0.25 / blend_mm), np.float32
    )


def cover(distance: Floats, edge_mm: float) -> Floats:
    """Share of a voxel that lies inside, 0..1, from the distance of its centre and its width."""
    share = distance * np.float32(-1 / edge_mm)
    share += np.float32(0.5)
    return np.clip(share, 0, 1, out=share)


def paint(hu: Floats, distance: Floats, value: Floats | float, edge_mm: float) -> None:
    """Fill a shape with HU in place, by the share of each voxel that it covers."""
    change = value - hu
    change *= cover(distance, edge_mm)
    hu += change
