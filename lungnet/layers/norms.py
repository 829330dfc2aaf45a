"""NORMS: what keeps the scale of features in bounds, by name."""

from collections.abc import Callable
from typing import Any

import keras

from lungnet.layers.batch_norm import FusedBatchNormalization


def group_norm(groups: int = 8, **options: Any) -> Any:
    """Group normalization (Wu and He 2018, arXiv:1803.08494) over `groups` groups of channels."""
    return keras.layers.GroupNormalization(groups=groups, **options)


def no_norm(name: str | None = None) -> Any:
    """Hand on what comes."""
    return keras.layers.Identity(name=name)


NORMS: dict[str, Callable[..., Any]] = {
    "batch": FusedBatchNormalization,
    "group": group_norm,
    "layer": keras.layers.LayerNormalization,  # Ba et al. 2016, arXiv:1607.06450
    "none": no_norm,
}
"""Name -> what builds the layer; called with the options of the configuration."""
