"""The head that draws the nodule's outline."""

from typing import Any

import keras

from lungnet.models.architectures import LayerFactory

CHANNELS = 16
"""Of the maps that are added up from coarse to fine."""


def outline(stages: list[Any], features: Any, layers: LayerFactory) -> Any:
    """Log-odds that a voxel belongs to the nodule, shape (batch, *size of the first stage).

    A feature pyramid (Lin et al. 2017, arXiv:1612.03144): each stage by a 1 x 1 convolution, the
    coarser one enlarged and added.
    """
    del features
    convolution = keras.layers.Conv2D if layers.dimensions == 2 else keras.layers.Conv3D
    enlarge = keras.layers.UpSampling2D if layers.dimensions == 2 else keras.layers.UpSampling3D
    merged: Any = None
    for number, stage in reversed(list(enumerate(stages, 1))):
        lateral = convolution(CHANNELS, 1, name=f"outline_lateral{number}")(stage)
        if merged is not None:
            factors = [
                fine // coarse
                for fine, coarse in zip(lateral.shape[1:-1], merged.shape[1:-1], strict=True)
            ]
            larger = enlarge(tuple(factors), name=f"outline_enlarged{number}")(merged)
            lateral = keras.layers.Add(name=f"outline_sum{number}")([lateral, larger])
        merged = lateral
    hidden = convolution(CHANNELS, 3, padding="same", activation="relu", name="outline_hidden")
    score = convolution(1, 1, name="outline_score")(hidden(merged))
    return keras.layers.Reshape(score.shape[1:-1], name="outline_flat")(score)
