"""A network's answer averaged over the symmetries of the grid."""

import itertools

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

Symmetry = tuple[tuple[int, ...], tuple[int, ...]]
"""(order of the spatial axes, those that are then mirrored), counted from 0."""


def symmetries(dimensions: int, kind: str) -> list[Symmetry]:
    """All symmetries of a grid in 2 or 3 dimensions, the identity first.

    Args:
        dimensions: number of spatial axes.
        kind: `flips` (4 or 8) or `all` (8 or 48, which exchange axes too).
    """
    identity = tuple(range(dimensions))
    orders = [identity] if kind == "flips" else list(itertools.permutations(identity))
    mirrored = [
        axes
        for count in range(dimensions + 1)
        for axes in itertools.combinations(range(dimensions), count)
    ]
    return [(order, axes) for order in orders for axes in mirrored]


def averaged_over_symmetries(network: keras.Model, kind: str) -> keras.Model:
    """A network of the same inputs and outputs, each output the mean over the symmetries.

    An output of the crop's shape is turned back before it is averaged. The weights are the
    network's own. Voxels are moved by their numbers, which every export format knows.

    Args:
        network: with an input `image`, and other inputs that no symmetry changes.
        kind: `flips` or `all`.
    """
    inputs = {
        tensor.name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        for tensor in network.inputs
    }
    size = tuple(inputs["image"].shape[1:])
    moved = _moved_voxels(size, kind)
    count, voxels = moved.shape
    shown = {name: ops.repeat(tensor, count, axis=0) for name, tensor in inputs.items()}
    flat = ops.reshape(inputs["image"], (-1, voxels))
    shown["image"] = ops.reshape(ops.take(flat, moved.ravel(), axis=1), (-1, *size))
    moved_back = (np.argsort(moved, axis=1) + voxels * np.arange(count)[:, None]).ravel()
    outputs = {}
    for name, value in network(shown).items():
        shape = tuple(value.shape[1:])
        answers = ops.reshape(value, (-1, count * int(np.prod(shape))))
        if shape == size:
            answers = ops.take(answers, moved_back, axis=1)
        mean = ops.mean(ops.reshape(answers, (-1, count, *shape)), axis=1)
        outputs[name] = keras.layers.Identity(name=name)(mean)
    return keras.Model(inputs, outputs, name=f"{network.name}_averaged")


def _moved_voxels(size: tuple[int, ...], kind: str) -> NDArray[np.int32]:
    """For each symmetry, the number of the voxel that comes to each place: (symmetries, voxels)."""
    numbers = np.arange(np.prod(size), dtype=np.int32).reshape(size)
    return np.stack(
        [
            np.flip(numbers.transpose(order), mirrored).ravel()
            for order, mirrored in symmetries(len(size), kind)
        ]
    )
