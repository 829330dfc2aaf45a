"""POOLINGS: what lowers the resolution between stages, by name, in 2D and 3D.

All but `none` look at `window` voxels along each axis and move by `stride`. They pad (`same`): of L
voxels along an axis `ceil(L / stride)` are left, and a window that reaches beyond the map counts
only what is in it.
"""

from collections.abc import Callable
from typing import Any

import keras

from lungnet.layers.poolings.general_mean import GeneralMeanPooling
from lungnet.layers.poolings.window import STRIDE, WINDOW, check_window

__all__ = ["POOLINGS", "STRIDE", "GeneralMeanPooling"]


def max_pooling(
    dimensions: int,
    channels: int,
    window: int = WINDOW,
    stride: int = STRIDE,
    name: str | None = None,
) -> Any:
    """The largest of each window."""
    del channels
    check_window(window, stride)
    layer = keras.layers.MaxPooling2D if dimensions == 2 else keras.layers.MaxPooling3D
    return layer(window, strides=stride, padding="same", name=name)


def average_pooling(
    dimensions: int,
    channels: int,
    window: int = WINDOW,
    stride: int = STRIDE,
    name: str | None = None,
) -> Any:
    """The mean of each window."""
    del channels
    check_window(window, stride)
    layer = keras.layers.AveragePooling2D if dimensions == 2 else keras.layers.AveragePooling3D
    return layer(window, strides=stride, padding="same", name=name)


def strided_convolution(
    dimensions: int,
    channels: int,
    window: int = WINDOW,
    stride: int = STRIDE,
    name: str | None = None,
) -> Any:
    """A learned window (Springenberg et al. 2015, arXiv:1412.6806); beyond the map are zeros."""
    check_window(window, stride)
    layer = keras.layers.Conv2D if dimensions == 2 else keras.layers.Conv3D
    return layer(channels, window, strides=stride, padding="same", use_bias=False, name=name)


def general_mean_pooling(dimensions: int, channels: int, **options: Any) -> Any:
    """The general mean of each window, its power learned or fixed."""
    del dimensions, channels
    return GeneralMeanPooling(**options)


def no_pooling(dimensions: int, channels: int, name: str | None = None) -> Any:
    """Keep the resolution."""
    del dimensions, channels
    return keras.layers.Identity(name=name)


POOLINGS: dict[str, Callable[..., Any]] = {
    "max": max_pooling,
    "average": average_pooling,
    "strided": strided_convolution,
    "general_mean": general_mean_pooling,
    "none": no_pooling,
}
"""Name -> what builds the layer from (dimensions, channels, name) and the options of the
configuration."""
