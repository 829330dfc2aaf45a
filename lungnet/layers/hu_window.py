"""The first layer of every network: HU in, the window scaled to -1..1 out."""

from typing import Any

import keras
from keras import ops


class HUWindow(keras.layers.Layer):
    """Clip Hounsfield units to a window and scale it linearly to -1..1.

    `y = 2 * (clip(x, low, high) - low) / (high - low) - 1`. As part of the network it travels with
    the weights: a bundle cannot be fed with a window that it was not trained on.

    Args:
        low_hu: lower end of the window.
        high_hu: upper end, above `low_hu`.
    """

    def __init__(self, low_hu: float, high_hu: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low_hu = low_hu
        self.high_hu = high_hu

    def call(self, hu: Any) -> Any:
        """HU of any shape and number type to the layer's float type."""
        clipped = ops.clip(ops.cast(hu, self.compute_dtype), self.low_hu, self.high_hu)
        return (clipped - self.low_hu) * (2.0 / (self.high_hu - self.low_hu)) - 1.0

    def compute_output_spec(self, hu: Any) -> Any:
        """Same shape, float."""
        return keras.KerasTensor(hu.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "low_hu": self.low_hu, "high_hu": self.high_hu}
