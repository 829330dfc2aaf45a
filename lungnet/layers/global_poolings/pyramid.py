"""Spatial pyramid pooling: a vector of the same length from a map of any size."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

REDUCTIONS = {"max": ops.max, "average": ops.mean}


class SpatialPyramid(keras.layers.Layer):
    """Cut the map into 1, 2 x 2, 4 x 4 (x 4) ... cells and reduce each to one number a channel.

    He et al. 2014 (arXiv:1406.4729, section 2.2), in 3D as in 2D. Cell i of n along an axis of L
    voxels runs from `floor(i L / n)` to `ceil((i + 1) L / n)`, so cells share a voxel where n does
    not divide L. What follows the layer needs no other weights for another size of the input.

    Args:
        levels: cells along each axis, a number for each level.
        reduce: `max` or `average` in each cell.
    """

    def __init__(
        self, levels: Sequence[int] = (1, 2, 4), reduce: str = "max", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(levels, list | tuple) or not levels:
            raise ValueError(f"levels is {levels!r}; expected a list such as [1, 2, 4]")
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in levels):
            raise ValueError(f"levels is {list(levels)}; expected whole numbers from 1")
        if len(set(levels)) < len(levels):
            raise ValueError(f"levels is {list(levels)}; expected each once")
        if reduce not in REDUCTIONS:
            raise ValueError(f"reduce is {reduce!r}; expected max or average")
        self.levels = tuple(levels)
        self.reduce = reduce

    @property
    def least_voxels(self) -> int:
        """A map needs so many voxels along each axis, or cells would repeat each other."""
        return int(max(self.levels))

    def build(self, features_shape: Any) -> None:
        """Nothing is learned; the map must be as large as the finest level."""
        if min(features_shape[1:-1]) < self.least_voxels:
            raise ValueError(
                f"the map has {list(features_shape[1:-1])} voxels; expected at least "
                f"{self.least_voxels} along each axis for levels {list(self.levels)}"
            )

    def call(self, features: Any) -> Any:
        """(batch, [z,] y, x, channels) to (batch, cells * channels).

        Levels in their order, in a level the cells in that of their axes, in a cell the channels.
        """
        dimensions, channels = len(features.shape) - 2, features.shape[-1]
        vectors = [
            ops.reshape(self._cells(features, n), (-1, n**dimensions * channels))
            for n in self.levels
        ]
        return ops.concatenate(vectors, axis=-1)

    def _cells(self, features: Any, n: int) -> Any:
        """(batch, n, n [, n], channels): axis by axis, as a cell is a product of ranges."""
        for axis in range(1, len(features.shape) - 1):
            length = features.shape[axis]
            ranges = [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
            before = (slice(None),) * axis
            features = ops.stack(
                [
                    REDUCTIONS[self.reduce](features[(*before, slice(*ends))], axis=axis)
                    for ends in ranges
                ],
                axis=axis,
            )
        return features

    def compute_output_shape(self, features_shape: Any) -> Any:
        """The channels of all cells."""
        cells = sum(n ** (len(features_shape) - 2) for n in self.levels)
        return features_shape[0], cells * features_shape[-1]

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "levels": list(self.levels), "reduce": self.reduce}
