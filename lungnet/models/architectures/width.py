"""`model.width`: every number of channels and units times one factor."""

import math

from lungnet.config.model import ModelConfig


def channel_count(config: ModelConfig, count: float) -> int:
    """The nearest number of channels from 1, a multiple of the groups of norm and convolution."""
    groups = config.norm.options.get("groups", 8 if config.norm.name == "group" else 1)
    if not isinstance(groups, int) or groups < 1:  # refused, or one for each channel
        groups = 1
    groups = math.lcm(groups, config.convolution.groups)
    return groups * max(1, round(count / groups))


def widened(config: ModelConfig) -> ModelConfig:
    """The configuration with `channels` and `hidden` multiplied by `width`, and `width` 1."""
    width = config.width
    if width == 1:
        return config
    counts = {
        "channels": tuple(channel_count(config, width * count) for count in config.channels),
        "hidden": tuple(max(1, round(width * units)) for units in config.hidden),
    }
    return config.model_copy(update={**counts, "width": 1.0})
