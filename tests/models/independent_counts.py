"""Multiply-adds and receptive fields of a network found without its layers' formulas."""

import math
import re

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops as tensorflow_registry

PROFILED = ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "MatMul")
"""Operations that sum products, for which TensorFlow's profiler has a formula of its own."""

BACKWARDS = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")
"""Transposed convolutions: a convolution read from its result to its input."""


def traced_multiply_adds(network):
    """Of one sample, over TensorFlow's own graph of the network.

    Half of the float operations that TensorFlow's profiler counts for each operation that sums
    products; what it has no formula for, from the operation's shapes.
    """
    sample = {
        tensor.name: tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype)
        for tensor in network.inputs
    }
    traced = tf.function(lambda inputs: network(inputs, training=False))
    return int(_sum(traced.get_concrete_function(sample).graph))


def _sum(graph):
    return sum(_operation(graph, op) for op in graph.get_operations())


def _operation(graph, op):
    shapes = [tuple(tensor.shape) for tensor in op.inputs]
    if op.type in PROFILED:
        statistics = tensorflow_registry.get_stats_for_node_def(graph, op.node_def, "flops")
        return statistics.value // 2
    if op.type.endswith("PartitionedCall"):  # grouped convolutions are compiled by themselves
        return _sum(graph._get_function(op.get_attr("f").name).graph)
    if op.type.startswith("BatchMatMul"):
        columns = op.outputs[0].shape[-1]
        return math.prod(shapes[0]) * columns
    if op.type == "Einsum":
        terms = re.split(",|->", op.get_attr("equation").decode())
        lengths = dict(zip("".join(terms[:2]), shapes[0] + shapes[1], strict=True))
        return math.prod(lengths.values())
    if op.type in BACKWARDS:
        _, kernel, features = shapes
        return math.prod(kernel) * math.prod(features[:-1])
    assert not op.type.startswith(("Conv", "Xla")), op.type
    return 0


def perturbed_extent(model, size, axis):
    """Voxels along an axis, from the first to the last, that change a voxel of a map; the most.

    Every voxel of a line through the middle is raised in turn. The answer is exact where the map
    never falls as the input rises, as with weights above 0.

    Args:
        model: from an image (batch, *size) to a map.
        size: of the image.
        axis: of the line, 0 for the first.
    """
    images = np.zeros((size[axis] + 1, *size), np.int16)
    for i in range(size[axis]):
        place = [length // 2 for length in size]
        place[axis] = i
        images[(i, *place)] = 1
    maps = np.asarray(model(images, training=False)).sum(-1)
    line = tuple(
        slice(None) if n == axis else length // 2 for n, length in enumerate(maps.shape[1:])
    )
    values = maps[(slice(None), *line)]
    changed = [np.flatnonzero(voxel[:-1] != voxel[-1]) for voxel in values.T]
    return max(int(places[-1] - places[0]) + 1 for places in changed if places.size)
