"""BAG_POOLINGS: how the evidence of a patient's candidates becomes one logit, by name.

Each layer takes `(features, present)`, features of shape (bags, candidates, channels) and present
of shape (bags, candidates) with 1 for a candidate and 0 for filling, and gives `(logit, weights)`:
logits of shape (bags, 1), and each candidate's share in the answer, shape (bags, candidates), 0
where absent. One with `takes_positions` has a third input, `positions` of shape (bags, candidates,
3): millimetres (x, y, z) from the mean of the bag's candidates, 0 for filling.
"""

from collections.abc import Callable
from typing import Any

from lungnet.layers.bag_poolings.extreme import MaxOfBag, MeanOfBag
from lungnet.layers.bag_poolings.gated_attention import GatedAttention
from lungnet.layers.bag_poolings.log_mean_exp import LogMeanExpOfBag
from lungnet.layers.bag_poolings.noisy_or import NoisyOr
from lungnet.layers.bag_poolings.self_attention import SelfAttention
from lungnet.layers.bag_poolings.top_k import TopKOfBag

__all__ = [
    "BAG_POOLINGS",
    "GatedAttention",
    "LogMeanExpOfBag",
    "MaxOfBag",
    "MeanOfBag",
    "NoisyOr",
    "SelfAttention",
    "TopKOfBag",
]

BAG_POOLINGS: dict[str, Callable[..., Any]] = {
    "noisy_or": NoisyOr,
    "attention": GatedAttention,
    "max": MaxOfBag,
    "mean": MeanOfBag,
    "top_k": TopKOfBag,
    "log_mean_exp": LogMeanExpOfBag,
    "self_attention": SelfAttention,
}
"""Name -> what builds the layer; called with the options of the configuration."""
