"""What a network says when its random layers stay on: how far its answers stray."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.seeds import derive

SEED_STATE = "seed_generator_state"
"""Name of the variable of a Keras seed generator."""


def is_random(network: keras.Model) -> bool:
    """Whether any layer draws numbers: dropout, RReLU, a noisy activation."""
    return bool(_seed_states(network))


def random_passes(
    network: keras.Model, batches: Iterable[dict[str, Any]], passes: int, seed: int
) -> NDArray[np.float64]:
    """Logits of several passes with the random layers on and the norms as in prediction.

    After Gal and Ghahramani 2016 (arXiv:1506.02142). Each pass is a function of the seed and its
    number; the network is left as it was.

    Args:
        network: with an output `logit`, (batch, 1).
        batches: inputs by name.
        passes: how many.
        seed: of the draws.

    Returns:
        Shape (passes, samples).
    """
    given = list(batches)
    logits = []
    with _norms_at_rest(network), _seeds_kept(network) as states:
        for number in range(passes):
            for generator, state in enumerate(states):
                state.assign([derive(seed, "pass", number, generator) % 2**32, 0])
            answers = [network(inputs, training=True)["logit"] for inputs in given]
            logits.append(np.concatenate([keras.ops.convert_to_numpy(a)[:, 0] for a in answers]))
    return np.array(logits, np.float64)


def _seed_states(network: keras.Model) -> list[Any]:
    return [v for v in network.non_trainable_variables if v.name == SEED_STATE]


@contextmanager
def _seeds_kept(network: keras.Model) -> Iterator[list[Any]]:
    states = _seed_states(network)
    kept = [np.array(keras.ops.convert_to_numpy(state)) for state in states]
    try:
        yield states
    finally:
        for state, value in zip(states, kept, strict=True):
            state.assign(value)


@contextmanager
def _norms_at_rest(network: keras.Model) -> Iterator[None]:
    """Batch norm that is not trainable keeps to its averages, as in prediction."""
    norms = [
        layer
        for layer in _layers(network)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    for layer in norms:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in norms:
            layer.trainable = True


def _layers(network: keras.Model) -> Iterator[Any]:
    """All layers, those of networks within the network too."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
