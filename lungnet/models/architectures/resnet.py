"""`resnet`: residual blocks with the norm and activation before the convolution."""

from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.layer_factory import Parts


def resnet(x: Any, config: ModelConfig, parts: Parts) -> Any:
    """Stages of `blocks` pre-activation residual blocks, pooled between stages.

    He et al. 2016, arXiv:1603.05027.
    """
    x = parts.convolution(config.channels[0], stride=config.stem_stride)(x)
    for stage, channels in enumerate(config.channels):
        for _ in range(config.blocks):
            x = _block(x, channels, parts)
        if stage < len(config.channels) - 1:
            x = parts.pooling(channels)(x)
    return parts.activation()(parts.norm()(x))


def _block(x: Any, channels: int, parts: Parts) -> Any:
    inner = parts.convolution(channels)(parts.activation()(parts.norm()(x)))
    inner = parts.convolution(channels)(parts.activation()(parts.norm()(inner)))
    shortcut = x if x.shape[-1] == channels else parts.convolution(channels, size=1)(x)
    return keras.layers.Add()([shortcut, inner])
