"""HU on another spacing along the same axes.

Linear where it refines, band-limited where it coarsens.
"""

from math import floor, log2, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.preprocessing.gaussian import NEGLIGIBLE_SIGMA, gaussian_kernel
from lungnet.volume import Triple, Volume, shifted

Ranges = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def resample(volume: Volume, spacing_mm: Triple) -> Volume:
    """Resample HU to another spacing, band-limited where it coarsens.

    The edge of the first voxel stays where it was, so every voxel centre keeps its patient
    position: the affine moves by half the change of spacing. Along an axis that coarsens by a ratio
    r, a Gaussian of variance (r^2 - 1) / 4 source voxels comes before the linear interpolation, so
    that what the new grid cannot hold is averaged instead of folded back.

    Args:
        volume: HU `int16`, shape (z, y, x).
        spacing_mm: target (z, y, x) in millimetres.

    Returns:
        The volume on the new grid, HU `int16`; every voxel centre lies within the source.
    """
    ratios = tuple(new / old for new, old in zip(spacing_mm, volume.spacing_mm, strict=True))
    hu = _resample_array(volume.hu, (ratios[0], ratios[1], ratios[2]))
    affine = volume.affine.copy()
    affine[:3, :3] *= ratios
    affine[:3, 3] = shifted(volume.affine, [(ratio - 1) / 2 for ratio in ratios])[:3, 3]
    return Volume(hu, affine, volume.patient_id, volume.series_uid, volume.warnings)


def cropped(volume: Volume, box: Ranges) -> Volume:
    """The part of a volume inside (first, beyond the last) voxel along z, y and x.

    A view of the same memory.
    """
    z, y, x = (slice(first, stop) for first, stop in box)
    affine = shifted(volume.affine, [first for first, _ in box])
    return Volume(volume.hu[z, y, x], affine, volume.patient_id, volume.series_uid, volume.warnings)


