"""`plain`: the tutorial's network: stages of convolution, norm, activation, and pooling between."""

from typing import Any

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.layer_factory import LayerFactory


def plain(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Stages of `blocks` times (convolution, norm, activation), pooled after each but the last."""
    stages = []
    for stage, channels in enumerate(config.channels, 1):
        for block in range(1, config.blocks + 1):
            name = f"stage{stage}_block{block}"
            x = _convolution(config, layers, stage, block)(x)
            x = layers.activation(f"{name}_activation")(layers.norm(f"{name}_norm")(x))
        stages.append(x)
        if stage < len(config.channels):
            x = layers.pooling(f"stage{stage}_pool", channels)(x)
    return stages


def convolution_stride(config: ModelConfig, stage: int, block: int) -> int:
    """Of a block's convolution; stages and blocks are counted from 1.

    It is the first of each stage that moves by the configuration's stride.
    """
    if block > 1:
        return 1
    return config.convolution.stride * (config.stem_stride if stage == 1 else 1)


def _convolution(config: ModelConfig, layers: LayerFactory, stage: int, block: int) -> Any:
    settings, channels = config.convolution, config.channels[stage - 1]
    name, stride = f"stage{stage}_block{block}_conv", convolution_stride(config, stage, block)
    options = {"padding": settings.padding, "dilation_rate": settings.dilation}
    if settings.transposed:
        return layers.transposed_convolution(name, channels, settings.kernel, stride, **options)
    # The first sees the windows, of which there may be one.
    groups = 1 if (stage, block) == (1, 1) else settings.groups
    return layers.convolution(name, channels, settings.kernel, stride, groups=groups, **options)
