"""GLOBAL_POOLINGS: how the last feature map becomes a vector, by name, in 2D and 3D.

Each takes features (batch, [z,] y, x, channels) of any size and gives (batch, values): as many
values as channels, but for `average_and_max` (twice as many) and `pyramid` (times its cells).
"""

from collections.abc import Callable
from typing import Any

import keras

from lungnet.layers.global_poolings.average_and_max import AverageAndMax
from lungnet.layers.global_poolings.general_mean import GlobalGeneralMean
from lungnet.layers.global_poolings.pyramid import SpatialPyramid
from lungnet.layers.global_poolings.top_k import TopKMean

__all__ = ["GLOBAL_POOLINGS", "AverageAndMax", "GlobalGeneralMean", "SpatialPyramid", "TopKMean"]


def average(dimensions: int, name: str | None = None) -> Any:
    """The mean over the map (Lin et al. 2014, arXiv:1312.4400, section 3.2)."""
    layers = keras.layers
    layer = layers.GlobalAveragePooling2D if dimensions == 2 else layers.GlobalAveragePooling3D
    return layer(name=name)


def maximum(dimensions: int, name: str | None = None) -> Any:
    """The largest of the map."""
    layers = keras.layers
    layer = layers.GlobalMaxPooling2D if dimensions == 2 else layers.GlobalMaxPooling3D
    return layer(name=name)


def _of_any_dimension(layer: type[keras.layers.Layer]) -> Callable[..., Any]:
    """A builder as the table's, of a layer that tells the dimensions by its input."""

    def build(dimensions: int, **options: Any) -> Any:
        """The layer."""
        del dimensions
        return layer(**options)

    return build


GLOBAL_POOLINGS: dict[str, Callable[..., Any]] = {
    "average": average,
    "max": maximum,
    "pyramid": _of_any_dimension(SpatialPyramid),
    "general_mean": _of_any_dimension(GlobalGeneralMean),
    "top_k": _of_any_dimension(TopKMean),
    "average_and_max": _of_any_dimension(AverageAndMax),
}
"""Name -> what builds the layer from (dimensions, name) and the options of the configuration."""
