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
            stride = config.stem_stride if (stage, block) == (1, 1) else 1
            x = layers.convolution(f"{name}_conv", channels, stride=stride)(x)
            x = layers.activation(f"{name}_activation")(layers.norm(f"{name}_norm")(x))
        stages.append(x)
        if stage < len(config.channels):
            x = layers.pooling(f"stage{stage}_pool", channels)(x)
    return stages
