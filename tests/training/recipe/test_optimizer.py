"""Decay where it helps, and a learning rate that is the cosine it says."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lungnet.config.model import InputConfig, ModelConfig
from lungnet.config.training import OptimizerConfig


@pytest.mark.parametrize("bag_pooling", ["noisy_or", "attention"])
@pytest.mark.parametrize("activation", ["prelu", "noisy_hard_tanh"])
def test_weight_decay_moves_kernels_and_spares_biases_norms_and_slopes(activation, bag_pooling):
    from lungnet.models.build import build_model
    from lungnet.training.recipe.optimizer import build_optimizer

    config = ModelConfig(
        channels=(2, 3), hidden=(3,), activation=activation, bag_pooling=bag_pooling
    )
    network = build_model(config, InputConfig(kind="bag", size=(8, 8, 8), candidates=2))
    optimizer = build_optimizer(
        OptimizerConfig(learning_rate=0.1, weight_decay=0.5, warmup=0), steps=10
    )
    variables = network.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer.apply([np.zeros(variable.shape, np.float32) for variable in variables], variables)
    moved = {variable.name for variable in variables if not np.allclose(variable, 1)}
    spared = {variable.name for variable in variables if np.allclose(variable, 1)}
    assert moved == {"kernel"}
    slope = "alpha" if activation == "prelu" else "p"
    assert spared == {"bias", "gamma", "beta", slope} | (
        {"leak"} if bag_pooling == "noisy_or" else set()
    )
    assert_allclose(
        np.asarray(next(v for v in variables if v.name == "kernel")), 1 - 0.1 * 0.5, atol=1e-6
    )


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_rate_rises_linearly_and_falls_as_a_cosine_to_a_hundredth(warmup):
    from lungnet.training.recipe.optimizer import build_optimizer

    steps, peak = 40, 0.03
    schedule = build_optimizer(
        OptimizerConfig(learning_rate=peak, warmup=warmup), steps
    )._learning_rate
    first = int(warmup * steps)
    for step in (0, 1, first - 1, first, 20, steps - 1, steps, steps + 5):
        if step < 0:
            continue
        share = min(1.0, (step - first) / (steps - first))
        cosine = peak * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)
        assert_allclose(
            float(schedule(step)), peak * step / first if step < first else cosine, rtol=1e-5
        )


def test_one_step_in_all_is_enough():
    from lungnet.training.recipe.optimizer import build_optimizer

    assert math.isfinite(float(build_optimizer(OptimizerConfig(warmup=0.5), 1)._learning_rate(0)))
