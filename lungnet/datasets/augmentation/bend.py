"""A smooth random displacement of a crop's voxels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELLS = 4
"""Of the grid of points along each axis of a crop; a cubic spline reaches one point beyond."""

POINTS = CELLS + 3


@dataclass(frozen=True, eq=False)
class Bend:
    """How far each point of a coarse grid over a crop moves.

    Attributes:
        points: displacement along each axis in voxels, shape (axes, POINTS, ..., POINTS).
    """

    points: NDArray[np.float64]

    @property
    def reach(self) -> float:
        """What no displacement exceeds along an axis, in voxels."""
        return float(np.abs(self.points).max())

    def displacement(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Of each voxel of a crop along each axis, in voxels, shape (axes, *size).

        A uniform cubic B-spline over the points, less its mean: the crop as a whole stays where it
        is, which is what a shift is for.
        """
        field = self.points
        for axis, n in enumerate(size, 1):
            field = np.moveaxis(np.tensordot(_spline(n), field, (1, axis)), 0, axis)
        centred = field - field.mean(tuple(range(1, field.ndim)), keepdims=True)
        largest = np.abs(centred).max()
        return np.asarray(centred * min(1.0, self.reach / largest) if largest else centred)


def draw_bend(voxels: float, dimensions: int, rng: np.random.Generator) -> Bend:
    """Points that move by up to so many voxels along each axis, independent of each other."""
    return Bend(rng.uniform(-voxels, voxels, (dimensions, *(POINTS,) * dimensions)))


def _spline(n: int) -> NDArray[np.float64]:
    """Weight of each point for each of n voxels, shape (n, POINTS); a row's sum is 1."""
    position = (np.arange(n) + 0.5) * CELLS / n
    first = np.minimum(position.astype(int), CELLS - 1)
    t = position - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1
    )
    matrix = np.zeros((n, POINTS))
    np.put_along_axis(matrix, first[:, None] + np.arange(4), weights / 6, 1)
    return matrix
