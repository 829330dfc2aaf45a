"""Places in the lung that look like a nodule.

Blobs at several scales, the roundest and densest first.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.preparation import PreparationConfig
from lungnet.preprocessing.gaussian import gaussian_kernel
from lungnet.preprocessing.resample import mask_on, resample
from lungnet.volume import Volume, to_patient_mm

LATTICE_MM = 1.5
"""Blobs are sought on this lattice: a nodule of 4 mm still covers several voxels."""

AIR_LEVEL_HU, DENSE_LEVEL_HU = -900.0, 100.0
"""HU are clipped to this range, so that contrast medium, bone and calcium count no more than soft
tissue."""

LUNG_LEVEL_HU = -850.0
"""What stands outside the lung region during the search: a nodule on the pleura then is as free as
one in the middle."""

SCALE_STEP = 2**0.5
"""Ratio between neighboring scales."""

SHELL_MM = 0.75
"""Thickness of the shells over which a candidate's radius is measured: half a voxel."""

FAINTEST_HU = 10.0
"""A blob whose mean rises less above its surroundings is noise."""

RECONSIDERED = 3
"""So many times the wanted number are measured before the best are kept."""

RIM_MM = (1.5, 6.0)
"""Between these distances from its surface a nodule is looked at for what surrounds it."""

AERATED_BELOW_HU = -500.0
"""Lung, vessels and partial volume left out."""

NEIGHBORS = [step for step in product((-1, 0, 1), repeat=3) if any(step)]
NEIGHBORS.sort(key=lambda step: sum(map(abs, step)))
"""Steps to the 26 neighbors of a voxel, the nearest first."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A place in the lung worth a look.

    Attributes:
        centre_mm: patient (x, y, z).
        radius_mm: of the ball that fits the blob best.
        score: contrast times roundness (HU), times the lung around it, times the root of the
            radius; comparable within a scan and between scans.
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float
    score: float


def find_candidates(
    volume: Volume, mask: NDArray[np.uint8], config: PreparationConfig
) -> tuple[Candidate, ...]:
    """Rank the blobs in the closed lung region, best first.

    Scale-space maxima of a difference of Gaussians, weighted by the eigenvalues of the Hessian as
    in Li, Sone and Doi (2003, doi:10.1118/1.1581411): smallest squared over largest, which is the
    curvature for a ball and nothing for a tube or a sheet.

    Args:
        volume: prepared HU.
        mask: the closed lung region, 0 or 1, on the same grid.
        config: number of candidates, smallest and largest diameter.

    Returns:
        At most `config.candidates`, sorted by falling score; none overlaps a better one.
    """
    if config.candidates == 0:
        return ()
    coarse = resample(volume, (LATTICE_MM,) * 3)
    region = mask_on(mask, volume.affine, coarse.hu.shape, coarse.affine)
    image = _flattened(coarse.hu, region)
    blobs = _without_overlap(_blobs(image, region, config), RECONSIDERED * config.candidates)
    blobs[:, 3] = [_radius(image, row[:3], row[3]) for row in blobs]
    # The square root of the radius: of two blobs equally round, the larger one matters more.
    blobs[:, 4] *= np.sqrt(blobs[:, 3]) * [
        _freedom(coarse.hu, region, row[:3], row[3]) for row in blobs
    ]
    blobs = blobs[np.argsort(-blobs[:, 4], kind="stable")][: config.candidates]
    centres = to_patient_mm(coarse.affine, blobs[:, :3])
    return tuple(
        Candidate(
            (round(float(x), 3), round(float(y), 3), round(float(z), 3)),
            round(float(radius), 3),
            round(float(score), 3),
        )
        for (x, y, z), (radius, score) in zip(centres, blobs[:, 3:], strict=True)
    )


def _flattened(hu: NDArray[np.int16], region: NDArray[np.uint8]) -> Floats:
    clipped = np.clip(hu, AIR_LEVEL_HU, DENSE_LEVEL_HU).astype(np.float32)
    clipped[region == 0] = LUNG_LEVEL_HU
    return clipped


def _blobs(
    image: Floats, region: NDArray[np.uint8], config: PreparationConfig
) -> NDArray[np.float64]:
    """Rows of (z, y, x, radius_mm, score) on the lattice, a row per peak and scale."""
    # A ball of radius r answers most at sigma = r / sqrt(3).
    sigma = config.smallest_mm / 2 / 3**0.5
    spacing, stride, blobs = LATTICE_MM, 1, []
    smooth = _smoothed(image, sigma / spacing)
    while sigma * 3**0.5 <= config.largest_mm / 2:
        smoother = _smoothed(smooth, sigma * (SCALE_STEP**2 - 1) ** 0.5 / spacing)
        response = smooth - smoother
        peaks = _peaks(response, region)
        score = _curvature(smooth, peaks) * (sigma / spacing) ** 2
        keep = score > 0
        positions = (peaks[keep] + _offsets(response, peaks[keep])) * stride
        blobs.append(
            np.column_stack([positions, np.full(len(positions), sigma * 3**0.5), score[keep]])
        )
        smooth, sigma = smoother, sigma * SCALE_STEP
        if sigma > 1.5 * spacing:
            # So smooth, every second voxel tells all: an eighth of the work for this scale and the
            # ones above.
            smooth, region = (
                np.ascontiguousarray(smooth[::2, ::2, ::2]),
                np.ascontiguousarray(region[::2, ::2, ::2]),
            )
            spacing, stride = spacing * 2, stride * 2
    return np.concatenate(blobs)


def _smoothed(image: Floats, sigma: float) -> Floats:
    kernel = gaussian_kernel(sigma)
    planes = np.empty_like(image)
    for plane, target in zip(image, planes, strict=True):
        cv2.sepFilter2D(
            plane, cv2.CV_32F, kernel, kernel, dst=target, borderType=cv2.BORDER_REPLICATE
        )
    # Along z, a column of the volume seen as one wide plane is a column of pixels.
    wide = cv2.sepFilter2D(
        planes.reshape(len(planes), -1),
        cv2.CV_32F,
        np.ones(1),
        kernel,
        borderType=cv2.BORDER_REPLICATE,
    )
    return np.asarray(wide).reshape(image.shape)


def _peaks(response: Floats, region: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Voxels (z, y, x) in the region that no neighbor exceeds, from `FAINTEST_HU` on.

    Off the grid's faces.
    """
    bright = response > FAINTEST_HU
    bright &= region.view(bool)
    for axis in range(3):
        np.moveaxis(bright, axis, 0)[[0, -1]] = False
    indices = np.flatnonzero(bright)
    flat = response.ravel()
    values = flat[indices]
    rows, columns = response.shape[1] * response.shape[2], response.shape[2]
    for dz, dy, dx in NEIGHBORS:
        # Few voxels are left after the first neighbors, so this costs less than a filter over the
        # whole grid.
        keep = values >= flat[indices + (dz * rows + dy * columns + dx)]
        indices, values = indices[keep], values[keep]
    return np.column_stack(np.unravel_index(indices, response.shape))


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


