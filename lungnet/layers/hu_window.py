"""The first layer of every network: HU in, windows scaled to -1..1 as channels out."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class HUWindows(keras.layers.Layer):
    """Clip Hounsfield units to windows and scale each linearly to -1..1, a channel for each.

    `y = 2 * (clip(x, low, high) - low) / (high - low) - 1`. As part of the network they travel with
    the weights: a bundle cannot be fed with a window that it was not trained on.

    Args:
        windows_hu: (low, high) of each channel.
    """

    def __init__(self, windows_hu: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.windows_hu = tuple((float(low), float(high)) for low, high in windows_hu)

    def call(self, hu: Any) -> Any:
        """HU of shape (batch, *size) to (batch, *size, windows), of the layer's float type."""
        values = ops.cast(hu, self.compute_dtype)
        return ops.stack(
            [
                (ops.clip(values, low, high) - low) * (2.0 / (high - low)) - 1.0
                for low, high in self.windows_hu
            ],
            axis=-1,
        )

    def compute_output_spec(self, hu: Any) -> Any:
        """One more axis, float."""
        return keras.KerasTensor((*hu.shape, len(self.windows_hu)), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "windows_hu": self.windows_hu}
