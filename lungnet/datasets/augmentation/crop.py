"""All that happens to a training crop after it was cut, in its order."""

import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation.cut_out import cut_out
from lungnet.datasets.augmentation.detail import lose_detail
from lungnet.datasets.augmentation.hu import change_hu
from lungnet.datasets.augmentation.symmetry import Symmetry, draw_symmetry


def augment_crop(
    crop: NDArray[np.int16], config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.int16], Symmetry]:
    """A crop as training sees it, and the symmetry by which an outline moves with it.

    Slices are thickened along the scanner's z, before the axes change places; noise comes after
    what would smooth it away.

    Args:
        crop: HU, shape ([z,] y, x).
        config: what is on; the same object comes back where nothing is.
        rng: decides everything.
    """
    symmetry = draw_symmetry(config, crop.shape, rng)
    moved = symmetry(lose_detail(crop, config, rng)).astype(np.int16, copy=False)
    return cut_out(change_hu(moved, config, rng), config, rng), symmetry
