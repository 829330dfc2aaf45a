"""`plain`: the tutorial's network: stages of convolution, norm, activation, and pooling between."""

from typing import Any

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.layer_factory import LayerFactory


def plain(x: Any, config: ModelConfig, layers: LayerFactory) -> Any:
    """Stages of `blocks` times (convolution, norm, activation), pooled after each but the last."""
    for stage, channels in enumerate(config.channels):
        for block in range(config.blocks):
            is_stem = stage == 0 and block == 0
            x = layers.convolution(channels, stride=config.stem_stride if is_stem else 1)(x)
            x = layers.activation()(layers.norm()(x))
        if stage < len(config.channels) - 1:
            x = layers.pooling(channels)(x)
    return x
