"""`densenet`: each layer sees the maps of all before it in its stage."""

from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.errors import ChoiceError
from lungnet.models.architectures.layer_factory import LayerFactory
from lungnet.models.architectures.width import channel_count

BOTTLENECK = 4
"""Channels of the 1 x 1 convolution before a 3 x 3 one, in growths (Huang et al., DenseNet-B)."""


def densenet(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Stages of `blocks` dense layers, with a 1 x 1 convolution before the pooling between them.

    Huang et al. 2017, arXiv:1608.06993: a layer appends its new maps (the growth) to those that it
    was given. A stage ends with its `channels`; half of them are the growth of its layers, and the
    transition before it leaves the other half (DenseNet-BC, compression by at least one half where
    channels do not more than double).

    Raises:
        ChoiceError: a stage has no room for its layers.
    """
    stages = []
    for stage, channels in enumerate(config.channels, 1):
        growth = channel_count(config, channels / (2 * config.blocks))
        beginning = channels - config.blocks * growth
        if beginning < 1:
            raise ChoiceError(
                "model.channels",
                f"has a stage of {channels}, too few for {config.blocks} dense layers of {growth} "
                f"more; expected at least {config.blocks * growth + 1}",
            )
        if stage == 1:
            x = layers.convolution("stem_conv", beginning, stride=config.stem_stride)(x)
        else:
            x = _composite(x, beginning, 1, layers, f"stage{stage}_transition")
            x = layers.pooling(f"stage{stage - 1}_pool", beginning)(x)
        for block in range(1, config.blocks + 1):
            name = f"stage{stage}_block{block}"
            inner = _composite(x, BOTTLENECK * growth, 1, layers, f"{name}_bottleneck")
            inner = _composite(inner, growth, 3, layers, f"{name}_growth")
            x = keras.layers.Concatenate(name=f"{name}_maps")([x, inner])
        stages.append(x)
    stages[-1] = layers.activation("last_activation")(layers.norm("last_norm")(x))
    return stages


def _composite(x: Any, channels: int, size: int, layers: LayerFactory, name: str) -> Any:
    """Norm, activation, convolution."""
    x = layers.activation(f"{name}_activation")(layers.norm(f"{name}_norm")(x))
    return layers.convolution(f"{name}_conv", channels, size=size)(x)
