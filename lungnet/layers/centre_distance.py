"""A channel that tells each voxel how far it lies from the middle of the crop."""

from typing import Any

import keras
import numpy as np
from keras import ops


class CentreDistance(keras.layers.Layer):
    """Append the distance from the middle as a channel: 0 in it, 1 at the middle of a face.

    A convolution does not know where it looks (Liu et al. 2018, arXiv:1807.03247); the distance
    alone, rather than coordinates, keeps the answer free of rotations and mirror images.
    """

    def call(self, x: Any) -> Any:
        """(batch, *size, channels) to (batch, *size, channels + 1)."""
        size = x.shape[1:-1]
        axes = np.meshgrid(*(np.linspace(-1, 1, length) for length in size), indexing="ij")
        distance = np.sqrt(np.square(axes).sum(0))[None, ..., None]
        channel = ops.zeros_like(x[..., :1]) + ops.cast(distance, self.compute_dtype)
        return ops.concatenate([x, channel], axis=-1)

    def compute_output_spec(self, x: Any) -> Any:
        """One more channel."""
        return keras.KerasTensor((*x.shape[:-1], x.shape[-1] + 1), dtype=self.compute_dtype)
