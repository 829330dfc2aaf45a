"""`vit`: a vision transformer over patches of the image, in 2D or 3D."""

import math
from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.layers.learned_positions import LearnedPositions
from lungnet.models.architectures.architecture import Architecture, Voxels, stage_stride
from lungnet.models.architectures.layer_factory import LayerFactory

HEAD_CHANNELS = 32
"""Of each attention head: ViT has 64 in networks of 768 and more; ours are narrower."""

MLP_RATIO = 4


def vit(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Patches to tokens, learned positions, pre-norm blocks of attention and of two dense layers.

    Dosovitskiy et al. 2021, arXiv:2010.11929, with the mean over the tokens for the class token (as
    their appendix D.3 finds as good). Tokens are as wide as the last of `channels`; there are
    `blocks` blocks for each of the `channels`, as many as other architectures have. A patch is what
    one voxel of their last map covers: the stride of the stem, doubled from stage to stage unless
    `pooling` is `none`. The only stage is the grid of tokens.
    """
    channels, patch = config.channels[-1], stage_stride(config)
    x = layers.convolution("patches", channels, size=patch, stride=patch)(x)
    x = LearnedPositions(name="positions")(x)
    for block in range(1, len(config.channels) * config.blocks + 1):
        x = _attention(x, layers, f"block{block}_attention")
        x = _mlp(x, layers, f"block{block}_mlp")
    return [layers.norm("last_norm")(x)]


def _attention(x: Any, layers: LayerFactory, name: str) -> Any:
    """`x + attention(norm(x))`, each token to all tokens."""
    *grid, channels = x.shape[1:]
    heads = max(1, channels // HEAD_CHANNELS)
    tokens = keras.layers.Reshape((math.prod(grid), channels), name=f"{name}_tokens")
    attention = keras.layers.MultiHeadAttention(heads, max(1, channels // heads), name=name)
    sequence = tokens(layers.norm(f"{name}_norm")(x))
    back = keras.layers.Reshape((*grid, channels), name=f"{name}_grid")
    return keras.layers.Add(name=f"{name}_add")([x, back(attention(sequence, sequence))])


def _mlp(x: Any, layers: LayerFactory, name: str) -> Any:
    """`x + dense(activation(dense(norm(x))))`, at each token."""
    channels = x.shape[-1]
    wide = keras.layers.Dense(MLP_RATIO * channels, name=f"{name}_wide")
    narrow = keras.layers.Dense(channels, name=f"{name}_narrow")
    inner = layers.activation(f"{name}_activation")(wide(layers.norm(f"{name}_norm")(x)))
    return keras.layers.Add(name=f"{name}_add")([x, narrow(inner)])


def _outline_multiples(config: ModelConfig, dimensions: int) -> Voxels | None:
    """Only tokens of one voxel each lie on the input's grid."""
    return (1,) * dimensions if stage_stride(config) == 1 else None


VIT = Architecture(vit, outline_multiples=_outline_multiples)
