"""Slices of HU as gray pictures at one lung window, with marks."""

import cv2
import numpy as np
from numpy.typing import NDArray

LUNG_WINDOW_HU = (-1150.0, 350.0)
"""A lung window: level -400, width 1500."""

QUICK_COMPRESSION = 1
"""Of PNG: a tenth larger than the default, several times as quick."""


def to_gray(
    hu: NDArray[np.int16], window_hu: tuple[float, float] = LUNG_WINDOW_HU
) -> NDArray[np.uint8]:
    """HU at a window (lowest, highest) as gray levels 0..255, same shape."""
    low, high = window_hu
    return np.asarray(np.clip((hu - low) * (255 / (high - low)), 0, 255), np.uint8)


def draw_ring(
    picture: NDArray[np.uint8],
    centre_yx: tuple[float, float],
    radius_pixels: int,
    color: int | tuple[int, int, int],
) -> None:
    """Draw a circle in place; the centre is (row, column), and may be fractional."""
    row, column = centre_yx
    centre = (round(float(column)), round(float(row)))
    cv2.circle(picture, centre, radius_pixels, color, 1, cv2.LINE_AA)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """A gray or BGR picture as PNG; the same picture gives the same bytes."""
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, QUICK_COMPRESSION])
    assert done  # memory only: nothing can be full or missing
    return bytes(data)
