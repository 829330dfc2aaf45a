"""The two plainest ways to pool a bag: its most suspicious candidate, and the mean over all."""

from typing import Any

import keras
from keras import ops

ABSENT = -1e4
"""Added to the logits of filling; within the range of float16."""


class MaxOfBag(keras.layers.Layer):
    """The patient's logit is that of the most suspicious candidate, whose weight is 1."""

    def build(self, features_shape: tuple[int | None, ...], present_shape: Any = None) -> None:
        """One linear scorer, shared by all candidates."""
        del present_shape
        self.score = keras.layers.Dense(1, name="score")
        self.score.build(features_shape)

    def call(self, features: Any, present: Any) -> tuple[Any, Any]:
        """Features (bags, candidates, channels), present (bags, candidates) to logit, weights."""
        scores = ops.squeeze(self.score(features), -1) + (1.0 - present) * ABSENT
        weights = ops.one_hot(ops.argmax(scores, axis=1), features.shape[1], dtype=scores.dtype)
        # A bag without any candidate has the scorer's bias for a logit: what is known of a patient
        # of whom nothing is seen.
        is_empty = ops.equal(ops.sum(present, axis=1, keepdims=True), 0.0)
        bias = ops.convert_to_tensor(self.score.bias)  # JAX's `where` takes no variable
        logit = ops.where(is_empty, bias, ops.max(scores, axis=1, keepdims=True))
        return logit, weights * present


class MeanOfBag(MaxOfBag):
    """The patient's logit is the mean over the candidates; each has the same weight.

    Of an empty bag it is the bias.
    """

    def call(self, features: Any, present: Any) -> tuple[Any, Any]:
        """Features (bags, candidates, channels), present (bags, candidates) to logit, weights."""
        weights = present / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1.0)
        # The scorer is linear: the score of the mean is the mean of the scores.
        return self.score(ops.sum(features * ops.expand_dims(weights, -1), axis=1)), weights
