"""The receptive field: which voxels of the input a voxel of a map is computed from.

By formula, after Araujo et al. 2019 (Computing receptive fields of convolutional neural networks,
doi:10.23915/distill.00021): kernels, dilations, strides and paddings along the graph; of several
paths, what any of them sees. Attention and pooling over the map see the whole input. The mean and
deviation that a group norm takes over the map do not count. Where a map was enlarged, the formula
may tell a step of the smaller map too many.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import singledispatch
from typing import Any, NamedTuple

import keras

from lungnet.layers.depthwise_convolution import DepthwiseConv3D
from lungnet.layers.global_poolings import (
    AverageAndMax,
    GlobalGeneralMean,
    SpatialPyramid,
    TopKMean,
)
from lungnet.layers.poolings import GeneralMeanPooling
from lungnet.models.description.graph import LayerCall


@dataclass(frozen=True)
class AxisReach:
    """Along an axis, voxel i of a map sees those from `i * step - before` to `i * step + after`.

    All three count in voxels of the input.
    """

    step: Fraction = Fraction(1)
    before: Fraction = Fraction(0)
    after: Fraction = Fraction(0)

    @property
    def voxels(self) -> int:
        """The most that one voxel of the map sees, without regard to the ends of the input."""
        return math.floor(self.before + self.after) + 1


@dataclass(frozen=True)
class ReceptiveField:
    """Of any voxel of a map.

    Attributes:
        axes: along each axis of the input.
        is_whole: whether it sees all of the input, however large.
    """

    axes: tuple[AxisReach, ...]
    is_whole: bool = False

    @classmethod
    def of_input(cls, dimensions: int) -> "ReceptiveField":
        """A voxel of the input sees itself."""
        return cls((AxisReach(),) * dimensions)


def field_after(call: LayerCall, fields: Sequence[ReceptiveField]) -> ReceptiveField:
    """The receptive field of what a layer gives.

    Args:
        call: the layer.
        fields: of what it takes, of at least one tensor; those that do not come from the image are
            left out.
    """
    return _after(call.layer, call, _union(fields))


class _Window(NamedTuple):
    """Along an axis: `reach` is from the first to the last voxel that a kernel looks at."""

    reach: int
    stride: int
    padding: str


@singledispatch
def _after(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    """Voxel by voxel."""
    del layer, call
    return field


@_after.register(keras.layers.GlobalAveragePooling2D)
@_after.register(keras.layers.GlobalAveragePooling3D)
@_after.register(keras.layers.GlobalMaxPooling2D)
@_after.register(keras.layers.GlobalMaxPooling3D)
@_after.register(AverageAndMax)
@_after.register(GlobalGeneralMean)
@_after.register(SpatialPyramid)
@_after.register(TopKMean)
@_after.register(keras.layers.MultiHeadAttention)
def _whole(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    del layer, call
    return replace(field, is_whole=True)


@_after.register(keras.layers.Conv2D)
@_after.register(keras.layers.Conv3D)
@_after.register(keras.layers.DepthwiseConv2D)
def _convolution(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    return _seen_through(_kernel_windows(layer), call, field)


@_after.register(keras.layers.MaxPooling2D)
@_after.register(keras.layers.MaxPooling3D)
@_after.register(keras.layers.AveragePooling2D)
@_after.register(keras.layers.AveragePooling3D)
def _pooling(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    sizes = zip(layer.pool_size, layer.strides, strict=True)
    windows = [_Window(size - 1, stride, layer.padding) for size, stride in sizes]
    return _seen_through(windows, call, field)


@_after.register(GeneralMeanPooling)
def _general_mean(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    window = _Window(layer.window - 1, layer.stride, "same")
    return _seen_through([window] * len(call.inputs[0].shape[1:-1]), call, field)


@_after.register(DepthwiseConv3D)
def _depthwise_3d(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    return _seen_through([_Window(layer.size - 1, 1, "same")] * 3, call, field)


@_after.register(keras.layers.Conv2DTranspose)
@_after.register(keras.layers.Conv3DTranspose)
def _transposed(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    """Voxel j of the result gets from voxels i with `j + cut = i * stride + (a tap's place)`."""
    del call
    windows, axes = _kernel_windows(layer), list(field.axes)
    for number, (reach, stride, padding) in _last_axes(windows, field):
        cut = max(reach + 1 - stride, 0) // 2 if padding == "same" else 0
        step, before, after = axes[number].step / stride, axes[number].before, axes[number].after
        axes[number] = AxisReach(step, before + (reach - cut) * step, after + cut * step)
    return replace(field, axes=tuple(axes))


@_after.register(keras.layers.UpSampling2D)
@_after.register(keras.layers.UpSampling3D)
def _enlarged(layer: Any, call: LayerCall, field: ReceptiveField) -> ReceptiveField:
    """Each voxel, several times."""
    del call
    axes = tuple(
        AxisReach(axis.step / times, axis.before + axis.step * (times - 1) / times, axis.after)
        for axis, times in zip(field.axes, layer.size, strict=True)
    )
    return replace(field, axes=axes)


def _seen_through(
    windows: Sequence[_Window], call: LayerCall, field: ReceptiveField
) -> ReceptiveField:
    """Where each voxel looks at a window of the map before it."""
    lengths, axes = call.inputs[0].shape[1:-1], list(field.axes)
    for (number, (reach, stride, padding)), length in zip(
        _last_axes(windows, field), lengths, strict=True
    ):
        axis, filling = axes[number], 0
        if padding == "same":  # as much before the map as after it, or one voxel less
            filling = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0) // 2
        axes[number] = AxisReach(
            axis.step * stride,
            axis.before + filling * axis.step,
            axis.after + (reach - filling) * axis.step,
        )
    return replace(field, axes=tuple(axes))


def _kernel_windows(layer: Any) -> list[_Window]:
    sizes = zip(layer.kernel_size, layer.strides, layer.dilation_rate, strict=True)
    return [_Window(dilation * (size - 1), n, layer.padding) for size, n, dilation in sizes]


def _last_axes(windows: Sequence[_Window], field: ReceptiveField) -> list[tuple[int, _Window]]:
    """Each window with the number of its axis: where slices are rows, the first has none."""
    first = len(field.axes) - len(windows)
    return list(enumerate(windows, first))


def _union(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    """Seen by any of several maps of the same voxels.

    A map of one voxel, such as the weights of channels, sees the whole and has no step of its own.
    """
    local = [field.axes for field in fields if not field.is_whole] or [fields[0].axes]
    axes = tuple(
        AxisReach(
            reaches[0].step,
            max(reach.before for reach in reaches),
            max(reach.after for reach in reaches),
        )
        for reaches in zip(*local, strict=True)
    )
    return ReceptiveField(axes, any(field.is_whole for field in fields))
