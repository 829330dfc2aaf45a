"""The smooth maximum: between the mean of the candidates' scores and the highest."""

from typing import Any

from keras import ops

from lungnet.layers.bag_poolings.extreme import ABSENT, MaxOfBag

SHARPEST = 100.0
"""Above, it is the maximum to every digit."""


class LogMeanExpOfBag(MaxOfBag):
    """`logit = log(mean_k exp(r score_k)) / r` (Pinheiro and Collobert 2015, arXiv:1411.6228).

    A candidate's weight is its share in the gradient, `softmax_k(r score_k)`. Of an empty bag the
    logit is the bias.

    Args:
        sharpness: r, above 0: a small one gives the mean, a great one the maximum.
    """

    def __init__(self, sharpness: float = 4.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 < sharpness <= SHARPEST:
            raise ValueError(f"sharpness is {sharpness}; expected above 0 to {SHARPEST:g}")
        self.sharpness = sharpness

    def call(self, features: Any, present: Any) -> tuple[Any, Any]:
        """Features (bags, candidates, channels), present (bags, candidates) to logit, weights."""
        scores = ops.squeeze(self.score(features), -1)
        sharp = ops.where(present > 0, ops.cast(scores, "float32") * self.sharpness, ABSENT)
        # Where all are absent the mean is over none; the bias stands for it below.
        count = ops.cast(ops.sum(present, axis=1, keepdims=True), "float32")
        total = ops.logsumexp(sharp, axis=1, keepdims=True) - ops.log(ops.maximum(count, 1.0))
        logit = ops.where(
            count > 0,
            ops.cast(total / self.sharpness, self.compute_dtype),
            ops.cast(self.score.bias, self.compute_dtype),
        )
        return logit, ops.cast(ops.softmax(sharp, axis=1), self.compute_dtype) * present

    def get_config(self) -> dict[str, Any]:
        """The argument."""
        return {**super().get_config(), "sharpness": self.sharpness}
