"""Sizes of a network's maps by formula; refuses inputs too small, with the least that works."""

from bisect import bisect_left
from typing import Any

import keras

from lungnet.config.lookup import choose
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers.sizes import convolution_size, pooling_size, transposed_convolution_size
from lungnet.models.architectures import ARCHITECTURES, Architecture, LayerFactory
from lungnet.models.architectures.architecture import Voxels, pooling_stride
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
    convolution, stride_between = config.convolution, pooling_stride(config)
    sizes: list[int] = []
    for stage in range(1, len(config.channels) + 1):
        if stage > 1:
            length = length // stride_between if are_whole else pooling_size(length, stride_between)
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


def check_architecture(config: ModelConfig, input_config: InputConfig) -> None:
    """It must take the dimensions, and use what is set.

    Raises:
        ChoiceError: it does not.
    """
    key, name, size = "model.architecture", config.architecture, input_config.size
    architecture = choose(ARCHITECTURES, name, key)
    if len(size) not in architecture.dimensions:
        (dimensions,) = architecture.dimensions
        raise ChoiceError(key, f"{name} is for {dimensions}D inputs; found input.size {list(size)}")
    for setting in architecture.unused:
        if getattr(config, setting) != ModelConfig.model_fields[setting].default:
            raise ChoiceError(f"model.{setting}", f"is not used by {name}; leave it out")


def check_size(config: ModelConfig, input_config: InputConfig) -> None:
    """Pooling, strides and kernels must leave at least one whole voxel.

    Refuse what `same` padding would quietly fill up, and what would grow beyond all bounds.

    Raises:
        ChoiceError: an axis is too short, or a map would have more than `LARGEST_MAP` voxels.
    """
    size = input_config.size
    least = _least_size(ARCHITECTURES[config.architecture], config, len(size))
    if any(length < needed for length, needed in zip(size, least, strict=True)):
        is_valid = config.convolution.padding == "valid" and config.convolution.kernel > 1
        remedy = ", or model.convolution.padding same" if is_valid else ""
        raise ChoiceError(
            "input.size",
            f"{list(size)} is too small for {config.architecture} of {len(config.channels)} "
            f"stages; at least {_voxels(least)} voxels along each axis"
            f"{_nearest_size(config, size, least)}{remedy}",
        )
    largest = max(stage_sizes(config, max(size)))
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
    size = input_config.size
    multiples = _outline_multiples(config, len(size))
    if multiples is None:
        remedy = (
            "expected strides of 1 (model.stem_stride, model.convolution.stride), padding same"
            if ARCHITECTURES[config.architecture].outline_multiples is None
            else f"which {config.architecture} does not keep with such strides"
        )
        raise ChoiceError("model.heads", f"outline is drawn on the crop's own grid; {remedy}")
    if any(length % part for length, part in zip(size, multiples, strict=True)):
        raise ChoiceError(
            "model.heads",
            f"outline is drawn on the crop's own grid; expected multiples of {_voxels(multiples)} "
            f"in input.size, found {list(size)}{_nearest_size(config, size, multiples)}",
        )


def _least_size(architecture: Architecture, config: ModelConfig, dimensions: int) -> Voxels:
    if architecture.least_size is not None:
        return architecture.least_size(config, dimensions)
    least = 1 + bisect_left(
        range(1, 1 << 60), 1, key=lambda length: min(stage_sizes(config, length, are_whole=True))
    )
    return (least,) * dimensions


def _nearest_size(config: ModelConfig, size: Voxels, least: Voxels) -> str:
    """The end of a sentence: the size nearest to `size` that fits; nothing where none does."""
    multiples = (1,) * len(size)
    if any(head.name == "outline" for head in config.heads):
        multiples = _outline_multiples(config, len(size)) or multiples
    lengths = [
        [length for length in LENGTHS if length >= needed and length % part == 0]
        for needed, part in zip(least, multiples, strict=True)
    ]
    if not all(lengths):
        return ""
    nearest = [
        min((abs(length - found), -length) for length in valid)
        for valid, found in zip(lengths, size, strict=True)
    ]
    return f"; the nearest size that fits is {[-length for _, length in nearest]}"


def _outline_multiples(config: ModelConfig, dimensions: int) -> Voxels | None:
    """What the input's voxels must be multiples of for an outline; None where none will do."""
    architecture = ARCHITECTURES[config.architecture]
    if architecture.outline_multiples is None:
        return _multiples_of_stages(config, dimensions)
    return architecture.outline_multiples(config, dimensions)


def _multiples_of_stages(config: ModelConfig, dimensions: int) -> Voxels | None:
    """None where the first map is not as large as the input."""
    shrinks = config.convolution.padding == "valid" and config.convolution.kernel > 1
    if convolution_stride(config, 1, 1) > 1 or shrinks:
        return None
    return (pooling_stride(config) ** (len(config.channels) - 1),) * dimensions


def _voxels(counts: Voxels) -> int | list[int]:
    """One number where all axes have the same."""
    return counts[0] if len(set(counts)) == 1 else list(counts)


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
    remedy = "coarser levels, or fewer stages"
    if number < len(LENGTHS):
        size, shortest = input_config.size, LENGTHS[number]
        nearest = _nearest_size(config, size, (shortest,) * len(size))
        remedy = f"input.size of at least {shortest} along each axis{nearest}"
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
