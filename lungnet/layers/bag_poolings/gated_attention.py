"""Gated attention: the network learns where to look."""

from typing import Any

import keras
from keras import ops

from lungnet.layers.bag_poolings.extreme import ABSENT


class GatedAttention(keras.layers.Layer):
    """Gated attention pooling after Ilse et al. 2018 (arXiv:1802.04712, equation 9).

    `a_k = softmax_k(w . (tanh(V h_k) * sigmoid(U h_k)))`, logit = linear(sum_k a_k h_k).

    Args:
        units: width of V and U.
    """

    def __init__(self, units: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, features_shape: tuple[int | None, ...], present_shape: Any = None) -> None:
        """The gates, the attention and the classifier."""
        del present_shape
        self.value = keras.layers.Dense(self.units, activation="tanh", name="value")
        self.gate = keras.layers.Dense(self.units, activation="sigmoid", name="gate")
        self.attention = keras.layers.Dense(1, use_bias=False, name="attention")
        self.score = keras.layers.Dense(1, name="score")
        bag = (*features_shape[:-1], self.units)
        for layer, shape in (
            (self.value, features_shape),
            (self.gate, features_shape),
            (self.attention, bag),
            (self.score, features_shape),
        ):
            layer.build(shape)

    def call(self, features: Any, present: Any) -> tuple[Any, Any]:
        """Features (bags, candidates, channels), present (bags, candidates) to logit, weights."""
        energy = ops.squeeze(self.attention(self.value(features) * self.gate(features)), -1)
        weights = ops.softmax(energy + (1.0 - present) * ABSENT, axis=1) * present
        pooled = ops.sum(features * ops.expand_dims(weights, -1), axis=1)
        return self.score(pooled), weights

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "units": self.units}
