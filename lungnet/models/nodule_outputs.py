"""What the heads of a nodule network say, in the units of people."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.model import ATTRIBUTES

Floats = NDArray[np.floating[Any]]

FINE = 4
"""Outlines are drawn on so many pixels for one, along each axis: the log-odds between two pixels
tell where the border runs."""

NEAR_MM = 3.0
"""The nodule is what lies in the middle, or so near to it."""


@dataclass(frozen=True, eq=False)
class Outline:
    """What belongs to the nodule in the middle of a crop.

    Attributes:
        diameter_mm: of the disc of the same area.
        border_mm: (y, x) of its border's points from the middle of the crop, shape (n, 2).
    """

    diameter_mm: float
    border_mm: NDArray[np.float64]


def readers_ratings(shares: Floats) -> dict[str, NDArray[np.float64]]:
    """Each of ATTRIBUTES in the readers' units.

    Args:
        shares: 0 for the lowest rating and 1 for the highest, shape (n, ratings).

    Returns:
        By name, shape (n,); beyond the lowest and the highest the nearest of them.
    """
    inside = np.clip(np.asarray(shares, np.float64), 0, 1)
    return {
        name: low + inside[:, number] * (high - low)
        for number, (name, (low, high)) in enumerate(ATTRIBUTES.items())
    }


def outline_in_middle(log_odds: Floats) -> Outline | None:
    """The outline of what is joined to the middle of a crop; None where nothing is there.

    Args:
        log_odds: that a pixel belongs to the nodule, at 1 mm, shape (y, x).
    """
    height, width = log_odds.shape
    enlarged = cv2.resize(log_odds.astype(np.float32), (FINE * width, FINE * height))
    inside = (enlarged > 0).astype(np.uint8)
    y_mm, x_mm = ((np.arange(FINE * n) + 0.5) / FINE - n / 2 for n in (height, width))
    distance_mm = np.where(inside, np.hypot(y_mm[:, None], x_mm), np.inf)
    nearest = np.unravel_index(np.argmin(distance_mm), distance_mm.shape)
    if distance_mm[nearest] > NEAR_MM:
        return None
    labels = cv2.connectedComponents(inside, connectivity=4)[1]
    nodule = (labels == labels[nearest]).astype(np.uint8)
    contours = cv2.findContours(nodule, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    columns, rows = max(contours, key=len).reshape(-1, 2).T
    area_mm2 = float(nodule.sum()) / FINE**2
    return Outline(
        2 * float(np.sqrt(area_mm2 / np.pi)), np.column_stack([y_mm[rows], x_mm[columns]])
    )
