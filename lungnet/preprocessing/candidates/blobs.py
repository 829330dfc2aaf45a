"""Round bright places of a volume at several scales: what the candidates are chosen from."""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.preprocessing.gaussian import gaussian_kernel

SCALE_STEP = 2**0.5
"""Ratio between neighboring scales."""

FAINTEST_HU = 10.0
"""A blob whose mean rises less above its surroundings is noise."""

BALL_RESPONSE = 0.24
"""Height of a difference of Gaussians one scale step apart in the middle of a ball of contrast 1,
at the scale that fits it."""

NEIGHBORS = sorted(
    [step for step in product((-1, 0, 1), repeat=3) if any(step)],
    key=lambda step: sum(map(abs, step)),
)
"""Steps to the 26 neighbors of a voxel, the nearest first."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blobs:
    """Peaks over places and scales, a row each.

    Attributes:
        centre: (n, 3), (z, y, x) in voxels of the lattice, fractional.
        radius_mm: (n,), of the ball that answers most at the peak's scale.
        contrast_hu: (n,), of that ball against what is around it.
        roundness: (n,), smallest over largest curvature, along a wall where there is one: 1 for a
            ball, 0 for a tube or a sheet.
    """

    centre: Doubles
    radius_mm: Doubles
    contrast_hu: Doubles
    roundness: Doubles

    def chosen(self, index: NDArray[np.int64]) -> "Blobs":
        """The rows of `index`, in its order."""
        return Blobs(
            self.centre[index],
            self.radius_mm[index],
            self.contrast_hu[index],
            self.roundness[index],
        )


def find_blobs(
    image: Floats, region: NDArray[np.uint8], lattice_mm: float, radii_mm: tuple[float, float]
) -> Blobs:
    """Maxima of a difference of Gaussians at each scale, with the shape of their top.

    Args:
        image: HU, `float32`, shape (z, y, x), in cubes.
        region: 0 or 1, same shape; peaks lie in it.
        lattice_mm: edge of a cube.
        radii_mm: smallest and largest ball that is looked for.
    """
    # A ball of radius r answers most at sigma = r / sqrt(3).
    sigma, spacing, stride = radii_mm[0] / 3**0.5, lattice_mm, 1
    tables = []
    smooth, smoother, response = (np.empty_like(image) for _ in range(3))
    _smooth(image, sigma / spacing, smooth, response)
    while sigma * 3**0.5 <= radii_mm[1]:
        _smooth(smooth, sigma * (SCALE_STEP**2 - 1) ** 0.5 / spacing, smoother, response)
        np.subtract(smooth, smoother, out=response)
        peaks = _peaks(response, region)
        reach = round(sigma * 3**0.5 / spacing) + 1
        roundness = _roundness(smooth, peaks, _is_on_wall(region, peaks, reach))
        peaks, roundness = peaks[roundness > 0], roundness[roundness > 0]
        height = response[tuple(peaks.T)].astype(np.float64) / BALL_RESPONSE
        centre = (peaks + _offsets(response, peaks)) * stride
        radius = np.full(len(peaks), sigma * 3**0.5)
        tables.append(np.column_stack([centre, radius, height, roundness]))
        smooth, smoother, sigma = smoother, smooth, sigma * SCALE_STEP
        if sigma > 1.5 * spacing:
            # So smooth, every second voxel tells all: an eighth of the work for this scale and the
            # ones above.
            smooth = np.ascontiguousarray(smooth[::2, ::2, ::2])
            region = np.ascontiguousarray(region[::2, ::2, ::2])
            smoother, response = np.empty_like(smooth), np.empty_like(smooth)
            spacing, stride = spacing * 2, stride * 2
    rows = np.concatenate(tables)
    return Blobs(rows[:, :3], rows[:, 3], rows[:, 4], rows[:, 5])


def _smooth(image: Floats, sigma: float, result: Floats, planes: Floats) -> None:
    """Write the image, smoothed, to `result`; `planes` is scratch, both as large as the image."""
    kernel = gaussian_kernel(sigma)
    for plane, target in zip(image, planes, strict=True):
        cv2.sepFilter2D(
            plane, cv2.CV_32F, kernel, kernel, dst=target, borderType=cv2.BORDER_REPLICATE
        )
    # Along z, a column of the volume seen as one wide plane is a column of pixels.
    cv2.sepFilter2D(
        planes.reshape(len(planes), -1),
        cv2.CV_32F,
        np.ones(1),
        kernel,
        dst=result.reshape(len(planes), -1),
        borderType=cv2.BORDER_REPLICATE,
    )


def _peaks(response: Floats, region: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Voxels (z, y, x) in the region that no neighbor exceeds, from `FAINTEST_HU` on.

    Off the grid's faces.
    """
    bright = response > FAINTEST_HU
    bright &= region.view(bool)
    for axis in range(bright.ndim):
        np.moveaxis(bright, axis, 0)[[0, -1]] = False
    voxels = np.flatnonzero(bright)
    flat = response.ravel()
    values = flat[voxels]
    rows, columns = response.shape[1] * response.shape[2], response.shape[2]
    for dz, dy, dx in NEIGHBORS:
        # Few voxels are left after the first neighbors, so this costs less than a filter over the
        # whole grid.
        keep = values >= flat[voxels + (dz * rows + dy * columns + dx)]
        voxels, values = voxels[keep], values[keep]
    return np.column_stack(np.unravel_index(voxels, response.shape))


