"""Places in the lung that look like a nodule or a mass, the likeliest first.

Round blobs at several scales, solid or faint, and masses that face lung on most sides.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.preparation import PreparationConfig
from lungnet.preprocessing.blocks import filled_blocks
from lungnet.preprocessing.candidates.blobs import Blobs, find_blobs
from lungnet.preprocessing.candidates.surroundings import AERATED_BELOW_HU, mass_freedom, measure
from lungnet.preprocessing.masses import find_masses
from lungnet.preprocessing.resample import mask_on, resample
from lungnet.volume import Volume, to_patient_mm

LATTICE_MM = 1.5
"""Blobs are sought on this lattice: a nodule of 4 mm still covers several voxels."""

AIR_LEVEL_HU, DENSE_LEVEL_HU = -900, 100
"""HU are clipped to this range, so that contrast medium, bone and calcium count no more than soft
tissue."""

LUNG_LEVEL_HU = -850
"""What stands outside the lung region during the search: a nodule on the pleura then is as free as
one in the middle."""

MEASURED = 4
"""So many times the wanted number are measured before the best are kept."""

FULL_CONTRAST_HU = 700.0
"""Of soft tissue against lung, with the partial volume of a small nodule."""

CONTRAST_POWER, ROUND_POWER, FREE_POWER, SIZE_POWER = 0.5, 1.0, 3.0, 0.5
"""How much each evidence counts in the score. Contrast counts by its root: ground glass of a third
of the contrast is hardly less suspicious. Freedom counts threefold: a junction of vessels loses a
tenth of its rim to each branch."""

TINY_POWER = 2.0
"""What measures less than the smallest nodule asked for is a vessel's cross-section, the more so
the smaller."""

CROWD = 6
"""Of so many times the wanted number enough are free of overlap."""

GLASS_LEVEL_HU = -450
"""In the search for ground glass, what is denser counts no more than ground glass."""

FAINT_WEIGHT, GLASS_BELOW_HU = 1.3, -500.0
"""Where vessels have been opened away, a blob of ground glass is less often one."""

MASS_SHARE = 0.95
"""From this share of the largest diameter of the search for blobs on, masses take over."""

GLASS_MM = (8.0, 32.0)
"""Diameters at which ground glass is sought for itself: a smaller one is a blob like others."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A place in the lung worth a look.

    Attributes:
        centre_mm: patient (x, y, z).
        radius_mm: of the ball that fits the blob best.
        score: contrast, roundness and freedom, each a share of the ideal, and the radius in mm, to
            their powers; comparable within a scan, between scans, and between nodules and masses.
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float
    score: float


def find_candidates(
    volume: Volume, mask: NDArray[np.uint8], config: PreparationConfig
) -> tuple[Candidate, ...]:
    """Rank nodules and masses in the closed lung region, best first.

    Nodules are scale-space maxima of a difference of Gaussians, weighted by the eigenvalues of the
    Hessian as in Li, Sone and Doi (2003, doi:10.1118/1.1581411), and by how much aerated lung
    surrounds them.

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
    rows = np.concatenate(
        [
            _solid(coarse.hu, region, config),
            _faint(coarse.hu, region, config),
            _masses(coarse.hu, region, config),
        ]
    )
    rows = rows[_without_overlap(rows, config.candidates)]
    centres = to_patient_mm(coarse.affine, rows[:, :3])
    return tuple(
        Candidate(
            (round(float(x), 3), round(float(y), 3), round(float(z), 3)),
            round(float(radius), 3),
            round(float(score), 3),
        )
        for (x, y, z), (radius, score) in zip(centres, rows[:, 3:], strict=True)
    )


def _solid(hu: NDArray[np.int16], region: NDArray[np.uint8], config: PreparationConfig) -> Doubles:
    """Rows of (z, y, x, radius_mm, score): blobs of soft tissue, and what lies between."""
    image: Floats = np.clip(hu, AIR_LEVEL_HU, DENSE_LEVEL_HU, dtype=np.float32)
    image[region == 0] = LUNG_LEVEL_HU
    radii_mm = (config.smallest_mm / 2, config.largest_mm / 2)
    blobs = find_blobs(image, region, LATTICE_MM, radii_mm)
    return _ranked(blobs, image, hu, region, MEASURED * config.candidates, config)[:, :5]


def _faint(hu: NDArray[np.int16], region: NDArray[np.uint8], config: PreparationConfig) -> Doubles:
    """Rows of (z, y, x, radius_mm, score): blobs of ground glass, whatever vessels cross them."""
    # A byte holds the range in steps of 2 HU, and a byte's minimum is quick.
    levels = np.clip(hu, AIR_LEVEL_HU, GLASS_LEVEL_HU) - np.int16(AIR_LEVEL_HU)
    halves = np.asarray(levels >> 1, np.uint8)
    halves[region == 0] = (LUNG_LEVEL_HU - AIR_LEVEL_HU) // 2
    image = _opened(halves).astype(np.float32)
    image *= 2
    image += np.float32(AIR_LEVEL_HU)
    radii_mm = (GLASS_MM[0] / 2, min(config.largest_mm, GLASS_MM[1]) / 2)
    blobs = find_blobs(
        image[::2, ::2, ::2].copy(), region[::2, ::2, ::2].copy(), 2 * LATTICE_MM, radii_mm
    )
    blobs = Blobs(2 * blobs.centre, blobs.radius_mm, blobs.contrast_hu, blobs.roundness)
    rows = _ranked(blobs, image, hu, region, MEASURED * config.candidates // 3, config)
    rows[:, 4] *= np.where(rows[:, 5] < GLASS_BELOW_HU, FAINT_WEIGHT, 1)
    return rows[:, :5]


def _opened(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Without what is bright over less than three voxels across: vessels."""
    kernel = np.ones((3, 3), np.uint8)
    low = _slid_along_z(np.stack([cv2.erode(plane, kernel) for plane in levels]), np.minimum)
    return _slid_along_z(np.stack([cv2.dilate(plane, kernel) for plane in low]), np.maximum)


