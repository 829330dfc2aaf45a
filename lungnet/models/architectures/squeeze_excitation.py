"""Squeeze and excitation: each channel weighed by what all channels say of the whole map."""

from typing import Any

import keras

from lungnet.models.architectures.layer_factory import LayerFactory


def squeeze_excitation(x: Any, ratio: int, layers: LayerFactory, name: str) -> Any:
    """`x * sigmoid(W2 relu(W1 mean(x)))`, W1 to a `ratio`-th of the channels (at least 1).

    Hu et al. 2018, arXiv:1709.01507.

    Args:
        x: features (batch, [z,] y, x, channels).
        ratio: channels for each unit of the hidden layer.
        layers: tell the dimensions.
        name: what the layers' names begin with.
    """
    channels = x.shape[-1]
    pooling = getattr(keras.layers, f"GlobalAveragePooling{layers.dimensions}D")
    squeezed = pooling(keepdims=True, name=f"{name}_squeeze")(x)
    for part_name, units, activation in (
        ("reduce", max(1, channels // ratio), "relu"),
        ("excite", channels, "sigmoid"),
    ):
        dense = keras.layers.Dense(units, activation=activation, name=f"{name}_{part_name}")
        squeezed = dense(squeezed)
    return keras.layers.Multiply(name=f"{name}_scale")([x, squeezed])
