"""Decay where it helps, a learning rate that is the cosine it says, averages that are averages."""

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


STILL = {"warmup": 0, "weight_decay": 0, "clip_norm": 1e9, "learning_rate": 0.1}
"""Nothing but the rule itself; over many steps the cosine stands still."""


def gradients(steps, seed=0):
    """Of two variables."""
    rng = np.random.default_rng(seed)
    return [
        [rng.normal(size=shape).astype(np.float32) for shape in ((2, 3), (3,))]
        for _ in range(steps)
    ]


def applied(config, steps_of_gradients):
    """The optimizer, its variables, and their values after each step."""
    import keras

    from lungnet.training.recipe.optimizer import build_optimizer

    variables = [keras.Variable(np.ones(shape, np.float32)) for shape in ((2, 3), (3,))]
    optimizer = build_optimizer(OptimizerConfig(**{**STILL, **config}), steps=10**8)
    optimizer.build(variables)
    values = []
    for step in steps_of_gradients:
        optimizer.apply(step, variables)
        values.append([np.array(variable) for variable in variables])
    return optimizer, variables, values


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_nesterovs(momentum):
    """v <- m v - r g; w <- w + m v - r g (Sutskever et al. 2013)."""
    steps = gradients(4)
    _, _, values = applied({"name": "sgd", "momentum": momentum}, steps)
    for i in range(2):
        weight, velocity = np.ones_like(steps[0][i]), np.zeros_like(steps[0][i])
        for step, got in zip(steps, values, strict=True):
            velocity = momentum * velocity - 0.1 * step[i]
            weight = weight + momentum * velocity - 0.1 * step[i]
            assert_allclose(got[i], weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_accumulated_batches_are_one_step_along_their_mean_gradient(name):
    steps = gradients(6)
    _, _, values = applied({"name": name, "accumulate": 3, "clip_norm": 1.0}, steps)
    means = [
        [np.mean([step[i] for step in steps[first : first + 3]], 0) for i in range(2)]
        for first in (0, 3)
    ]
    _, _, expected = applied({"name": name, "clip_norm": 1.0}, means)
    for number, value in enumerate(values):
        done = (number + 1) // 3
        for i in range(2):
            wanted = expected[done - 1][i] if done else np.ones_like(value[i])
            assert_allclose(value[i], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_average_follows_its_recursion_and_leaves_the_weights_alone(name, accumulate):
    steps, momentum = gradients(6), 0.8
    config = {"name": name, "accumulate": accumulate}
    _, _, plain = applied(config, steps)
    optimizer, variables, values = applied({**config, "average": momentum}, steps)
    for a, b in zip(plain, values, strict=True):
        for i in range(2):
            np.testing.assert_array_equal(a[i], b[i])
    optimizer.finalize_variable_values(variables)
    for i in range(2):
        # Before the second change of the weights the average is the weights.
        average = values[accumulate - 1][i]
        for value in values[accumulate:]:
            average = momentum * average + (1 - momentum) * value[i]
        assert_allclose(np.asarray(variables[i]), average, rtol=1e-5, atol=1e-6)
