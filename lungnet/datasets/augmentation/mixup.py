"""Two samples blended into one, images and targets alike (Zhang et al. 2018, arXiv:1710.09412)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lungnet.datasets.augmentation.hu import rounded_hu

Arrays = Mapping[str, NDArray[np.generic]]


def draw_share(concentration: float, rng: np.random.Generator) -> float:
    """The larger share of a pair from Beta(concentration, concentration).

    A sample that keeps the larger share of itself is still shown as often as the schedule says
    (Berthelot et al. 2019, arXiv:1905.02249, equation 9).
    """
    share = float(rng.beta(concentration, concentration))
    return max(share, 1 - share)


def mixed(own: Arrays, partner: Arrays, share: float) -> dict[str, NDArray[np.generic]]:
    """`share` of each array and the rest of the partner's; HU stay whole numbers."""
    blended: dict[str, NDArray[np.generic]] = {}
    for name, values in own.items():
        first, second = values.astype(np.float32), partner[name].astype(np.float32)
        blend = np.float32(share) * first + np.float32(1 - share) * second
        blended[name] = rounded_hu(blend) if values.dtype == np.int16 else blend
    return blended
