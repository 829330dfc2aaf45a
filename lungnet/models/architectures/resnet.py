"""`resnet`: residual blocks with the norm and activation before the convolution."""

from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.layer_factory import LayerFactory


def resnet(x: Any, config: ModelConfig, layers: LayerFactory) -> Any:
    """Stages of `blocks` pre-activation residual blocks, pooled between stages.

    He et al. 2016, arXiv:1603.05027.
    """
    x = layers.convolution(config.channels[0], stride=config.stem_stride)(x)
    for stage, channels in enumerate(config.channels):
        for _ in range(config.blocks):
            x = _block(x, channels, layers)
        if stage < len(config.channels) - 1:
            x = layers.pooling(channels)(x)
    return layers.activation()(layers.norm()(x))


def _block(x: Any, channels: int, layers: LayerFactory) -> Any:
    inner = layers.convolution(channels)(layers.activation()(layers.norm()(x)))
    inner = layers.convolution(channels)(layers.activation()(layers.norm()(inner)))
    shortcut = x if x.shape[-1] == channels else layers.convolution(channels, size=1)(x)
    return keras.layers.Add()([shortcut, inner])
