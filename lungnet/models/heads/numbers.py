"""Heads that tell numbers of a nodule: the readers' ratings, its diameter."""

from typing import Any

import keras

from lungnet.config.model import ATTRIBUTES
from lungnet.models.architectures import LayerFactory


def attributes(stages: list[Any], features: Any, layers: LayerFactory) -> Any:
    """The readers' mean of each of ATTRIBUTES, shape (batch, 8).

    0 is its lowest rating, 1 its highest.
    """
    del stages, layers
    return keras.layers.Dense(len(ATTRIBUTES), name="attributes_score")(features)


def diameter(stages: list[Any], features: Any, layers: LayerFactory) -> Any:
    """The natural logarithm of the diameter in millimetres, shape (batch, 1)."""
    del stages, layers
    return keras.layers.Dense(
        1, name="diameter_score", bias_initializer=keras.initializers.Constant(2.0)
    )(features)
