"""A box of a crop hidden, so that a network learns to look at all of it."""

import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig


def cut_out(
    crop: NDArray[np.int16], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.int16]:
    """The crop with a box at its mean HU; the same object where it is off.

    The box lies wholly within the crop; edges of less than half a voxel hide nothing.
    """
    if not config.cut_out:
        return crop
    shape = np.array(crop.shape)
    edges = np.rint(rng.uniform(0, config.cut_out, crop.ndim) * shape).astype(int)
    starts = rng.integers(0, shape - edges, endpoint=True)
    box = tuple(slice(start, start + edge) for start, edge in zip(starts, edges, strict=True))
    hidden = crop.copy()
    hidden[box] = np.rint(crop.mean())
    return hidden
