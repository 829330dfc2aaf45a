"""Each lung closed over nodules, vessels and hilum, without what lies between the two."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lungnet.preprocessing.blocks import bounding_box, distances_mm, eroded, to_voxels

CRUMB_SHARE = 0.02
"""A component under this share of the largest is a crumb."""

CLOSING_MM = 14.0
"""Radius of the disc that closes the lung over nodules on the pleura: bumps of up to twice as much
across are taken in."""

LARGEST_HOLE_MM2 = 1500.0
"""What the lung encloses in an axial plane is filled up to this area: that of a nodule of 44 mm, or
of vessels at the hilum."""

BRIDGE_BLOCKS = (1, 2)
"""Two lungs that touch, in front of the heart or behind it, part when every second voxel of 2 mm is
shrunk by so many: the bridge is thinner than 12, or 20 mm."""

SECOND_SHARE = 0.12
"""A lung beside which so small a second one splits off is one lung: the left one holds about 45 %
of both."""

Bools = NDArray[np.bool_]
Triple = tuple[float, float, float]


def closed_lungs(aerated: Bools, spacing_mm: Triple) -> Bools:
    """Close each lung for itself, so that what lies between the two stays outside.

    Crumbs are dropped.

    Args:
        aerated: air of the lungs, the airway out, shape (z, y, x).
        spacing_mm: (z, y, x).
    """
    whole = bounding_box(aerated)
    labels, _ = ndimage.label(aerated[whole])
    sizes = np.bincount(labels[aerated[whole]])
    result = np.zeros_like(aerated)
    closed = result[whole]
    boxes = ndimage.find_objects(labels)
    for number in np.flatnonzero(sizes > CRUMB_SHARE * sizes.max()):
        box = boxes[number - 1]
        for lung in _right_and_left(labels[box] == number, spacing_mm):
            closed[box] |= lung  # in case its closing is cut by the box
            _close_into(closed, box, lung, spacing_mm)
    return result


def _right_and_left(lung: Bools, spacing_mm: Triple) -> list[Bools]:
    """Right and left where a component holds both, else the component."""
    thinned = np.ascontiguousarray(lung[::2, ::2, ::2])
    for bridge in BRIDGE_BLOCKS:
        labels, n = ndimage.label(eroded(thinned, bridge))
        if n < 2:
            continue
        sizes = np.bincount(labels.ravel())[1:]
        first, second = np.argsort(-sizes, kind="stable")[:2] + 1
        if sizes[second - 1] < SECOND_SHARE * sizes.sum():
            continue
        spacing = tuple(2 * s for s in spacing_mm)
        nearer = distances_mm(labels == first, spacing) <= distances_mm(labels == second, spacing)
        wide = to_voxels(nearer, lung.shape)
        return [lung & wide, lung & ~wide]
    return [lung]


def _close_into(closed: Bools, box: tuple[slice, ...], lung: Bools, spacing_mm: Triple) -> None:
    """Close by a disc in each of the three planes, then fill what an axial plane encloses."""
    radius = CLOSING_MM / min(spacing_mm)
    used = bounding_box(lung)
    reach = round(radius) + 2
    padded = np.pad(lung[used], reach).view(np.uint8)
    result = np.zeros_like(padded)
    for axis in range(3):
        planes, closings = np.moveaxis(padded, axis, 0), np.moveaxis(result, axis, 0)
        for k, plane in enumerate(planes):
            x, y, width, height = cv2.boundingRect(np.ascontiguousarray(plane))
            if width:
                near = slice(y - reach, y + height + reach), slice(x - reach, x + width + reach)
                closings[k][near] |= _closed_plane(np.ascontiguousarray(plane[near]), radius)
    largest = LARGEST_HOLE_MM2 / (spacing_mm[1] * spacing_mm[2])
    inner = result[reach:-reach, reach:-reach, reach:-reach]
    target = closed[box][used]
    target |= np.stack([_filled_plane(plane, largest) for plane in inner]).view(bool)


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
    # A frame joins the corners, which otherwise would be holes of their own at the box's edge.
    framed = cv2.copyMakeBorder(1 - plane, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(framed, connectivity=4)
    labels = labels[1:-1, 1:-1]
    small = stats[:, cv2.CC_STAT_AREA] <= largest
    small[0] = True
    return np.asarray(small[labels] | plane.view(bool)).view(np.uint8)