def _curvature(smooth: Floats, peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smallest squared over largest curvature at each peak, in HU per squared voxel.

    0 where not bright in every direction.
    """
    z, y, x = peaks.T

    def shifted(dz: int, dy: int, dx: int) -> NDArray[np.float64]:
        """The values beside the peaks."""
        return np.asarray(smooth[z + dz, y + dy, x + dx], np.float64)

    hessian = np.empty((len(peaks), 3, 3))
    steps = np.eye(3, dtype=int)
    for a in range(3):
        for b in range(a, 3):
            if a == b:
                value = shifted(*steps[a]) + shifted(*-steps[a]) - 2 * shifted(0, 0, 0)
            else:
                sum_step, difference_step = steps[a] + steps[b], steps[a] - steps[b]
                value = (
                    shifted(*sum_step)
                    + shifted(*-sum_step)
                    - shifted(*difference_step)
                    - shifted(*-difference_step)
                ) / 4
            hessian[:, a, b] = hessian[:, b, a] = value
    values = np.linalg.eigvalsh(hessian)
    largest, smallest = -values[:, 0], -values[:, 2]
    return np.where(smallest > 0, smallest**2 / np.maximum(largest, 1e-6), 0.0)


def _freedom(
    hu: NDArray[np.int16], region: NDArray[np.uint8], centre: NDArray[np.float64], radius_mm: float
) -> float:
    """Share of aerated lung in the part of a blob's rim that lies in the lung region, 0..1.

    A nodule on the pleura is as free as one in the middle; what hangs together with hilum or
    mediastinum is not.
    """
    box, distance_mm = _box(hu.shape, centre, radius_mm + RIM_MM[1])
    rim = (distance_mm > radius_mm + RIM_MM[0]) & (distance_mm < radius_mm + RIM_MM[1])
    inside = rim & region[box].view(bool)
    return float((hu[box][inside] < AERATED_BELOW_HU).sum() / max(inside.sum(), rim.sum() / 4, 1))


def _box(
    shape: tuple[int, ...], centre: NDArray[np.float64], reach_mm: float
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """The voxels within reach of a point of the lattice.

    Slices, and how far each is away in millimetres.
    """
    reach, middle = int(np.ceil(reach_mm / LATTICE_MM)), np.rint(centre).astype(int)
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, shape)
    z, y, x = (
        np.arange(first, stop) - middle_index
        for first, stop, middle_index in zip(low, high, centre, strict=True)
    )
    distance_mm = LATTICE_MM * np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    return tuple(slice(first, stop) for first, stop in zip(low, high, strict=True)), distance_mm


def _radius(image: Floats, centre: NDArray[np.float64], scale_mm: float) -> float:
    """Distance in mm at which a shell's mean HU has fallen half way to the surroundings."""
    reach_mm = 2 * scale_mm + 3
    box, distance_mm = _box(image.shape, centre, reach_mm)
    shell = np.rint(distance_mm / SHELL_MM).astype(int).ravel()
    counts = np.bincount(shell)
    profile = np.bincount(shell, image[box].ravel()) / np.maximum(counts, 1)
    at_mm = np.bincount(shell, distance_mm.ravel()) / np.maximum(counts, 1)
    # Shells beyond the box's faces are cut to its corners and say little.
    is_inside = (counts > 0) & (at_mm <= reach_mm)
    profile, at_mm = profile[is_inside], at_mm[is_inside]
    half = (profile[:2].max() + profile.min()) / 2
    outer = int(np.argmax(profile < half))
    if outer == 0:
        return scale_mm
    share = (profile[outer - 1] - half) / (profile[outer - 1] - profile[outer])
    return float(at_mm[outer - 1] + share * (at_mm[outer] - at_mm[outer - 1]))


def _without_overlap(blobs: NDArray[np.float64], limit: int) -> NDArray[np.float64]:
    """The best first, without blobs that overlap a better one's centre or theirs."""
    ranked = blobs[np.lexsort((blobs[:, 2], blobs[:, 1], blobs[:, 0], -blobs[:, 4]))]
    separate: list[NDArray[np.float64]] = []
    for row in ranked:
        if len(separate) == limit:
            break
        overlaps = any(
            np.sum((row[:3] - k[:3]) ** 2) * LATTICE_MM**2 < max(row[3], k[3], 4.0) ** 2
            for k in separate
        )
        if not overlaps:
            separate.append(row)
    return np.asarray(separate).reshape(-1, 5)
