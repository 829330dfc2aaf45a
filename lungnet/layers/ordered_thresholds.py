"""Ordered thresholds on one score: the probability of each of a few ordered ratings."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops


class OrderedThresholds(keras.layers.Layer):
    """Cumulative logits: `P(rating > k) = sigmoid(s - t_k)` with `t_1 < t_2 < ...`.

    The proportional-odds model (McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x); as in
    CORAL (Cao et al. 2020, arXiv:1901.07884) all ratings share the score s, so that none
    contradicts another. Here `t_k = t_(k-1) + softplus(g_k)`: the thresholds are in order by
    construction, not only at the optimum. Untrained, a score of 0 makes all ratings alike probable.

    Args:
        ratings: how many, from 2.
    """

    def __init__(self, ratings: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if ratings < 2:
            raise ValueError(f"ratings is {ratings}; expected 2 or more")
        self.ratings = ratings

    def build(self, score_shape: Any) -> None:
        """The first threshold and what the others are derived from."""
        del score_shape
        shares = np.arange(1, self.ratings) / self.ratings
        gaps = np.diff(np.log(shares / (1 - shares)))
        start = [math.log(shares[0] / (1 - shares[0])), *np.log(np.expm1(gaps))]
        # A bias by its name: weight decay would pull the thresholds together.
        self.bias = self.add_weight(
            name="bias",
            shape=(self.ratings - 1,),
            initializer=lambda shape, dtype=None: ops.reshape(ops.cast(start, dtype), shape),
        )

    def thresholds(self) -> Any:
        """In ascending order, shape (ratings - 1,)."""
        gaps = ops.softplus(self.bias[1:])
        return ops.cumsum(ops.concatenate([self.bias[:1], gaps]))

    def call(self, score: Any) -> tuple[Any, Any]:
        """Score (batch, 1) to log-odds of `rating > k` (batch, ratings - 1), and log-probabilities.

        The latter, (batch, ratings), are of each rating, the lowest first.
        """
        log_odds = score - self.thresholds()
        above, below = ops.log_sigmoid(log_odds), ops.log_sigmoid(-log_odds)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), and a - b is a gap.
        gaps = ops.softplus(self.bias[1:])
        between = above[:, :-1] + below[:, 1:] + ops.log(-ops.expm1(-gaps))
        return log_odds, ops.concatenate([below[:, :1], between, above[:, -1:]], axis=-1)

    def compute_output_spec(self, score: Any) -> tuple[Any, Any]:
        """Shapes and types of both."""
        return tuple(
            keras.KerasTensor((score.shape[0], n), dtype=self.compute_dtype)
            for n in (self.ratings - 1, self.ratings)
        )

    def get_config(self) -> dict[str, Any]:
        """The argument."""
        return {**super().get_config(), "ratings": self.ratings}