def _offsets(response: Floats, peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where between the voxels each peak lies.

    The top of a parabola through three voxels along each axis, within half a voxel.
    """
    z, y, x = peaks.T
    middle = response[z, y, x].astype(np.float64)
    offsets = np.zeros((len(peaks), 3))
    for axis, (dz, dy, dx) in enumerate(np.eye(3, dtype=int)):
        before, after = (
            response[z + side * dz, y + side * dy, x + side * dx].astype(np.float64)
            for side in (-1, 1)
        )
        bend = before - 2 * middle + after
        offsets[:, axis] = np.clip(
            0.5 * (before - after) / np.where(bend < 0, bend, -np.inf), -0.5, 0.5
        )
    return offsets


def _is_on_wall(
    region: NDArray[np.uint8], peaks: NDArray[np.int64], reach: int
) -> NDArray[np.bool_]:
    """Of which peaks the region ends within reach, along an axis."""
    is_on_wall = np.zeros(len(peaks), bool)
    last = np.asarray(region.shape) - 1
    for step in np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)]) * reach:
        z, y, x = np.clip(peaks + step, 0, last).T
        is_on_wall |= region[z, y, x] == 0
    return is_on_wall


def _roundness(smooth: Floats, peaks: NDArray[np.int64], is_on_wall: NDArray[np.bool_]) -> Doubles:
    """Smallest over largest curvature at each peak, 0 where not bright in every direction.

    The wall cuts a nodule on it to a lens, so the largest counts there by half: a vessel along the
    wall or one that meets it has a small one all the same.
    """
    z, y, x = peaks.T

    def _beside(dz: int, dy: int, dx: int) -> Doubles:
        return np.asarray(smooth[z + dz, y + dy, x + dx], np.float64)

    hessian = np.empty((len(peaks), 3, 3))
    steps = np.eye(3, dtype=int)
    for a in range(3):
        for b in range(a, 3):
            if a == b:
                value = _beside(*steps[a]) + _beside(*-steps[a]) - 2 * _beside(0, 0, 0)
            else:
                along, across = steps[a] + steps[b], steps[a] - steps[b]
                value = (
                    _beside(*along) + _beside(*-along) - _beside(*across) - _beside(*-across)
                ) / 4
            hessian[:, a, b] = hessian[:, b, a] = value
    values = np.linalg.eigvalsh(hessian)
    largest, middle, smallest = -values.T
    widest = np.where(is_on_wall, np.sqrt(np.maximum(largest * middle, 0)), largest)
    return np.where(smallest > 0, smallest / np.maximum(widest, 1e-6), 0.0)
