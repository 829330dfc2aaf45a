"""POOLINGS: what halves the resolution between stages, by name, in 2D and 3D."""

from collections.abc import Callable
from typing import Any

import keras


def max_pooling(dimensions: int, channels: int, name: str | None = None) -> Any:
    """The largest of each 2 x 2 (x 2)."""
    del channels
    layer = keras.layers.MaxPooling2D if dimensions == 2 else keras.layers.MaxPooling3D
    return layer(2, padding="same", name=name)


def average_pooling(dimensions: int, channels: int, name: str | None = None) -> Any:
    """The mean of each 2 x 2 (x 2)."""
    del channels
    layer = keras.layers.AveragePooling2D if dimensions == 2 else keras.layers.AveragePooling3D
    return layer(2, padding="same", name=name)


def strided_convolution(dimensions: int, channels: int, name: str | None = None) -> Any:
    """A learned 2 x 2 (x 2) window with stride 2 (Springenberg et al. 2015, arXiv:1412.6806)."""
    layer = keras.layers.Conv2D if dimensions == 2 else keras.layers.Conv3D
    return layer(channels, 2, strides=2, padding="same", use_bias=False, name=name)


def no_pooling(dimensions: int, channels: int, name: str | None = None) -> Any:
    """Keep the resolution."""
    del dimensions, channels
    return keras.layers.Identity(name=name)


POOLINGS: dict[str, Callable[..., Any]] = {
    "max": max_pooling,
    "average": average_pooling,
    "strided": strided_convolution,
    "none": no_pooling,
}
"""Name -> what builds the layer from (dimensions, channels, name)."""
