"""Refuses inputs too small for a network, with the least size that works."""

from bisect import bisect_left
from typing import Any

import keras

from lungnet.config.lookup import choose
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers.poolings import STRIDE
from lungnet.models.architectures import ARCHITECTURES, LayerFactory

LENGTHS = range(8, 257)
"""Voxels along an axis that `input.size` takes."""


def check_size(config: ModelConfig, input_config: InputConfig) -> None:
    """Pooling and stride must leave at least one whole voxel.

    Refuse what `same` padding would quietly fill up.

    Raises:
        ChoiceError: an axis is too short.
    """
    least = config.stem_stride * _pooling_stride(config) ** (len(config.channels) - 1)
    if min(input_config.size) < least:
        raise ChoiceError(
            "input.size",
            f"{list(input_config.size)} is too small for {len(config.channels)} stages; at least "
            f"{least} voxels along each axis",
        )


def check_outline(config: ModelConfig, input_config: InputConfig) -> None:
    """An outline has the crop's own grid; each stage must then be a whole part of it.

    Raises:
        ChoiceError: it is not.
    """
    if not any(head.name == "outline" for head in config.heads):
        return
    part = _pooling_stride(config) ** (len(config.channels) - 1)
    if config.stem_stride > 1 or any(length % part for length in input_config.size):
        raise ChoiceError(
            "model.heads",
            f"outline is drawn on the crop's own grid; expected model.stem_stride 1, found "
            f"{config.stem_stride}, and multiples of {part} in input.size, found "
            f"{list(input_config.size)}",
        )


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


def _pooling_stride(config: ModelConfig) -> int:
    """Of the pooling between stages; one that is none is refused by the layer, with its key."""
    if config.pooling.name == "none":
        return 1
    stride = config.pooling.options.get("stride", STRIDE)
    return stride if isinstance(stride, int) and stride > 0 else 1


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
