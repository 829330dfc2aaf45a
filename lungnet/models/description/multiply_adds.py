"""Multiply-adds of a layer: one for each product of a feature and a weight, or of two features.

Zeros of padding count as features. What has no such sum of products counts nothing, as is usual:
activations, norms, poolings, scales and sums of maps, and the weighing of a bag's candidates.
"""

import math
from functools import singledispatch
from typing import Any

import keras

from lungnet.layers.bag_poolings import (
    GatedAttention,
    LogMeanExpOfBag,
    MaxOfBag,
    MeanOfBag,
    NoisyOr,
    SelfAttention,
    TopKOfBag,
)
from lungnet.layers.depthwise_convolution import DepthwiseConv3D
from lungnet.models.description.graph import LayerCall


def multiply_adds(call: LayerCall) -> int:
    """Of one sample, over all rows that the layer sees of it."""
    return int(_count(call.layer, call))


@singledispatch
def _count(layer: Any, call: LayerCall) -> int:
    del layer, call
    return 0


@_count.register(keras.layers.Conv1D)
@_count.register(keras.layers.Conv2D)
@_count.register(keras.layers.Conv3D)
@_count.register(keras.layers.DepthwiseConv1D)
@_count.register(keras.layers.DepthwiseConv2D)
@_count.register(DepthwiseConv3D)
def _convolution(layer: Any, call: LayerCall) -> int:
    """The whole kernel at each voxel of the result; with groups the kernel is smaller."""
    return _size(layer.kernel) * _places(call.outputs[0])


@_count.register(keras.layers.Conv1DTranspose)
@_count.register(keras.layers.Conv2DTranspose)
@_count.register(keras.layers.Conv3DTranspose)
@_count.register(keras.layers.Dense)
def _at_each_input(layer: Any, call: LayerCall) -> int:
    """The whole kernel at each voxel that comes in."""
    return _size(layer.kernel) * _places(call.inputs[0])


@_count.register(keras.layers.MultiHeadAttention)
def _attention(layer: Any, call: LayerCall) -> int:
    """Four projections, and for each head the scores of all pairs and the sums by them."""
    query, value, *others = call.inputs
    key = others[0] if others else value
    key_units, value_units = layer.num_heads * layer.key_dim, layer.num_heads * layer.value_dim
    pairs = _places(query) * value.shape[1]
    return int(
        key_units * (math.prod(query.shape) + math.prod(key.shape) + pairs)
        + value_units * (math.prod(value.shape) + math.prod(call.outputs[0].shape) + pairs)
    )


@_count.register(NoisyOr)
@_count.register(MaxOfBag)
@_count.register(LogMeanExpOfBag)
def _scores(layer: Any, call: LayerCall) -> int:
    """A linear score for each candidate."""
    return _size(layer.score.kernel) * _places(call.inputs[0])


@_count.register(MeanOfBag)
def _score_of_mean(layer: Any, call: LayerCall) -> int:
    """A linear score of the mean."""
    bags: int = call.inputs[0].shape[0]
    return _size(layer.score.kernel) * bags


@_count.register(TopKOfBag)
def _score_of_highest(layer: Any, call: LayerCall) -> int:
    """A linear score for each candidate, and of the mean of some."""
    return _scores(layer, call) + _score_of_mean(layer, call)


@_count.register(GatedAttention)
def _gated_attention(layer: Any, call: LayerCall) -> int:
    """Value, gate and attention of each candidate, a linear score of their weighted sum."""
    parts = layer.value, layer.gate, layer.attention
    of_candidate = sum(_size(part.kernel) for part in parts)
    return of_candidate * _places(call.inputs[0]) + _score_of_mean(layer, call)


@_count.register(SelfAttention)
def _self_attention(layer: Any, call: LayerCall) -> int:
    """Two embeddings of each candidate, attention among them, and what gated attention has."""
    features = call.inputs[0]
    parts = layer.embedding, layer.place, layer.value, layer.attention
    of_candidate = sum(_size(part.kernel) for part in parts)
    embedded = keras.KerasTensor((*features.shape[:-1], layer.units))
    among = multiply_adds(LayerCall(layer.among, (embedded, embedded), (embedded,)))
    return of_candidate * _places(features) + among + _score_of_mean(layer, call)


def _size(kernel: Any) -> int:
    return math.prod(kernel.shape)


def _places(tensor: Any) -> int:
    """Rows times voxels."""
    return math.prod(tensor.shape[:-1])
