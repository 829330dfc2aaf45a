"""Boxes of one size cut from a grid, around (fractional) voxels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lungnet.volume import AIR_HU


def first_voxels(centres_voxel: ArrayLike, size: tuple[int, int, int]) -> NDArray[np.int64]:
    """First voxels of the boxes whose centres are nearest to the given ones; shapes (..., 3).

    A box's centre is `first + (size - 1) / 2`.
    """
    return np.floor(
        np.asarray(centres_voxel, np.float64) - (np.asarray(size) - 1) / 2 + 0.5
    ).astype(np.int64)


def cut_boxes(
    hu: NDArray[np.int16], centres_voxel: ArrayLike, size: tuple[int, int, int]
) -> NDArray[np.int16]:
    """HU of boxes around voxels (n, 3), shape (n, *size), `AIR_HU` outside the grid."""
    reach = max(size)
    padded = np.pad(hu, reach, constant_values=AIR_HU)
    starts = np.clip(
        first_voxels(centres_voxel, size) + reach, 0, np.array(padded.shape) - np.array(size)
    )
    boxes = [
        padded[tuple(slice(first, first + n) for first, n in zip(start, size, strict=True))]
        for start in starts
    ]
    return np.stack(boxes)
