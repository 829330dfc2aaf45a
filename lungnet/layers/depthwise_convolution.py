"""A convolution of each channel by itself, in 3D."""

from typing import Any

import keras
from keras import ops


class DepthwiseConv3D(keras.layers.Layer):
    """Each channel convolved with a kernel of its own, `same` padding, stride 1, with a bias.

    Keras has none in 3D, and TensorFlow no gradient of grouped 3D convolutions on CPUs. The kernel
    is the sum of its planes: `y[z] = sum over k of depthwise2d(x[z + k - size // 2], kernel[k])`.

    Args:
        size: voxels of the kernel along each axis, odd.
        kernel_initializer: as of Keras' convolutions.
    """

    def __init__(
        self, size: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size is {size}; expected an odd number from 1")
        self.size = size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, features_shape: Any) -> None:
        """A kernel (size, size, size, channels, 1), as of a grouped convolution, and a bias."""
        channels = features_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.size,) * 3 + (channels, 1),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, features: Any) -> Any:
        """(batch, z, y, x, channels), the same shape out."""
        depth, *plane = features.shape[1:]
        margin = self.size // 2
        padded = ops.pad(features, [(0, 0), (margin, margin), (0, 0), (0, 0), (0, 0)])
        planes = sum(
            ops.depthwise_conv(
                ops.reshape(padded[:, k : k + depth], (-1, *plane)), self.kernel[k], padding="same"
            )
            for k in range(self.size)
        )
        return ops.reshape(planes, (-1, depth, *plane)) + self.bias

    def compute_output_shape(self, features_shape: Any) -> Any:
        """Same shape."""
        return features_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "size": self.size, "kernel_initializer": initializer}
