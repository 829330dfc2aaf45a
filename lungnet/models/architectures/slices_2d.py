"""`slices_2d`: a 2D network looks at each slice, then neighbours are mixed (2.5D)."""

from dataclasses import replace
from typing import Any

import keras
from keras import ops

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.architecture import Architecture, Voxels, stage_stride
from lungnet.models.architectures.layer_factory import LayerFactory
from lungnet.models.architectures.resnet import resnet


def slices_2d(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """A 2D `resnet`, the same for all slices, and a convolution over three slices of its last map.

    A crop of z slices costs z images, a fraction of the work and weights of a 3D network, and the
    encoder's weights fit those of a 2D `resnet`. What becomes of the slices is for
    `global_pooling` to say, which takes all of them: `max` asks for the worst slice. Su et al.
    2015, arXiv:1505.00880, pool views of an object in the same manner.
    """
    depth = x.shape[1]
    flat = ops.reshape(x, (-1, *x.shape[2:]))
    maps = resnet(flat, config, replace(layers, dimensions=2))
    stages = [ops.reshape(stage, (-1, depth, *stage.shape[1:])) for stage in maps]
    mix = layers.convolution("slices_conv", config.channels[-1], size=(3, 1, 1))
    mixed = layers.activation("slices_activation")(layers.norm("slices_norm")(mix(stages[-1])))
    stages[-1] = keras.layers.Add(name="slices_add")([stages[-1], mixed])
    return stages


def _least_size(config: ModelConfig, dimensions: int) -> Voxels:
    del dimensions
    return (1, stage_stride(config), stage_stride(config))


def _outline_multiples(config: ModelConfig, dimensions: int) -> Voxels | None:
    return None if config.stem_stride > 1 else _least_size(config, dimensions)


SLICES_2D = Architecture(
    slices_2d,
    least_size=_least_size,
    outline_multiples=_outline_multiples,
    dimensions=(3,),
    unused=(),
)
