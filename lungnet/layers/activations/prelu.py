"""PReLU: the slope of the negative half is learned, one per channel."""

from typing import Any

import keras


class PReLU(keras.layers.PReLU):
    """Parametric ReLU, `y = x` where x > 0, else `slope * x` with a learned slope.

    Unlike Keras' layer, whose default learns a slope for every pixel, a slope is shared over space
    as in the paper (He et al. 2015, arXiv:1502.01852, section 2.1), which also starts it at 0.25
    and spares it from weight decay (the trainer does so for every variable named `alpha`).

    Args:
        per_channel: one slope for each channel (the last axis); otherwise one for the whole layer.
        start: initial slope.
    """

    def __init__(self, per_channel: bool = True, start: float = 0.25, **kwargs: Any) -> None:
        super().__init__(alpha_initializer=keras.initializers.Constant(float(start)), **kwargs)
        self.per_channel = per_channel
        self.start = start

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Share the slopes over all axes but batch and, perhaps, channels."""
        last = len(input_shape) - (1 if self.per_channel else 0)
        self.shared_axes = list(range(1, last))
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of this class; those of the parent follow from them."""
        base = keras.layers.Layer.get_config(self)
        return {**base, "per_channel": self.per_channel, "start": self.start}
