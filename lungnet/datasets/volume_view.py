"""A 3D crop in a view that leaves the plane: cut with a margin, interpolated once."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.view import LARGEST_FRACTION, View, turn_slices


def size_to_cut(size: Sequence[int], view: View) -> tuple[int, ...]:
    """Voxels to cut at `view.whole_shift` so that nothing the view shows is missing.

    More than `size` only where the view leaves the plane, and as many more on either side.
    """
    if not view.leaves_the_plane:
        return tuple(size)
    half = (np.asarray(size) - 1) / 2
    bend = 0.0 if view.bend is None else view.bend.reach
    reach = np.abs(_to_source(view)) @ (half + np.abs(view.shift_rest) + bend)
    margin = np.maximum(np.ceil(reach - half), 0).astype(int)
    return tuple(int(n + 2 * m) for n, m in zip(size, margin, strict=True))


def reach_voxels(config: AugmentationConfig, size: Sequence[int]) -> int:
    """How far beside the straight crop a random view of it looks, at most.

    Whatever `draw_view` draws, `size_to_cut` at its whole shift stays within so many voxels.
    """
    is_interpolated = bool(config.rotate_degrees or config.scale)
    moved = config.shift_voxels + is_interpolated
    if len(size) == 2 or not (config.axes == "all" or config.elastic_voxels):
        return moved
    half = (np.asarray(size) - 1) / 2
    farthest = half + LARGEST_FRACTION + config.elastic_voxels
    if config.rotate_degrees:
        farthest = np.full(3, np.linalg.norm(farthest))
    return moved + int(np.ceil((farthest / (1 - config.scale) - half).max()))


def in_view(crop: NDArray[np.int16], size: Sequence[int], view: View) -> NDArray[np.int16]:
    """What a view shows of a crop, or of several in the same view.

    Args:
        crop: HU, shape (..., [z,] y, x), the last axes as `size_to_cut` says, cut at
            `view.whole_shift`.
        size: of what is shown.
        view: what is left of it is done here.

    Returns:
        HU, shape (..., *size); the same object for an aligned view.
    """
    if not view.leaves_the_plane:
        return turn_slices(crop, view)
    z, y, x = size
    boxes = crop.reshape(-1, *crop.shape[-3:])
    places = _source_voxels((z, y, x), boxes.shape[1:], view)
    shown = np.empty((len(boxes), z, y, x), np.int16)
    for box, output in zip(boxes, shown, strict=True):
        map_coordinates(box, places, output, order=1, mode="nearest")
    return shown.reshape(*crop.shape[:-3], z, y, x)


def _source_voxels(
    size: tuple[int, int, int], box: tuple[int, ...], view: View
) -> NDArray[np.float64]:
    """Where in the box each voxel of the view lies, shape (3, *size)."""
    middle = (np.asarray(size) - 1) / 2 - view.shift_rest
    grid = np.indices(size) - middle[:, None, None, None]
    if view.bend is not None:
        grid = grid + view.bend.displacement(size)
    offset = (np.asarray(box) - 1) / 2
    return np.tensordot(_to_source(view), grid, 1) + offset[:, None, None, None]


def _to_source(view: View) -> NDArray[np.float64]:
    """From (z, y, x) about the middle of what is shown to the same in the source, shape (3, 3)."""
    if view.tilt_degrees is None:
        turn, _ = cv2.Rodrigues(np.deg2rad([-view.turn_degrees, 0.0, 0.0]))
        return np.asarray(turn / np.array([1.0, view.scale, view.scale])[:, None])
    turn, _ = cv2.Rodrigues(np.deg2rad(view.tilt_degrees))
    return np.asarray(turn / view.scale)
