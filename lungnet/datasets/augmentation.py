"""Random changes to training crops after they are cut.

Each is drawn from the generator it is given and nothing else.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig

Crop = NDArray[np.generic]


def draw_symmetry(
    config: AugmentationConfig, shape: tuple[int, ...], rng: np.random.Generator
) -> Callable[[Crop], Crop]:
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


def change_hu(
    crop: NDArray[np.int16], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.int16]:
    """HU shifted as a whole and with noise; the same object where both are off."""
    if not config.shift_hu and not config.noise_hu:
        return crop
    changed = crop.astype(np.float32) + np.float32(config.shift_hu * rng.standard_normal())
    if config.noise_hu:
        changed += np.float32(config.noise_hu) * rng.standard_normal(crop.shape, dtype=np.float32)
    rounded: NDArray[np.int16] = np.clip(np.rint(changed), -32768, 32767).astype(np.int16)
    return rounded
