"""The mean of the k most suspicious candidates."""

from typing import Any

from keras import ops

from lungnet.layers.bag_poolings.extreme import ABSENT, MaxOfBag


class TopKOfBag(MaxOfBag):
    """The patient's logit is the mean over the k highest candidates, whose weights are 1 / k.

    Between `max` (k = 1), which learns from one candidate of a patient, and `mean`; of a bag with
    fewer candidates all count, of an empty one the bias.

    Args:
        k: how many candidates.
    """

    def __init__(self, k: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if type(k) is not int or k < 1:
            raise ValueError(f"k is {k!r}; expected a whole number from 1")
        self.k = k

    def call(self, features: Any, present: Any) -> tuple[Any, Any]:
        """Features (bags, candidates, channels), present (bags, candidates) to logit, weights."""
        count = features.shape[1]
        scores = ops.where(present > 0, ops.squeeze(self.score(features), -1), ABSENT)
        highest = ops.top_k(scores, min(self.k, count))[1]
        chosen = present * ops.sum(ops.one_hot(highest, count, dtype=present.dtype), axis=1)
        weights = chosen / ops.maximum(ops.sum(chosen, axis=1, keepdims=True), 1.0)
        # The scorer is linear: the score of the mean is the mean of the scores.
        return self.score(ops.sum(features * ops.expand_dims(weights, -1), axis=1)), weights

    def get_config(self) -> dict[str, Any]:
        """The argument."""
        return {**super().get_config(), "k": self.k}
