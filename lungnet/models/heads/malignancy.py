"""The main output: malignancy as one logit, or as the distribution of the readers' ratings.

Each takes features (batch, n) and gives tensors by output: `logit` (batch, 1), the log-odds of the
positive label, and where ratings are learned `ratings` (batch, 5), the logarithm of the probability
of each of RATINGS, from which the logit is that of a rating above 3.
"""

from typing import Any

import keras
from keras import ops

from lungnet.config.model import RATINGS, RATINGS_OUTPUT
from lungnet.layers.ordered_thresholds import OrderedThresholds

MIDDLE = RATINGS.index(3)
"""Ratings after it make the label positive."""


def logit(features: Any) -> dict[str, Any]:
    """The log-odds of the positive label."""
    return {"logit": keras.layers.Dense(1, name="score")(features)}


def softmax(features: Any) -> dict[str, Any]:
    """A score for each rating: `log P(k) = s_k - log(sum_j exp(s_j))`, in whatever order."""
    scores = keras.layers.Dense(len(RATINGS), name="ratings_score")(features)
    above, others = scores[:, MIDDLE + 1 :], scores[:, : MIDDLE + 1]
    high, low = (ops.logsumexp(part, axis=-1, keepdims=True) for part in (above, others))
    return {"logit": high - low, RATINGS_OUTPUT: ops.log_softmax(scores)}


def ordinal(features: Any) -> dict[str, Any]:
    """One score and ordered thresholds, as `OrderedThresholds` says."""
    score = keras.layers.Dense(1, use_bias=False, name="ratings_score")(features)
    log_odds, log_probabilities = OrderedThresholds(len(RATINGS), name="thresholds")(score)
    return {"logit": log_odds[:, MIDDLE : MIDDLE + 1], RATINGS_OUTPUT: log_probabilities}