def _slid_along_z(planes: NDArray[np.uint8], extreme: np.ufunc) -> NDArray[np.uint8]:
    result = planes.copy()
    extreme(result[1:], planes[:-1], out=result[1:])
    extreme(result[:-1], planes[1:], out=result[:-1])
    return result


def _ranked(
    blobs: Blobs,
    image: Floats,
    hu: NDArray[np.int16],
    region: NDArray[np.uint8],
    n: int,
    config: PreparationConfig,
) -> Doubles:
    """Rows of (z, y, x, radius_mm, score, core_hu) for the `n` most promising blobs."""
    # Not clipped: of the scales that see one nodule, the one that fits it has most contrast.
    promise = np.maximum(blobs.contrast_hu, 0) * blobs.roundness**2
    rows = np.column_stack([blobs.centre, blobs.radius_mm, promise])
    blobs = blobs.chosen(_without_overlap(rows, n))
    around = measure(image, hu, region, blobs.centre, blobs.radius_mm, LATTICE_MM)
    contrast = around.core_hu - around.lung_hu
    score = _score(contrast, blobs.roundness, around.freedom, around.radius_mm)
    score *= np.minimum(1, around.radius_mm / (config.smallest_mm / 2)) ** TINY_POWER
    return np.column_stack([blobs.centre, around.radius_mm, score, around.core_hu])


def _score(
    contrast_hu: Doubles | float,
    roundness: Doubles | float,
    freedom: Doubles | float,
    radius_mm: Doubles | float,
) -> Doubles:
    contrast = np.clip(np.asarray(contrast_hu) / FULL_CONTRAST_HU, 0, 1)
    return np.asarray(
        contrast**CONTRAST_POWER
        * np.asarray(roundness) ** ROUND_POWER
        * np.asarray(freedom) ** FREE_POWER
        * np.asarray(radius_mm) ** SIZE_POWER
    )


def _masses(hu: NDArray[np.int16], region: NDArray[np.uint8], config: PreparationConfig) -> Doubles:
    """Rows of (z, y, x, radius_mm, score) on the lattice."""
    closed = region.view(bool)
    aerated = filled_blocks((hu < AERATED_BELOW_HU) & closed)
    region_blocks, spacing_mm = filled_blocks(closed), (2 * LATTICE_MM,) * 3
    masses = find_masses(aerated, spacing_mm, 0.0, region_blocks)
    rows = [
        (
            *(2 * np.asarray(mass.centre) + 0.5),
            mass.radius_mm,
            _score(
                FULL_CONTRAST_HU,
                1.0,
                mass_freedom(mass, aerated, region_blocks, spacing_mm),
                mass.radius_mm,
            ),
        )
        for mass in masses
        if 2 * mass.radius_mm >= MASS_SHARE * config.largest_mm
    ]
    return np.asarray(rows, np.float64).reshape(-1, 5)


def _without_overlap(rows: Doubles, limit: int) -> NDArray[np.int64]:
    """Which rows of (z, y, x, radius_mm, score) are the best, in falling order.

    Left out is what overlaps a better one's centre, or has it within its own radius.
    """
    order = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0], -rows[:, 4]))[: CROWD * limit]
    centres, radii = rows[order, :3] * LATTICE_MM, np.maximum(rows[order, 3], 4.0)
    is_free = rows[order, 4] > 0
    chosen: list[int] = []
    for i in range(len(order)):
        if not is_free[i]:
            continue
        chosen.append(int(order[i]))
        if len(chosen) == limit:
            break
        apart = np.square(centres[i + 1 :] - centres[i]).sum(1)
        is_free[i + 1 :] &= apart >= np.square(np.maximum(radii[i + 1 :], radii[i]))
    return np.asarray(chosen, np.int64)
