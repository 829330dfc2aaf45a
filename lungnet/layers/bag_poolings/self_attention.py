"""Self-attention: each candidate is judged in view of the others and of where they lie."""

from typing import Any

import keras
from keras import ops

from lungnet.layers.bag_poolings.extreme import ABSENT

POSITION_MM = 100.0
"""Positions are told in this unit, about the reach of a lung, so that they weigh as features do."""


class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention over the candidates, then attention pooling.

    `x_k = E h_k + P p_k` from features and position, `x = x + MultiHead(x, x, x)` (Vaswani et al.
    2017, arXiv:1706.03762) among those present, as a set without order (Lee et al. 2019,
    arXiv:1810.00825); `a_k = softmax_k(w . tanh(V x_k))`, `logit = linear(sum_k a_k x_k)`.

    Args:
        units: width of x.
        heads: of the self-attention; they share `units`.
    """

    takes_positions = True
    """Candidates' positions are a third input."""

    def __init__(self, units: int = 32, heads: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, number in (("units", units), ("heads", heads)):
            if type(number) is not int or number < 1:
                raise ValueError(f"{name} is {number!r}; expected a whole number from 1")
        if units % heads:
            raise ValueError(f"units is {units}; expected a multiple of heads, which is {heads}")
        self.units = units
        self.heads = heads

    def build(
        self,
        features_shape: tuple[int | None, ...],
        present_shape: Any = None,
        positions_shape: tuple[int | None, ...] = (None, None, 3),
    ) -> None:
        """The embeddings, the attentions and the classifier."""
        del present_shape
        self.embedding = keras.layers.Dense(self.units, name="embedding")
        self.place = keras.layers.Dense(self.units, use_bias=False, name="place")
        self.among = keras.layers.MultiHeadAttention(
            self.heads, self.units // self.heads, name="among"
        )
        self.value = keras.layers.Dense(self.units, activation="tanh", name="value")
        self.attention = keras.layers.Dense(1, use_bias=False, name="attention")
        self.score = keras.layers.Dense(1, name="score")
        bag = (*features_shape[:-1], self.units)
        self.embedding.build(features_shape)
        self.place.build(positions_shape)
        self.among.build(bag, bag)
        for layer in (self.value, self.attention, self.score):
            layer.build(bag)

    def call(self, features: Any, present: Any, positions: Any) -> tuple[Any, Any]:
        """Features of candidates and where they lie to the bag's logit.

        Args:
            features: (bags, candidates, channels).
            present: (bags, candidates), 1 for a candidate and 0 for filling.
            positions: (bags, candidates, 3), millimetres from the mean of the bag's candidates.

        Returns:
            The logit (bags, 1) and each candidate's weight (bags, candidates).
        """
        x = self.embedding(features) + self.place(positions / POSITION_MM)
        x = x + self.among(x, x, attention_mask=ops.expand_dims(present > 0, 1))
        energy = ops.squeeze(self.attention(self.value(x)), -1)
        weights = ops.softmax(energy + (1.0 - present) * ABSENT, axis=1) * present
        return self.score(ops.sum(x * ops.expand_dims(weights, -1), axis=1)), weights

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "units": self.units, "heads": self.heads}
