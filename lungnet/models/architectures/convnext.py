"""`convnext`: blocks of a large depthwise convolution and two dense layers."""

from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.layers.depthwise_convolution import DepthwiseConv3D
from lungnet.layers.layer_scale import LayerScale
from lungnet.models.architectures.layer_factory import LayerFactory

KERNEL = 7
"""Voxels of the depthwise convolution along each axis (Liu et al. 2022, section 2.5)."""

EXPANSION = 4
"""Of the channels in the middle of a block, the inverted bottleneck."""


def convnext(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Stages of `blocks` ConvNeXt blocks, with a norm and the pooling between them.

    Liu et al. 2022, arXiv:2201.03545. The stem is a convolution of as many voxels as its stride,
    but at least 3, where the paper's covers 4. Between stages, norm and `pooling`: with `strided`,
    as the paper has it and as is taken where the configuration says nothing, a 2 x 2 (x 2)
    convolution.
    """
    size = max(3, config.stem_stride)
    x = layers.convolution("stem_conv", config.channels[0], size, stride=config.stem_stride)(x)
    x = layers.norm("stem_norm")(x)
    stages = []
    for stage, channels in enumerate(config.channels, 1):
        if stage > 1:
            x = layers.norm(f"stage{stage}_norm")(x)
            x = layers.pooling(f"stage{stage - 1}_pool", channels)(x)
        if x.shape[-1] != channels:  # a pooling that is not a convolution keeps their number
            x = layers.convolution(f"stage{stage}_conv", channels, size=1)(x)
        for block in range(1, config.blocks + 1):
            x = _block(x, layers, f"stage{stage}_block{block}")
        stages.append(x)
    stages[-1] = layers.norm("last_norm")(x)
    return stages


def _block(x: Any, layers: LayerFactory, name: str) -> Any:
    """Depthwise convolution, norm, wide dense layer, activation, narrow one, scale, sum."""
    channels = x.shape[-1]
    inner = layers.norm(f"{name}_norm")(_depthwise(layers.dimensions, f"{name}_depthwise")(x))
    inner = _dense(EXPANSION * channels, f"{name}_wide")(inner)
    inner = _dense(channels, f"{name}_narrow")(layers.activation(f"{name}_activation")(inner))
    return keras.layers.Add(name=f"{name}_add")([x, LayerScale(name=f"{name}_scale")(inner)])


def _depthwise(dimensions: int, name: str) -> Any:
    if dimensions == 3:
        return DepthwiseConv3D(KERNEL, kernel_initializer=_normal(), name=name)
    return keras.layers.DepthwiseConv2D(
        KERNEL, padding="same", depthwise_initializer=_normal(), name=name
    )


def _dense(units: int, name: str) -> Any:
    return keras.layers.Dense(units, kernel_initializer=_normal(), name=name)


def _normal() -> Any:
    """As of the paper's code."""
    return keras.initializers.TruncatedNormal(stddev=0.02)
