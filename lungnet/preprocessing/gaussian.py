"""The Gaussian that smooths before a grid coarsens, and between scales."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NEGLIGIBLE_SIGMA = 0.05
"""In samples; a narrower Gaussian has one weight that is not nothing."""


@lru_cache(maxsize=64)  # the slices of a scan ask for one kernel hundreds of times
def gaussian_kernel(sigma: float) -> NDArray[np.float64]:
    """Weights of a sampled Gaussian to three sigma on either side; they sum to 1.

    Args:
        sigma: standard deviation in samples.

    Returns:
        Shape (2 * reach + 1,), read-only; one weight where sigma is negligible.
    """
    if sigma <= NEGLIGIBLE_SIGMA:
        values = np.ones(1)
    else:
        reach = max(1, int(np.ceil(3 * sigma)))
        values = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        values /= values.sum()
    values.flags.writeable = False
    return values
