"""The mean of the k largest: between the maximum and the mean over the map."""

import math
from typing import Any

import keras
from keras import ops


class TopKMean(keras.layers.Layer):
    """For each channel the mean of its k largest features (Durand et al., WILDCAT, CVPR 2017).

    Of a small finding in a large map neither one voxel (`max`) nor all (`average`) tell, but some.

    Args:
        k: how many, where it is 1 or more (a whole number); below 1 the share of the map, rounded
            up: at least one.
    """

    def __init__(self, k: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if k <= 0 or (k >= 1 and k != int(k)):
            raise ValueError(f"k is {k}; expected a whole number from 1, or a share below 1")
        self.k = k

    def build(self, features_shape: Any) -> None:
        """Counts the voxels."""
        voxels = math.prod(features_shape[1:-1])
        if self.k > voxels:
            raise ValueError(f"k is {self.k:g}, but the map has {voxels} voxels; expected no more")

    def call(self, features: Any) -> Any:
        """(batch, [z,] y, x, channels) to (batch, channels)."""
        voxels = math.prod(features.shape[1:-1])
        # A share such as 0.1 of 30 is a hair above 3.
        count = int(self.k) if self.k >= 1 else math.ceil(self.k * voxels - 1e-9)
        by_channel = ops.swapaxes(ops.reshape(features, (-1, voxels, features.shape[-1])), 1, 2)
        return ops.mean(ops.top_k(by_channel, max(count, 1))[0], axis=-1)

    def compute_output_shape(self, features_shape: Any) -> Any:
        """The channels."""
        return features_shape[0], features_shape[-1]

    def get_config(self) -> dict[str, Any]:
        """The argument."""
        return {**super().get_config(), "k": self.k}
