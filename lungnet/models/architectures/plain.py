"""`plain`: the tutorial's network: stages of convolution, norm, activation, and pooling between."""

from typing import Any

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.layer_factory import Parts


def plain(x: Any, config: ModelConfig, parts: Parts) -> Any:
    """Stages of `blocks` times (convolution, norm, activation), pooled after each but the last."""
    for stage, channels in enumerate(config.channels):
        for block in range(config.blocks):
            is_stem = stage == 0 and block == 0
            x = parts.convolution(channels, stride=config.stem_stride if is_stem else 1)(x)
            x = parts.activation()(parts.norm()(x))
        if stage < len(config.channels) - 1:
            x = parts.pooling(channels)(x)
    return x
