"""Leaky noisy-or: a patient is positive if any candidate is, or for a reason outside the bag."""

from typing import Any

import keras
from keras import ops

START_LOGIT = -3.0
"""Where the leak and the candidates' scores begin (probability 0.047): most candidates are
vessels."""


class NoisyOr(keras.layers.Layer):
    """Leaky noisy-or after Liao et al. 2019 (arXiv:1711.08324, section IV.D).

    `P = 1 - (1 - p_leak) * prod_k (1 - p_k)` with `p_k = sigmoid(score_k)`, computed as sums of
    log(1 - p) so that it neither overflows nor loses its gradient; the logit is `log(P) - log(1 -
    P)`. A candidate's weight is its share in `-sum log(1 - p)`.
    """

    def build(self, features_shape: tuple[int | None, ...], present_shape: Any = None) -> None:
        """One linear scorer, shared by all candidates, and the leak."""
        del present_shape
        self.score = keras.layers.Dense(
            1, name="score", bias_initializer=keras.initializers.Constant(START_LOGIT)
        )
        self.score.build(features_shape)
        self.leak = self.add_weight(
            name="leak", shape=(1,), initializer=keras.initializers.Constant(START_LOGIT)
        )

    def call(self, features: Any, present: Any) -> tuple[Any, Any]:
        """Features (bags, candidates, channels), present (bags, candidates) to logit, weights."""
        scores = ops.squeeze(self.score(features), -1)
        evidence = ops.softplus(scores) * present  # -log(1 - p_k)
        total = ops.sum(evidence, axis=1, keepdims=True) + ops.softplus(self.leak)
        # log(P / (1 - P)) = log(exp(total) - 1) = total + log(1 - exp(-total))
        logit = total + ops.log(-ops.expm1(-total))
        return logit, evidence / total
