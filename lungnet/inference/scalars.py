"""The numbers beside an image, as far as they are known of somebody new."""

import numpy as np
from numpy.typing import NDArray

from lungnet.config.model import InputConfig

DIAMETER = "diameter_mm"
"""The only such number that an image itself tells."""


def scalar_row(input_config: InputConfig, diameter_mm: float) -> NDArray[np.float32]:
    """The numbers beside an image, NaN where they are missing, shape (columns,)."""
    row = [diameter_mm if s.column == DIAMETER else np.nan for s in input_config.scalars]
    return np.array(row, np.float32)


def missing_scalars(input_config: InputConfig) -> str:
    """A line that names the numbers which nobody gives in prediction; empty where none is taken."""
    names = [s.column for s in input_config.scalars if s.column != DIAMETER]
    return f"{', '.join(names)}: not known in prediction, taken as missing" if names else ""
