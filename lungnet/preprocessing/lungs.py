"""The lungs from HU alone, on a coarse lattice.

Both of them, closed over nodules and vessels, the airway taken out.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lungnet.preprocessing.airway import find_airway
from lungnet.preprocessing.warning_codes import (
    LUNG_CUT,
    LUNG_VOLUME,
    NO_LUNGS,
    ONE_LUNG,
    WARNINGS,
)
from lungnet.volume import ScanWarning, Volume

LATTICE_MM = 2.0
"""Lungs are outlined on this lattice: fine enough for the wall between lung and gut, an eighth of
the voxels of 1 mm."""

AIR_BELOW_HU = -400
"""Lung holds more than two fifths of air, soft tissue none: half way between (Hu et al. 2001,
doi:10.1109/42.929615, find -400 to -500)."""

GAS_BELOW_HU = -960
"""A component whose median lies below is gas in the gut or under a table's cover: lung, even
emphysema, holds vessels and blood."""

CLOSING_MM = 14.0
"""Radius of the disc that closes the lung over nodules on the pleura: bumps of up to twice as much
across are taken in."""

LARGEST_HOLE_MM2 = 1500.0
"""What the lung encloses in an axial plane is filled up to this area: that of a nodule of 44 mm, or
of vessels at the hilum."""

PLAUSIBLE_LITRES = (0.8, 12.0)
"""Both lungs of an adult with what lies in them, from full expiration to emphysema, in litres."""

Bools = NDArray[np.bool_]


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
    aerated = _aerated(coarse.hu, litre_per_voxel)
    if aerated is None:
        mask = _body_box(coarse.hu)
        warning = ScanWarning(NO_LUNGS, WARNINGS[NO_LUNGS])
        return Lungs(mask, float(mask.sum()) * litre_per_voxel, (warning,))
    airway = find_airway(coarse, aerated)
    if (
        aerated & ~airway
    ).sum() < 0.5 * aerated.sum():  # what was taken for the airway is most of the lung
        airway = np.zeros_like(aerated)
    lungs = _closed_each(aerated & ~airway, coarse.spacing_mm) & ~airway
    litres = float(lungs.sum()) * litre_per_voxel
    return Lungs(lungs.view(np.uint8), litres, tuple(_doubts(lungs, coarse, litres)))


def _aerated(hu: NDArray[np.int16], litre_per_voxel: float) -> Bools | None:
    """Air inside the body with the density of lung, the airway still in it.

    None where there is less than 0.2 litres.
    """
    air = hu < AIR_BELOW_HU
    outside = np.stack([_reached_from_sides(plane) for plane in air.view(np.uint8)])
    inside = air & ~outside
    labels, n = ndimage.label(inside)
    if not n:
        return None
    sizes = np.bincount(labels[inside])
    # A pocket that is closed within its plane (under an arm) still is outside where it meets the
    # outside of the next plane.
    sizes[labels[1:][outside[:-1] & inside[1:]]] = 0
    sizes[labels[:-1][outside[1:] & inside[:-1]]] = 0
    largest = [int(i) for i in np.argsort(-sizes)[:8] if sizes[i] * litre_per_voxel > 0.04]
    boxes = ndimage.find_objects(labels, max(largest, default=0))
    lung = [
        i for i in largest if np.median(hu[boxes[i - 1]][labels[boxes[i - 1]] == i]) > GAS_BELOW_HU
    ]
    lung = [i for i in lung if sizes[i] > 0.04 * sizes[lung[0]]]
    if sum(sizes[i] for i in lung) * litre_per_voxel < 0.2:
        return None
    is_lung = np.zeros(len(sizes), bool)
    is_lung[lung] = True
    result: Bools = is_lung[labels]
    return result


def _reached_from_sides(air: NDArray[np.uint8]) -> Bools:
    """The air of one axial plane that is connected with its rim: outside the patient."""
    framed = cv2.copyMakeBorder(air, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    cv2.floodFill(framed, None, (0, 0), 2)
    result: Bools = framed[1:-1, 1:-1] == 2
    return result


def _closed_each(mask: Bools, spacing_mm: tuple[float, float, float]) -> Bools:
    """Close each lung for itself, so that what lies between the two stays outside.

    Crumbs under a fiftieth of the largest are dropped.
    """
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels[mask])
    closed = np.zeros_like(mask)
    for lung in np.flatnonzero(sizes > sizes.max() / 50):
        closed |= _closed(labels == lung, spacing_mm)
    return closed


def _closed(mask: Bools, spacing_mm: tuple[float, float, float]) -> Bools:
    """Close by a disc in each of the three planes, then fill what an axial plane encloses."""
    reach = round(CLOSING_MM / min(spacing_mm)) + 2
    box = tuple(
        slice(max(0, s.start - reach), s.stop + reach)
        for s in ndimage.find_objects(mask.view(np.uint8))[0]
    )
    padded = np.pad(mask[box], reach).view(np.uint8)
    closed = np.zeros_like(padded)
    for axis in range(3):
        planes, target = np.moveaxis(padded, axis, 0), np.moveaxis(closed, axis, 0)
        for k, plane in enumerate(planes):
            if plane.any():
                target[k] |= _closed_plane(
                    np.ascontiguousarray(plane), CLOSING_MM / min(spacing_mm)
                )
    inner = closed[reach:-reach, reach:-reach, reach:-reach]
    largest = LARGEST_HOLE_MM2 / (spacing_mm[1] * spacing_mm[2])
    result = mask.copy()
    result[box] |= np.stack([_filled_plane(plane, largest) for plane in inner]).view(bool)
    return result


def _closed_plane(plane: NDArray[np.uint8], radius: float) -> NDArray[np.uint8]:
    # Dilation and erosion by thresholds of the distance: the cost does not grow with the disc.
    distance = cv2.distanceTransform(1 - plane, cv2.DIST_L2, 3)
    grown = (distance <= radius).view(np.uint8)
    result: NDArray[np.uint8] = (cv2.distanceTransform(grown, cv2.DIST_L2, 3) > radius).view(
        np.uint8
    )
    return result | plane


def _filled_plane(plane: NDArray[np.uint8], largest: float) -> NDArray[np.uint8]:
    """Fill what is enclosed, unless it is as large as the heart between the lungs."""
    if not plane.any():
        return plane
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - plane, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= largest
    small[0] = True
    return np.asarray(small[labels] | plane.view(bool)).view(np.uint8)


def _body_box(hu: NDArray[np.int16]) -> NDArray[np.uint8]:
    body = hu > AIR_BELOW_HU
    mask = np.zeros(hu.shape, np.uint8)
    spans = []
    for axis in range(3):
        used = np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis)))
        spans.append(slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(None))
    mask[tuple(spans)] = 1
    return mask


def _doubts(mask: Bools, coarse: Volume, litres: float) -> list[ScanWarning]:
    doubts = []
    low, high = PLAUSIBLE_LITRES
    if not low <= litres <= high:
        doubts.append(
            ScanWarning(
                LUNG_VOLUME, f"the lungs hold {litres:.1f} litres, expected {low:g} to {high:g}"
            )
        )
    # Half of the body, not of the lungs, tells right from left: one lung alone must not be halved.
    columns = np.flatnonzero((coarse.hu > AIR_BELOW_HU).any(axis=(0, 1)))
    middle = (int(columns[0]) + int(columns[-1]) + 1) // 2 if len(columns) else mask.shape[2] // 2
    right = float(mask[:, :, :middle].sum()) / max(1.0, float(mask.sum()))
    if not 0.2 <= right <= 0.8:
        doubts.append(
            ScanWarning(
                ONE_LUNG, f"{max(right, 1 - right):.0%} of the lung lies in one half of the body"
            )
        )
    for face, name in ((mask[0], "lowest"), (mask[-1], "highest")):
        area_cm2 = float(face.sum()) * coarse.spacing_mm[1] * coarse.spacing_mm[2] / 100
        if area_cm2 > (5 if name == "highest" else 60):
            doubts.append(
                ScanWarning(
                    LUNG_CUT,
                    f"the {name} slice still shows {area_cm2:.0f} square centimetres of lung: the "
                    "scan may not hold all of it",
                )
            )
    return doubts
