"""Interpolation that a tilted or uneven stack needs; a plain stack never comes here."""

import numpy as np
from numpy.typing import NDArray

from lungnet.volume import AIR_HU


def put_shifted(
    plane: NDArray[np.int16], shift: tuple[float, float], canvas: NDArray[np.int16]
) -> None:
    """Write a slice, moved within its plane by (fractional) pixels, on a canvas.

    Bilinear, air where the slice does not reach.

    Args:
        plane: HU, shape (rows, columns).
        shift: (down, across) in pixels, not negative.
        canvas: HU, shape at least that of the plane plus the shift rounded up; overwritten.
    """
    canvas[...] = AIR_HU
    down, across = int(shift[0]), int(shift[1])
    moved = _lerp_axis(
        _lerp_axis(plane.astype(np.float32), shift[0] - down, 0), shift[1] - across, 1
    )
    rows, columns = moved.shape
    rows, columns = min(rows, canvas.shape[0] - down), min(columns, canvas.shape[1] - across)
    canvas[down : down + rows, across : across + columns] = np.rint(moved[:rows, :columns])


def resample_planes(
    stack: NDArray[np.int16], planes: tuple[float, ...], out: NDArray[np.int16]
) -> None:
    """Interpolate planes linearly between those of a stack.

    Args:
        stack: HU, shape (slices, rows, columns).
        planes: fractional indices into the slices, rising.
        out: HU, shape (len(planes), rows, columns); overwritten.
    """
    last = len(stack) - 1
    for k, index in enumerate(planes):
        below = min(int(index), last)
        fraction = index - below
        if fraction < 1e-6 or below == last:
            out[k] = stack[below]
            continue
        mixed = stack[below] * np.float32(1 - fraction)
        mixed += stack[below + 1] * np.float32(fraction)
        out[k] = np.rint(mixed)


def _lerp_axis(plane: NDArray[np.float32], fraction: float, axis: int) -> NDArray[np.float32]:
    """Shift by less than a pixel towards higher indices: one pixel longer, air beyond both ends."""
    if fraction < 1e-6:
        return plane
    pad = [(0, 0), (0, 0)]
    pad[axis] = (1, 1)
    padded = np.pad(plane, pad, constant_values=np.float32(AIR_HU))
    first, second = (padded[1:], padded[:-1]) if axis == 0 else (padded[:, 1:], padded[:, :-1])
    mixed: NDArray[np.float32] = first * np.float32(1 - fraction) + second * np.float32(fraction)
    return mixed
