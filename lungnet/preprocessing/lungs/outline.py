"""The lungs from HU alone, on a coarse lattice.

Both of them, closed over nodules and vessels, the airway taken out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lungnet.preprocessing.blocks import (
    block_means,
    bounding_box,
    dilated,
    filled_blocks,
    to_voxels,
    widened,
)
from lungnet.preprocessing.lungs.airway import find_airway
from lungnet.preprocessing.lungs.closing import closed_lungs
from lungnet.preprocessing.lungs.doubts import SIDE_CUT_CM2, doubts, shared_faces_mm2
from lungnet.preprocessing.lungs.gas import (
    AIR_BELOW_HU,
    LARGEST_GAS_LITRES,
    PADDING_HU,
    Air,
    find_air,
)
from lungnet.preprocessing.masses import balls, find_masses, spine_column
from lungnet.preprocessing.warning_codes import NO_LUNGS, WARNINGS
from lungnet.volume import ScanWarning, Volume

LATTICE_MM = 2.0
"""Lungs are outlined on this lattice: fine enough for the wall between lung and gut, an eighth of
the voxels of 1 mm."""

SMALLEST_LITRES = 0.04
"""Air of less is no lobe."""

SMALLEST_SHARE = 0.04
"""Of the largest component; a lobe that a fissure parts from the rest is larger."""

LEAST_LITRES = 0.2
"""Less aerated lung is no chest's."""

LARGEST_AIRWAY_SHARE = 0.5
"""Of the aerated lung; what was taken for the airway is lung where it is more."""

MOST_LUNGS = 8
"""So many of the largest components of air are looked at."""

RIM_BLOCKS = 2
"""The lung's rim reaches so many blocks of 4 mm beyond those that it fills."""

Bools = NDArray[np.bool_]
Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Lungs:
    """Where the lungs are.

    Attributes:
        mask: `uint8` 0 or 1 on the lattice, closed over nodules, vessels and hilum, without the
            airway.
        litres: volume of the mask.
        warnings: what does not look like two whole lungs.
    """

    mask: NDArray[np.uint8]
    litres: float
    warnings: tuple[ScanWarning, ...]


def find_lungs(coarse: Volume) -> Lungs:
    """Outline both lungs.

    Where there are none to find, the body's box stands in for them, with a warning.

    Air that reaches the sides of the field of view is outside the patient; of the air within, the
    large components with the density of lung are kept, in any position of the body.

    Args:
        coarse: HU on a lattice of about `LATTICE_MM`.

    Returns:
        A mask that is never empty, its volume, and warnings.
    """
    litre_per_voxel = float(np.prod(coarse.spacing_mm)) * 1e-6
    means = block_means(coarse.hu)
    aerated, hollow = _aerated(coarse.hu, means, litre_per_voxel)
    if np.count_nonzero(aerated) * litre_per_voxel < LEAST_LITRES:
        mask = _body_box(coarse.hu)
        warning = ScanWarning(NO_LUNGS, WARNINGS[NO_LUNGS])
        return Lungs(mask, float(mask.sum()) * litre_per_voxel, (warning,))
    airway = find_airway(coarse, aerated | hollow)
    if np.count_nonzero(aerated & airway) > LARGEST_AIRWAY_SHARE * np.count_nonzero(aerated):
        airway = np.zeros_like(aerated)
    aerated &= ~airway
    masses = _masses(aerated, spine_column(means), coarse.spacing_mm)
    lungs = closed_lungs(aerated | masses, coarse.spacing_mm) & ~airway
    padding = _padding_beside(lungs, coarse)
    lungs &= ~padding
    litres = float(np.count_nonzero(lungs)) * litre_per_voxel
    return Lungs(lungs.view(np.uint8), litres, tuple(doubts(lungs, padding, coarse, litres)))


def _padding_beside(lungs: Bools, coarse: Volume) -> Bools:
    """What pads a round field of view, where it cuts the lungs: no voxel elsewhere."""
    box = widened(bounding_box(lungs), 1)
    low, inside = coarse.hu[box] <= PADDING_HU, lungs[box]
    shared_mm2 = shared_faces_mm2(inside, low, coarse.spacing_mm)
    # A voxel of padding in the mask has up to four faces that the cut would show.
    if shared_mm2 + 4 * np.count_nonzero(inside & low) < 100 * SIDE_CUT_CM2:
        return np.zeros_like(lungs)
    # It reaches from the image's sides inward without a gap: bullae do not.
    rows = box[:2]
    low, inward = coarse.hu[rows] <= PADDING_HU, np.zeros_like(lungs)
    inward[rows] = np.minimum.accumulate(low, 2)
    inward[rows] |= np.minimum.accumulate(low[..., ::-1], 2)[..., ::-1]
    return inward


def _masses(aerated: Bools, spine: float, spacing_mm: Triple) -> Bools:
    """Masses in the lungs, too large to be closed over."""
    z, y, x = spacing_mm
    masses = find_masses(filled_blocks(aerated), (2 * z, 2 * y, 2 * x), spine)
    return balls(masses, aerated.shape, spacing_mm)


def _aerated(
    hu: NDArray[np.int16], means: NDArray[np.float32], litre_per_voxel: float
) -> tuple[Bools, Bools]:
    """Air of the lungs, the bronchi still in it; and gas of hollow organs beside and above them."""
    air = find_air(means, 8 * litre_per_voxel)
    labels, large = _large_components(means, air, 8 * litre_per_voxel)
    lung_blocks = np.isin(labels, large)
    # Thin recesses and the lungs' rim fill no block: what of the air around is joined with them.
    is_air = hu < AIR_BELOW_HU
    joined = is_air & to_voxels(dilated(lung_blocks, RIM_BLOCKS) & ~air.hollow, hu.shape)
    box = bounding_box(joined)
    labels, n = ndimage.label(joined[box])
    is_lung = np.zeros(n + 1, bool)
    is_lung[labels[to_voxels(lung_blocks, hu.shape)[box]]] = True
    is_lung[0] = False
    aerated = np.zeros_like(joined)
    aerated[box] = is_lung[labels]
    middle = int(np.mean(np.flatnonzero(lung_blocks.any(axis=(1, 2))))) if len(large) else 0
    hollow = to_voxels(dilated(air.hollow, 1), hu.shape) & is_air
    hollow[: 2 * middle] = False
    return aerated, hollow


def _large_components(
    means: NDArray[np.float32], air: Air, litre_per_block: float
) -> tuple[NDArray[np.signedinteger], list[int]]:
    """Components of the air in the body, and which of them are lungs by size and density."""
    labels, n = ndimage.label(air.inner)
    sizes = np.bincount(labels[air.inner], minlength=n + 1)
    boxes = ndimage.find_objects(labels)
    lungs: list[int] = []
    for number in map(int, np.argsort(-sizes, kind="stable")[:MOST_LUNGS]):
        litres = sizes[number] * litre_per_block
        if litres < SMALLEST_LITRES or (lungs and sizes[number] < SMALLEST_SHARE * sizes[lungs[0]]):
            break
        box = boxes[number - 1]
        is_free = np.median(means[box][labels[box] == number]) < air.dark_below_hu
        if not is_free or litres > LARGEST_GAS_LITRES:
            lungs.append(number)
    return labels, lungs


def _body_box(hu: NDArray[np.int16]) -> NDArray[np.uint8]:
    mask = np.zeros(hu.shape, np.uint8)
    mask[bounding_box(hu > AIR_BELOW_HU)] = 1
    return mask
