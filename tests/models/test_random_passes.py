"""Answers with the random layers on: seeded, and the network is as it was afterwards."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lungnet.config.model import InputConfig, ModelConfig

SHOWN = InputConfig(kind="nodule", size=(8, 8))


@pytest.fixture(scope="module")
def networks():
    from lungnet.models.build import build_model

    random = ModelConfig(channels=(3, 4), activation="rrelu", dropout=0.4)
    return build_model(random, SHOWN), build_model(ModelConfig(channels=(3, 4)), SHOWN)


@pytest.fixture(scope="module")
def batches():
    rng = np.random.default_rng(2)
    return [{"image": rng.integers(-1000, 300, (n, 8, 8), np.int16)} for n in (5, 3)]


def test_passes_are_seeded_differ_and_leave_the_network_as_it_was(networks, batches):
    from lungnet.models.random_passes import random_passes

    network = networks[0]
    before = [np.array(variable) for variable in network.variables]
    first = random_passes(network, batches, 6, seed=1)
    assert first.shape == (6, 8)
    assert_array_equal(first, random_passes(network, batches, 6, seed=1))
    # A pass hangs on its number only, not on how many there are.
    assert_array_equal(first[:2], random_passes(network, batches, 2, seed=1))
    assert (first.std(0) > 0).all()
    assert (first != random_passes(network, batches, 6, seed=2)).any()
    for variable, value in zip(network.variables, before, strict=True):
        assert_array_equal(np.array(variable), value)
    assert all(layer.trainable for layer in network.layers)


def test_without_random_layers_each_pass_is_the_prediction(networks, batches):
    from lungnet.models.random_passes import is_random, random_passes

    network = networks[1]
    assert is_random(networks[0])
    assert not is_random(network)
    plain = np.concatenate([network.predict(batch, verbose=0)["logit"][:, 0] for batch in batches])
    for logits in random_passes(network, batches, 2, seed=1):
        np.testing.assert_allclose(logits, plain, atol=1e-5)
