"""Where and how a crop is cut from its image: moved, turned, enlarged, in one interpolation."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation.bend import Bend, draw_bend

LARGEST_FRACTION = 0.5
"""A crop that is interpolated anyway also moves by up to half a voxel either way."""


@dataclass(frozen=True)
class View:
    """How the network looks at a sample.

    Attributes:
        shift: of the crop's middle along (z, y, x) or (y, x), in its voxels.
        turn_degrees: within the (y, x) plane.
        scale: above 1 shows less, enlarged; within the plane, or along all axes with a tilt.
        tilt_degrees: of a rotation in 3D, the vector (z, y, x) along its axis whose length is its
            angle; None: the turn alone.
        bend: moves the crop's voxels before all else; None: they stay.
    """

    shift: tuple[float, ...]
    turn_degrees: float = 0.0
    scale: float = 1.0
    tilt_degrees: tuple[float, float, float] | None = None
    bend: Bend | None = None

    @property
    def whole_shift(self) -> tuple[int, ...]:
        """The shift in whole voxels."""
        return tuple(round(step) for step in self.shift)

    @property
    def shift_rest(self) -> tuple[float, ...]:
        """What whole voxels leave of the shift."""
        return tuple(step - whole for step, whole in zip(self.shift, self.whole_shift, strict=True))

    @property
    def is_aligned(self) -> bool:
        """Whether the voxels are those of the image, without interpolation."""
        return (
            not self.turn_degrees
            and self.scale == 1
            and self.shift == self.whole_shift
            and self.tilt_degrees is None
            and self.bend is None
        )

    @property
    def leaves_the_plane(self) -> bool:
        """Whether slices of a 3D crop mix, so that it is cut with a margin and interpolated."""
        return len(self.shift) == 3 and (self.tilt_degrees is not None or self.bend is not None)


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
    view = View(shift)
    if config.rotate_degrees or config.scale:
        view = _turned(view, config, rng)
    if config.elastic_voxels:
        view = replace(view, bend=draw_bend(config.elastic_voxels, dimensions, rng))
    return view


def _turned(view: View, config: AugmentationConfig, rng: np.random.Generator) -> View:
    """Turned, enlarged and moved by a part of a voxel along the axes that interpolation mixes."""
    in_space = config.axes == "all"
    turn, tilt = 0.0, None
    if in_space:
        tilt = draw_tilt(config.rotate_degrees, rng)
    else:
        turn = float(rng.uniform(-config.rotate_degrees, config.rotate_degrees))
    scale = rng.uniform(1 - config.scale, 1 + config.scale)
    n_mixed = 3 if in_space else 2
    fraction = rng.uniform(-LARGEST_FRACTION, LARGEST_FRACTION, n_mixed)
    moved = [*view.shift[:-n_mixed]]
    moved += [float(a + b) for a, b in zip(view.shift[-n_mixed:], fraction, strict=True)]
    return View(tuple(moved), turn, float(scale), tilt)


def draw_tilt(largest_degrees: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """A rotation vector, uniform over the rotations of at most that angle.

    The axis is uniform on the sphere; among all rotations, angles have the density 1 - cos (Miles
    1965, doi:10.1093/biomet/52.3-4.636), whose integral is inverted.
    """
    axis = rng.standard_normal(3)
    angles = np.linspace(0, np.deg2rad(largest_degrees), 4097)
    below = angles - np.sin(angles)
    angle = np.rad2deg(np.interp(rng.uniform() * below[-1], below, angles))
    z, y, x = (angle / np.linalg.norm(axis) * axis).tolist()
    return z, y, x


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
        view: its last two shifts, its turn, its scale and, in 2D, its bend.
        is_mask: take the nearest pixel instead of interpolating; 0 where the slice ends. HU beyond
            its edge are those at the edge.
    """
    angle = np.deg2rad(view.turn_degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    to_pixels = turn / (view.scale * spacing_mm)
    (height, width), (rows, columns) = size, pixels.shape
    middle = np.array([(width - 1) / 2 - view.shift[-1], (height - 1) / 2 - view.shift[-2]])
    offset = np.array([(columns - 1) / 2, (rows - 1) / 2]) - to_pixels @ middle
    flags = cv2.INTER_NEAREST if is_mask else cv2.INTER_LINEAR
    border = cv2.BORDER_CONSTANT if is_mask else cv2.BORDER_REPLICATE
    if view.bend is not None:
        grid = np.indices(size) + view.bend.displacement(size)
        x, y = np.tensordot(to_pixels, grid[::-1], 1) + offset[:, None, None]
        maps = x.astype(np.float32), y.astype(np.float32)
        return np.asarray(cv2.remap(pixels, *maps, flags, borderMode=border))
    return np.asarray(
        cv2.warpAffine(
            pixels,
            np.column_stack([to_pixels, offset]),
            (width, height),
            flags=cv2.WARP_INVERSE_MAP | flags,
            borderMode=border,
        )
    )


def turn_slices(crop: NDArray[np.int16], view: View) -> NDArray[np.int16]:
    """Turn, enlarge and move by a part of a voxel each slice of a crop that was cut already.

    Args:
        crop: HU, shape (..., y, x), cut at `view.whole_shift`.
        view: what is left of it is done here; it stays within the plane.
    """
    if view.is_aligned:
        return crop
    height, width = crop.shape[-2:]
    remainder = replace(view, shift=view.shift_rest)
    slices = np.ascontiguousarray(crop).reshape(-1, height, width)
    turned = [cut_plane(plane, 1.0, (height, width), remainder) for plane in slices]
    return np.stack(turned).reshape(crop.shape).astype(np.int16, copy=False)
