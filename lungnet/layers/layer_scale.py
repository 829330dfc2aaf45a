"""What lets a residual block begin as almost nothing."""

from typing import Any

import keras


class LayerScale(keras.layers.Layer):
    """`y = gamma * x`, gamma learned for each channel (Touvron et al. 2021, arXiv:2103.17239).

    Args:
        start: of each gamma.
    """

    def __init__(self, start: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, features_shape: Any) -> None:
        """One weight for each channel."""
        initializer = keras.initializers.Constant(self.start)
        self.gamma = self.add_weight(
            name="gamma", shape=(features_shape[-1],), initializer=initializer
        )

    def call(self, features: Any) -> Any:
        """(batch, ..., channels), the same shape out."""
        return features * self.gamma

    def compute_output_shape(self, features_shape: Any) -> Any:
        """Same shape."""
        return features_shape

    def get_config(self) -> dict[str, Any]:
        """The argument."""
        return {**super().get_config(), "start": self.start}
