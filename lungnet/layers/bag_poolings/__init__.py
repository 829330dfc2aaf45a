"""BAG_POOLINGS: how the evidence of a patient's candidates becomes one logit, by name.

Each layer takes `(features, present)`, features of shape (bags, candidates, channels) and present
of shape (bags, candidates) with 1 for a candidate and 0 for filling, and gives `(logit, weights)`:
logits of shape (bags, 1), and each candidate's share in the answer, shape (bags, candidates), 0
where absent.
"""

from collections.abc import Callable
from typing import Any

from lungnet.layers.bag_poolings.extreme import MaxOfBag, MeanOfBag
from lungnet.layers.bag_poolings.gated_attention import GatedAttention
from lungnet.layers.bag_poolings.noisy_or import NoisyOr

__all__ = ["BAG_POOLINGS", "GatedAttention", "MaxOfBag", "MeanOfBag", "NoisyOr"]

BAG_POOLINGS: dict[str, Callable[..., Any]] = {
    "noisy_or": NoisyOr,
    "attention": GatedAttention,
    "max": MaxOfBag,
    "mean": MeanOfBag,
}
"""Name -> what builds the layer; called with the options of the configuration."""
