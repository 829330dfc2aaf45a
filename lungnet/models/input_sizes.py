"""Sizes of a network's maps by formula; refuses inputs too small, with the least that works."""

from bisect import bisect_left
from typing import Any

import keras

from lungnet.config.lookup import choose
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers.poolings import STRIDE
from lungnet.layers.sizes import convolution_size, pooling_size, transposed_convolution_size
from lungnet.models.architectures import ARCHITECTURES, LayerFactory
from lungnet.models.architectures.plain import convolution_stride

LENGTHS = range(8, 257)
"""Voxels along an axis that `input.size` takes."""

LARGEST_MAP = 512
"""Voxels along an axis; transposed convolutions could ask for more than any machine has."""


def stage_sizes(config: ModelConfig, length: int, *, are_whole: bool = False) -> list[int]:
    """Voxels along an axis of each stage's map.

    Args:
        config: the network.
        length: voxels of the input along the axis.
        are_whole: what `same` padding fills up at the end does not count as a voxel.
    """
    convolution, pooling_stride = config.convolution, _pooling_stride(config)
    sizes: list[int] = []
    for stage in range(1, len(config.channels) + 1):
        if stage > 1:
            length = length // pooling_stride if are_whole else pooling_size(length, pooling_stride)
        for block in range(1, config.blocks + 1):
            stride = convolution_stride(config, stage, block)
            how = convolution.kernel, stride, convolution.padding, convolution.dilation
            if convolution.transposed:
                length = transposed_convolution_size(length, *how) if length else 0
            elif are_whole and convolution.padding == "same":
                length //= stride
            else:
                length = convolution_size(length, *how)
        sizes.append(length)
    return sizes


def check_size(config: ModelConfig, input_config: InputConfig) -> None:
    """Pooling, strides and kernels must leave at least one whole voxel.

    Refuse what `same` padding would quietly fill up, and what would grow beyond all bounds.

    Raises:
        ChoiceError: an axis is too short, or a map would have more than `LARGEST_MAP` voxels.
    """
    least = 1 + bisect_left(
        range(1, 1 << 60), 1, key=lambda length: min(stage_sizes(config, length, are_whole=True))
    )
    if min(input_config.size) < least:
        is_valid = config.convolution.padding == "valid" and config.convolution.kernel > 1
        remedy = ", or model.convolution.padding same" if is_valid else ""
        raise ChoiceError(
            "input.size",
            f"{list(input_config.size)} is too small for {len(config.channels)} stages; at least "
            f"{least} voxels along each axis{remedy}",
        )
    largest = max(stage_sizes(config, max(input_config.size)))
    if largest > LARGEST_MAP:
        raise ChoiceError(
            "model.convolution.stride",
            f"{config.convolution.stride} enlarges a map to {largest:,} voxels along an axis, as "
            f"model.convolution.transposed asks; at most {LARGEST_MAP}",
        )


def check_outline(config: ModelConfig, input_config: InputConfig) -> None:
    """An outline has the crop's own grid; each stage must then be a whole part of it.

    Raises:
        ChoiceError: it is not.
    """
    if not any(head.name == "outline" for head in config.heads):
        return
    convolution = config.convolution
    part = _pooling_stride(config) ** (len(config.channels) - 1)
    first_stride = convolution_stride(config, 1, 1)
    shrinks = convolution.padding == "valid" and convolution.kernel > 1
    if first_stride > 1 or shrinks or any(length % part for length in input_config.size):
        raise ChoiceError(
            "model.heads",
            f"outline is drawn on the crop's own grid; expected strides of 1 (model.stem_stride "
            f"times model.convolution.stride), found {first_stride}, padding same, found "
            f"{convolution.padding}, and multiples of {part} in input.size, found "
            f"{list(input_config.size)}",
        )


def _pooling_stride(config: ModelConfig) -> int:
    """Of the pooling between stages; one that is none is refused by the layer, with its key."""
    if config.pooling.name == "none":
        return 1
    stride = config.pooling.options.get("stride", STRIDE)
    return stride if isinstance(stride, int) and stride > 0 else 1


def check_last_map(
    config: ModelConfig, input_config: InputConfig, last_map: Any, least: int
) -> None:
    """A global pooling may need several voxels along each axis of the last map.

    Args:
        config: the network.
        input_config: what it is shown.
        last_map: features (batch, [z,] y, x, channels).
        least: voxels along each axis.

    Raises:
        ChoiceError: there are fewer; names the least `input.size` that works.
    """
    found = tuple(last_map.shape[1:-1])
    if min(found) >= least:
        return
    number = bisect_left(
        LENGTHS, least, key=lambda length: _voxels_of_last_map(config, input_config, length)
    )
    remedy = (
        f"input.size of at least {LENGTHS[number]} along each axis"
        if number < len(LENGTHS)
        else "coarser levels, or fewer stages"
    )
    raise ChoiceError(
        "model.global_pooling",
        f"{config.global_pooling.name} needs {least} voxels along each axis of the last map, which "
        f"has {list(found)} for input.size {list(input_config.size)}; expected {remedy}",
    )


def _voxels_of_last_map(config: ModelConfig, input_config: InputConfig, length: int) -> int:
    """Along an axis, where the input has so many: of any architecture, by building it."""
    dimensions = len(input_config.size)
    x = keras.Input((*(length,) * dimensions, len(input_config.windows_hu)))
    try:
        stages = choose(ARCHITECTURES, config.architecture, "model.architecture")(
            x, config, LayerFactory(config, dimensions)
        )
    except (ChoiceError, ValueError):  # nothing is left of so small an input
        return 0
    return int(min(stages[-1].shape[1:-1]))
