"""The Gaussian that smooths before a grid coarsens, and between scales."""

import numpy as np
from numpy.typing import NDArray

NEGLIGIBLE_SIGMA = 0.05
"""In samples; a narrower Gaussian has one weight that is not nothing."""


def gaussian_kernel(sigma: float) -> NDArray[np.float64]:
    """Weights of a sampled Gaussian to three sigma on either side; they sum to 1.

    Args:
        sigma: standard deviation in samples.

    Returns:
        Shape (2 * reach + 1,); one weight where sigma is negligible.
    """
    if sigma <= NEGLIGIBLE_SIGMA:
        return np.ones(1)
    reach = max(1, int(np.ceil(3 * sigma)))
    values = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(values / values.sum())
