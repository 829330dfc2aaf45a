"""Trachea and main bronchi: the air that is no lung."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lungnet.preprocessing.blocks import bounding_box, widened
from lungnet.volume import Volume

LARGEST_ML = 130.0
"""Trachea and main bronchi of a large man hold about 80 ml; more means that the search leaked into
the lung."""

TRACHEA_MM = 14.0
"""So far down a trachea keeps its shape, where a fold of skin or the tip of a lung does not."""

LUMEN_MM2 = (40.0, 900.0)
"""Cross-section of the trachea, from a small woman's to a dilated one's, in square millimetres."""

Bools = NDArray[np.bool_]


def find_airway(coarse: Volume, aerated: Bools) -> Bools:
    """Voxels of the airway with its wall, or none where no trachea is seen.

    A round lumen of free air between the lungs in the upper slices is the seed; from it the
    connected voxels below a density half way between the lumen and the lung are taken, with a
    stricter density where that leaks into the lung.

    Args:
        coarse: HU on the lattice.
        aerated: air inside the body with the airway in it, same shape.

    Returns:
        Booleans of the same shape.
    """
    nothing = np.zeros(aerated.shape, bool)
    box = bounding_box(aerated)
    hu, air = coarse.hu[box], aerated[box]
    lung_hu = float(np.median(hu[air]))
    ml_per_voxel = float(np.prod(coarse.spacing_mm)) / 1000
    seed = _seed(hu, air, lung_hu, coarse.spacing_mm)
    if seed is None:
        return nothing
    k, lumen = seed
    lumen_hu = float(np.median(hu[k][lumen]))
    for share in (0.5, 0.3, 0.15):
        labels, n = ndimage.label(hu < lumen_hu + share * (lung_hu - lumen_hu))
        is_tree = np.zeros(n + 1, bool)
        is_tree[labels[k][lumen]] = True
        is_tree[0] = False
        tree = is_tree[labels]
        if np.count_nonzero(tree) * ml_per_voxel <= LARGEST_ML:
            break
    else:
        return nothing
    # The wall, and the lumen's edge that is half wall: two voxels of 2 mm.
    around = widened(bounding_box(tree), 2)
    cross = ndimage.generate_binary_structure(3, 1)
    tree[around] = ndimage.binary_dilation(tree[around], cross, iterations=2)
    nothing[box] = tree
    return nothing


def _seed(
    hu: NDArray[np.int16], air: Bools, lung_hu: float, spacing_mm: tuple[float, float, float]
) -> tuple[int, Bools] | None:
    """The uppermost slice with a round, central, dark lumen that goes on below, and its pixels."""
    dark_hu = (lung_hu - 1000) / 2
    middle, half = air.shape[2] / 2, air.shape[2] / 5
    depth = round(TRACHEA_MM / spacing_mm[0])
    planes = [
        ((plane < dark_hu) & inside).view(np.uint8) for plane, inside in zip(hu, air, strict=True)
    ]
    for k in range(len(hu) - 1, len(hu) // 2, -1):
        for x, lumen in _lumens(planes[k], spacing_mm):
            if abs(x - middle) < half and _goes_on(
                planes[max(0, k - depth) : k], lumen, spacing_mm
            ):
                return k, lumen
    return None


def _lumens(
    dark: NDArray[np.uint8], spacing_mm: tuple[float, float, float]
) -> Iterator[tuple[float, Bools]]:
    """Round openings of a trachea's size in a plane, and the column of their middle."""
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    n, labels, stats, centres = cv2.connectedComponentsWithStats(dark, connectivity=4)
    for i in range(1, n):
        area, width, height = (
            int(stats[i, s]) for s in (cv2.CC_STAT_AREA, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)
        )
        is_round = max(width, height) <= 2.2 * min(width, height) and area >= 0.5 * width * height
        if LUMEN_MM2[0] <= area * pixel_mm2 <= LUMEN_MM2[1] and is_round:
            yield float(centres[i][0]), labels == i


def _goes_on(
    planes: list[NDArray[np.uint8]], lumen: Bools, spacing_mm: tuple[float, float, float]
) -> bool:
    """Whether a lumen is a tube: in every plane below, the last first, one lies under it."""
    for dark in reversed(planes):
        below = [under for _, under in _lumens(dark, spacing_mm) if (under & lumen).any()]
        if not below:
            return False
        lumen = below[0]
    return True
