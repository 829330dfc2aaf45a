"""Morphology on lattices of air and tissue, at the cost of a few passes over planes.

Boxes instead of balls, since OpenCV slides a box at the same cost whatever its size.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Values = TypeVar("Values", NDArray[np.uint8], NDArray[np.float32])

ROWS_IN_CACHE = 8
"""Rows of all planes that a processor's cache holds at once."""


def block_means(hu: NDArray[np.int16]) -> Floats:
    """Mean HU of blocks of 2 x 2 x 2 voxels, the last row of an odd axis repeated.

    Args:
        hu: `int16`, shape (z, y, x).

    Returns:
        `float32`, half the shape, rounded up.
    """
    padded = np.pad(hu, [(0, n % 2) for n in hu.shape], mode="edge")
    rows, columns = padded.shape[1] // 2, padded.shape[2] // 2
    pairs = padded[::2].astype(np.float32) + padded[1::2]
    planes = [cv2.resize(pair, (columns, rows), interpolation=cv2.INTER_AREA) for pair in pairs]
    return np.asarray(planes, np.float32) * np.float32(0.5)


def filled_blocks(mask: Bools) -> Bools:
    """Blocks of 2 x 2 x 2 voxels of which at least half are set, as `block_means` forms them."""
    padded = np.pad(mask.view(np.uint8), [(0, n % 2) for n in mask.shape], mode="edge")
    slabs = padded[::2] + padded[1::2]
    rows = slabs[:, ::2] + slabs[:, 1::2]
    return np.asarray(rows[..., ::2] + rows[..., 1::2] >= 4)


def to_voxels(blocks: Bools, shape: tuple[int, ...]) -> Bools:
    """Blocks of 2 x 2 x 2 voxels as voxels of `shape`."""
    rows = np.repeat(blocks, 2, 2)
    z, y, x = rows.shape
    wide = np.broadcast_to(rows[:, None, :, None], (z, 2, y, 2, x)).reshape(2 * z, 2 * y, x)
    return wide[: shape[0], : shape[1], : shape[2]]


def bounding_box(mask: Bools) -> tuple[slice, ...]:
    """Slices around what is set, or around the whole lattice where nothing is."""
    box: list[slice] = []
    for axis in range(mask.ndim):
        # Cut by the axes before, so that each pass reads less.
        rest = np.moveaxis(mask[tuple(box)], axis, 0)
        used = np.flatnonzero(rest.any(axis=tuple(range(1, mask.ndim))))
        box.append(slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, len(rest)))
    return tuple(box)


def widened(box: tuple[slice, ...], reach: int) -> tuple[slice, ...]:
    """A box with so many voxels more on every side, as far as its lattice goes."""
    return tuple(slice(max(0, axis.start - reach), axis.stop + reach) for axis in box)


def dilated(mask: Bools, reach: int) -> Bools:
    """Grown by a box of 2 `reach` + 1 voxels; nothing comes in over the lattice's faces."""
    return _slid(mask.view(np.uint8), reach, cv2.dilate, np.maximum).view(np.bool_)


def eroded(mask: Bools, reach: int) -> Bools:
    """Shrunk by a box of 2 `reach` + 1 voxels; the lattice's faces take nothing away."""
    return _slid(mask.view(np.uint8), reach, cv2.erode, np.minimum).view(np.bool_)


def highest_around(values: Floats, reach: int) -> Floats:
    """The highest value in a box of 2 `reach` + 1 voxels around each; none beyond the faces."""
    return _slid(values, reach, cv2.dilate, np.maximum)


def grown_within(seed: Bools, allowed: Bools, steps: int) -> Bools:
    """`seed` and what a walk of so many voxels inside `allowed` reaches from it."""
    for _ in range(steps):
        seed = seed | (dilated(seed, 1) & allowed)
    return seed


def _slid(values: Values, reach: int, in_plane: Callable[..., Any], along_z: np.ufunc) -> Values:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    planes = np.empty_like(values, order="C")
    for plane, target in zip(values, planes, strict=True):
        in_plane(plane, kernel, dst=target)
    result = planes.copy()
    for step in range(1, min(reach, len(planes) - 1) + 1):
        along_z(result[step:], planes[:-step], out=result[step:])
        along_z(result[:-step], planes[step:], out=result[:-step])
    return result


def distances_mm(mask: Bools, spacing_mm: tuple[float, ...], reach_mm: float = 64.0) -> Floats:
    """Distance of each voxel to the next one of `mask`, exact up to `reach_mm`.

    Args:
        mask: shape (z, y, x).
        spacing_mm: (z, y, x), the last two alike.
        reach_mm: planes farther away along z are not looked at.

    Returns:
        `float32` of the same shape, in millimetres; where no plane within reach has any, large.
    """
    far = np.float32(1e6)
    in_plane = np.full(mask.shape, far, np.float32)
    for plane, squared in zip(mask, in_plane, strict=True):
        if plane.any():
            distance = cv2.distanceTransform(
                (~plane).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
            )
            # OpenCV's root may be off in its last bit, by where in memory the plane lies; its
            # square is a whole number, and NumPy's root of that is the nearest one.
            distance = np.sqrt(np.rint(np.square(distance)))
            np.square(distance * np.float32(spacing_mm[1]), out=squared)
    result = in_plane.copy()
    farthest = min(len(mask) - 1, int(reach_mm / spacing_mm[0]))
    for first in range(0, mask.shape[1], ROWS_IN_CACHE):
        rows = slice(first, first + ROWS_IN_CACHE)
        squared, nearest = np.ascontiguousarray(in_plane[:, rows]), result[:, rows]
        for step in range(1, farthest + 1):
            raised = squared + np.float32((step * spacing_mm[0]) ** 2)
            np.minimum(nearest[step:], raised[:-step], out=nearest[step:])
            np.minimum(nearest[:-step], raised[step:], out=nearest[:-step])
    return np.sqrt(result, out=result)
