"""`resnet`: residual blocks with the norm and activation before the convolution."""

from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.architecture import Architecture
from lungnet.models.architectures.layer_factory import LayerFactory
from lungnet.models.architectures.squeeze_excitation import squeeze_excitation


def resnet(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Stages of `blocks` pre-activation residual blocks, pooled between stages.

    He et al. 2016, arXiv:1603.05027; with `squeeze_excitation`, SE-ResNet.
    """
    x = layers.convolution("stem_conv", config.channels[0], stride=config.stem_stride)(x)
    stages = []
    for stage, channels in enumerate(config.channels, 1):
        for block in range(1, config.blocks + 1):
            x = _block(x, channels, layers, f"stage{stage}_block{block}")
        stages.append(x)
        if stage < len(config.channels):
            x = layers.pooling(f"stage{stage}_pool", channels)(x)
    stages[-1] = layers.activation("last_activation")(layers.norm("last_norm")(x))
    return stages


def _block(x: Any, channels: int, layers: LayerFactory, name: str) -> Any:
    inner = x
    for number in (1, 2):
        convolution = layers.convolution(f"{name}_conv{number}", channels)
        activation = layers.activation(f"{name}_activation{number}")
        inner = convolution(activation(layers.norm(f"{name}_norm{number}")(inner)))
    if layers.config.squeeze_excitation:
        ratio = layers.config.squeeze_excitation
        inner = squeeze_excitation(inner, ratio, layers, f"{name}_excitation")
    is_same = x.shape[-1] == channels
    shortcut = x if is_same else layers.convolution(f"{name}_shortcut", channels, size=1)(x)
    return keras.layers.Add(name=f"{name}_add")([shortcut, inner])


RESNET = Architecture(resnet, unused=())
