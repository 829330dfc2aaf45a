"""An estimate of the memory that a network needs, from the shapes of its tensors.

Counted are weights, what an optimizer keeps of them, and maps; not the program itself, nor what
libraries take beside (a convolution's workspace, the gradients of maps while they are computed).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lungnet.config.training import OptimizerConfig
from lungnet.models.description.graph import LayerCall


@dataclass(frozen=True)
class MemoryBytes:
    """Estimated bytes.

    Attributes:
        training: weights, their gradients, the optimizer's numbers, and every map of the batch, as
            the way back needs them.
        prediction: weights, and the most maps of the batch that are needed at a time.
    """

    training: int
    prediction: int


def optimizer_slots(config: OptimizerConfig) -> int:
    """Numbers that the optimizer keeps for each weight that is trained.

    Two moments (Adam) or one (SGD with momentum), the average of the weights and the sum of
    gradients where they are asked for.
    """
    moments = 2 if config.name == "adamw" else int(config.momentum > 0)
    return moments + int(config.average > 0) + int(config.accumulate > 1)


def estimate_memory(
    network: keras.Model, calls: Sequence[LayerCall], slots: int, batch_size: int
) -> MemoryBytes:
    """Bytes for a batch.

    Args:
        network: built.
        calls: of its layers, for one sample.
        slots: `optimizer_slots`.
        batch_size: samples.
    """
    trained = sum(map(_bytes, network.trainable_weights))
    weights = trained + sum(map(_bytes, network.non_trainable_weights))
    maps = _Maps(calls)
    return MemoryBytes(
        training=weights + trained * (1 + slots) + batch_size * sum(maps.sizes.values()),
        prediction=weights + batch_size * maps.most_at_a_time(),
    )


class _Maps:
    """The tensors between layers, and from which call to which they are needed.

    Attributes:
        sizes: bytes by tensor; a view of another tensor has no entry.
    """

    def __init__(self, calls: Sequence[LayerCall]) -> None:
        self.sizes: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._length = len(calls)
        owners: dict[int, int] = {}
        for number, call in enumerate(calls):
            for tensor in call.inputs:
                owner = owners.setdefault(id(tensor), id(tensor))
                if owner not in self.sizes:  # an input of the network
                    self._begin(tensor, 0)
                self._last[owner] = number
            is_view = type(call.layer).__name__ in ("Identity", "Reshape")
            for tensor in call.outputs:
                owners[id(tensor)] = owners[id(call.inputs[0])] if is_view else id(tensor)
                if not is_view:
                    self._begin(tensor, number)
        self._keep_results(calls, owners)

    def most_at_a_time(self) -> int:
        """Bytes while the call that needs most is running."""
        change = np.zeros(self._length + 1, np.int64)
        for owner, size in self.sizes.items():
            change[self._first[owner]] += size
            change[self._last[owner] + 1] -= size
        return int(change.cumsum().max())

    def _begin(self, tensor: Any, number: int) -> None:
        self.sizes[id(tensor)] = _bytes(tensor)
        self._first[id(tensor)] = self._last[id(tensor)] = number

    def _keep_results(self, calls: Sequence[LayerCall], owners: Mapping[int, int]) -> None:
        """What nobody takes is an answer of the network, and stays."""
        taken = {id(tensor) for call in calls for tensor in call.inputs}
        for call in calls:
            for tensor in call.outputs:
                if id(tensor) not in taken:
                    self._last[owners[id(tensor)]] = self._length - 1


def _bytes(tensor: Any) -> int:
    shape: tuple[int, ...] = tuple(tensor.shape)
    return math.prod(shape) * int(np.dtype(tensor.dtype).itemsize)
