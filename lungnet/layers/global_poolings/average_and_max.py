"""The mean over the map and its largest, side by side."""

from typing import Any

import keras
from keras import ops


class AverageAndMax(keras.layers.Layer):
    """`y = [mean(x), max(x)]` (Woo et al. 2018, arXiv:1807.06521, pool by both as well)."""

    def call(self, features: Any) -> Any:
        """(batch, [z,] y, x, channels) to (batch, 2 * channels): means, then maxima."""
        axes = tuple(range(1, len(features.shape) - 1))
        return ops.concatenate([ops.mean(features, axes), ops.max(features, axes)], axis=-1)

    def compute_output_shape(self, features_shape: Any) -> Any:
        """Twice the channels."""
        return features_shape[0], 2 * features_shape[-1]