def mask_on(
    mask: NDArray[np.uint8],
    affine: NDArray[np.float64],
    shape: tuple[int, int, int],
    target: NDArray[np.float64],
) -> NDArray[np.uint8]:
    """Carry a 0/1 mask from one grid to another along the same axes.

    Its surface stays smooth, outside is 0.

    Args:
        mask: `uint8` 0 or 1, shape (z, y, x), on the grid of `affine`.
        affine: of the mask's grid.
        shape: (z, y, x) of the new grid.
        target: affine of the new grid; parallel to `affine`.

    Returns:
        `uint8` 0 or 1 of the new shape.
    """
    # A voxel v of the new grid lies at voxel scale * v + start of the old one, since the axes are
    # parallel.
    between = np.linalg.inv(affine) @ target
    scale, start = np.diag(between)[:3], between[:3, 3]
    step = np.array([[scale[2], 0, start[2]], [0, scale[1], start[1]]])
    size = (shape[2], shape[1])
    planes = [
        cv2.warpAffine(
            plane * np.uint8(255), step, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        for plane in mask
    ]
    result = np.empty(shape, np.uint8)
    nothing = np.zeros(shape[1:], np.uint8)
    for k, position in enumerate(np.arange(shape[0]) * scale[0] + start[0]):
        low, fraction = floor(position), position - floor(position)
        below = planes[low] if 0 <= low < len(planes) else nothing
        above = planes[low + 1] if 0 <= low + 1 < len(planes) else nothing
        both = cv2.addWeighted(below, 1 - fraction, above, fraction, 0)
        np.greater_equal(both, 128, out=result[k].view(np.bool_))
    return result


def _resample_array(hu: NDArray[np.int16], ratios: Triple) -> NDArray[np.int16]:
    weights = _weights_along_z(len(hu), ratios[0])
    planes: dict[int, NDArray[np.float32]] = {}
    result: NDArray[np.int16] | None = None
    for k, row in enumerate(weights):
        used = np.flatnonzero(row)
        # Planes below the ones in use are not needed again: the memory stays that of a few planes.
        planes = {
            i: planes[i] if i in planes else _resample_plane(hu[i], ratios[1], ratios[2])
            for i in map(int, used)
        }
        total = planes[int(used[0])] * row[used[0]]
        for i in used[1:]:
            total = cv2.scaleAdd(planes[int(i)], float(row[i]), total)
        if result is None:
            result = np.empty((len(weights), *total.shape), np.int16)
        result[k] = np.rint(total, out=total)
    assert result is not None  # a volume has at least one slice
    return result


def _resample_plane(
    plane: NDArray[np.int16], ratio_y: float, ratio_x: float
) -> NDArray[np.float32]:
    """One slice on the new in-plane spacing, float32.

    Halved first (which is quick), then smoothed by the rest of the Gaussian.
    """
    blocks = 2 ** floor(log2(max(1.0, ratio_y))), 2 ** floor(log2(max(1.0, ratio_x)))
    sigmas = [
        sqrt(max(0.0, (r * r - 1) / 4 - (n * n - 1) / 12)) / n
        for r, n in zip((ratio_y, ratio_x), blocks, strict=True)
    ]
    if blocks != (1, 1):
        plane = _averaged(plane, *blocks)
    smooth = plane.astype(np.float32)
    if max(sigmas) > NEGLIGIBLE_SIGMA:
        smooth = cv2.sepFilter2D(
            smooth,
            cv2.CV_32F,
            gaussian_kernel(sigmas[1]),
            gaussian_kernel(sigmas[0]),
            borderType=cv2.BORDER_REPLICATE,
        )
    step_y, step_x = ratio_y / blocks[0], ratio_x / blocks[1]
    # With the factor given instead of a size, OpenCV keeps exactly this ratio and half-voxel
    # centres.
    result: NDArray[np.float32] = cv2.resize(
        smooth, None, fx=1 / step_x, fy=1 / step_y, interpolation=cv2.INTER_LINEAR
    )
    if result.shape == smooth.shape and (step_y, step_x) != (1, 1):
        # OpenCV takes an unchanged size for an unchanged grid and copies: interpolate by hand,
        # spacing differs by under a voxel in all.
        return _interpolated(_interpolated(smooth, step_y).T, step_x).T
    return result


def _interpolated(plane: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """As many rows, `step` apart instead of 1, half-voxel centres."""
    last = len(plane) - 1
    positions = np.clip((np.arange(len(plane)) + 0.5) * step - 0.5, 0, last)
    low = np.floor(positions).astype(int)
    share = (positions - low).astype(np.float32)[:, None]
    result: NDArray[np.float32] = (
        plane[low] * (1 - share) + plane[np.minimum(low + 1, last)] * share
    )
    return result


def _averaged(plane: NDArray[np.int16], n_y: int, n_x: int) -> NDArray[np.int16]:
    rows, columns = plane.shape
    if rows % n_y or columns % n_x:
        plane = np.pad(plane, ((0, -rows % n_y), (0, -columns % n_x)), mode="edge")
    result: NDArray[np.int16] = cv2.resize(
        plane, (plane.shape[1] // n_x, plane.shape[0] // n_y), interpolation=cv2.INTER_AREA
    )
    return result


def _weights_along_z(n: int, ratio: float) -> NDArray[np.float32]:
    """Row k holds the weight of each of n source slices in target slice k; rows sum to 1."""
    kernel = gaussian_kernel(sqrt(max(0.0, (ratio * ratio - 1) / 4)))
    reach = len(kernel) // 2
    # Rounded to the nearest count, the last centre never lies beyond the source's edge.
    positions = (np.arange(max(1, floor(n / ratio + 0.5))) + 0.5) * ratio - 0.5
    weights = np.zeros((len(positions), n))
    low = np.floor(positions).astype(int)
    rows = np.arange(len(positions))
    for offset, share in zip(range(-reach, reach + 1), kernel, strict=True):
        np.add.at(weights, (rows, np.clip(low + offset, 0, n - 1)), share * (1 - (positions - low)))
        np.add.at(weights, (rows, np.clip(low + 1 + offset, 0, n - 1)), share * (positions - low))
    return weights.astype(np.float32)
