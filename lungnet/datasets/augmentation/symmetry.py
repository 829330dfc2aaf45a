"""Mirror images and quarter turns: a crop's voxels change places and none its value."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig

Crop = NDArray[np.generic]

Symmetry = Callable[[Crop], Crop]


def draw_symmetry(
    config: AugmentationConfig, shape: tuple[int, ...], rng: np.random.Generator
) -> Symmetry:
    """A symmetry of the grid, the same for all crops of that shape that it is given.

    The crop comes back as the same object where both settings are off.
    """
    order = np.arange(len(shape))
    if config.quarter_turns:
        for length in set(shape):  # axes of equal length only, so that the shape stays
            axes = np.flatnonzero(np.array(shape) == length)
            order[axes] = rng.permutation(axes)
    mirrored = rng.random(len(shape)) < 0.5 if config.flips else np.zeros(len(shape), bool)
    steps = tuple(slice(None, None, -1 if is_mirrored else 1) for is_mirrored in mirrored)

    def moved(crop: Crop) -> Crop:
        """The crop with its axes exchanged and mirrored."""
        if not config.quarter_turns and not config.flips:
            return crop
        return crop.transpose(order)[steps]

    return moved
