"""Where and how a crop is cut from its image: moved, turned, enlarged, in one interpolation."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig

LARGEST_FRACTION = 0.5
"""A crop that is interpolated anyway also moves by up to half a voxel either way."""


@dataclass(frozen=True)
class View:
    """How the network looks at a sample.

    Attributes:
        shift: of the crop's middle along (z, y, x) or (y, x), in its voxels.
        turn_degrees: within the (y, x) plane.
        scale: above 1 shows less, enlarged.
    """

    shift: tuple[float, ...]
    turn_degrees: float = 0.0
    scale: float = 1.0

    @property
    def whole_shift(self) -> tuple[int, ...]:
        """The shift in whole voxels."""
        return tuple(round(step) for step in self.shift)

    @property
    def is_aligned(self) -> bool:
        """Whether the voxels are those of the image, without interpolation."""
        return not self.turn_degrees and self.scale == 1 and self.shift == self.whole_shift


def straight(dimensions: int) -> View:
    """The crop as it is."""
    return View((0,) * dimensions)


def draw_view(config: AugmentationConfig, dimensions: int, rng: np.random.Generator) -> View:
    """A random view; nothing is drawn for what is off."""
    reach = config.shift_voxels
    shift = (
        tuple(float(n) for n in rng.integers(-reach, reach, dimensions, endpoint=True))
        if reach
        else (0.0,) * dimensions
    )
    if not config.rotate_degrees and not config.scale:
        return View(shift)
    turn = rng.uniform(-config.rotate_degrees, config.rotate_degrees)
    scale = rng.uniform(1 - config.scale, 1 + config.scale)
    fraction = rng.uniform(-LARGEST_FRACTION, LARGEST_FRACTION, 2)
    moved = (*shift[:-2], shift[-2] + fraction[0], shift[-1] + fraction[1])
    return View(tuple(float(step) for step in moved), float(turn), float(scale))


def reach_voxels(config: AugmentationConfig) -> int:
    """How far a random view shows what lies beside the straight crop, at most."""
    is_interpolated = bool(config.rotate_degrees or config.scale)
    return config.shift_voxels + is_interpolated


def cut_plane(
    pixels: NDArray[np.generic],
    spacing_mm: float,
    size: tuple[int, int],
    view: View,
    *,
    is_mask: bool = False,
) -> NDArray[np.generic]:
    """A crop at 1 mm from the middle of a slice, in one interpolation.

    Args:
        pixels: int16 HU or uint8 mask, shape (y, x).
        spacing_mm: of its pixels, the same along both axes.
        size: (y, x) of the crop, in voxels of 1 mm.
        view: its last two shifts, its turn and its scale.
        is_mask: take the nearest pixel instead of interpolating; 0 where the slice ends. HU beyond
            its edge are those at the edge.
    """
    angle = np.deg2rad(view.turn_degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    to_pixels = turn / (view.scale * spacing_mm)
    (height, width), (rows, columns) = size, pixels.shape
    middle = np.array([(width - 1) / 2 - view.shift[-1], (height - 1) / 2 - view.shift[-2]])
    offset = np.array([(columns - 1) / 2, (rows - 1) / 2]) - to_pixels @ middle
    return np.asarray(
        cv2.warpAffine(
            pixels,
            np.column_stack([to_pixels, offset]),
            (width, height),
            flags=cv2.WARP_INVERSE_MAP | (cv2.INTER_NEAREST if is_mask else cv2.INTER_LINEAR),
            borderMode=cv2.BORDER_CONSTANT if is_mask else cv2.BORDER_REPLICATE,
        )
    )


def turn_slices(crop: NDArray[np.int16], view: View) -> NDArray[np.int16]:
    """Turn, enlarge and move by a part of a voxel each slice of a crop that was cut already.

    Args:
        crop: HU, shape (..., y, x), cut at `view.whole_shift`.
        view: what is left of it is done here.
    """
    if view.is_aligned:
        return crop
    height, width = crop.shape[-2:]
    rest = tuple(step - whole for step, whole in zip(view.shift, view.whole_shift, strict=True))
    remainder = View(rest, view.turn_degrees, view.scale)
    slices = np.ascontiguousarray(crop).reshape(-1, height, width)
    turned = [cut_plane(plane, 1.0, (height, width), remainder) for plane in slices]
    return np.stack(turned).reshape(crop.shape).astype(np.int16, copy=False)
