"""One battery over every row of every table of choices, in every dimension."""

import importlib.util
import json
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from other_programs import (
    LARGEST_DIFFERENCE,
    built,
    export_difference,
    jax_differences,
    predicted,
)
from small_networks import CASES, RECORD, some_inputs

from lungnet.models.build import build_model


def slow_where(is_slow):
    """The cases, some of them marked."""
    return [pytest.param(n, marks=pytest.mark.slow) if is_slow(n) else n for n in CASES]


# An activation looks at a number at a time, whatever the dimensions.
EVERY_CASE = slow_where(lambda name: name.startswith("activation") and "3D" in name)


@pytest.fixture(scope="module")
def networks():
    """The network of a case, built once."""
    cache = {}

    def of(name):
        if name not in cache:
            cache[name] = built(name)
        return cache[name]

    return of


@pytest.mark.parametrize("name", EVERY_CASE)
def test_it_has_the_parameters_on_record(name, networks):
    """Where a row was added: python tests/models/small_networks.py."""
    assert networks(name).count_params() == json.loads(RECORD.read_text()).get(name)


def test_the_record_holds_no_more():
    assert json.loads(RECORD.read_text()).keys() == CASES.keys()


@pytest.mark.parametrize("name", EVERY_CASE)
def test_saved_and_loaded_it_predicts_the_same_to_the_bit(name, networks, tmp_path):
    network = networks(name)
    # Weights of zero and one would hide one that was not loaded.
    rng = np.random.default_rng(2)
    for weight in network.trainable_weights:
        weight.assign(weight + rng.uniform(0, 0.01, weight.shape))
    expected = predicted(network, name)
    network.save_weights(tmp_path / "a.weights.h5")
    again = build_model(*CASES[name])
    again.load_weights(tmp_path / "a.weights.h5")
    for output, values in predicted(again, name).items():
        np.testing.assert_array_equal(values, expected[output])


@pytest.mark.parametrize("name", EVERY_CASE)
def test_a_step_down_the_gradient_lowers_the_loss(name, networks):
    """Of 5 % of the loss to first order; the random layers' draws are those of the step."""
    network = networks(name)
    draws = [weight for weight in network.variables if "seed" in weight.path]
    before = [np.asarray(weight) for weight in draws]
    inputs = some_inputs(CASES[name][1])

    def loss():
        for weight, value in zip(draws, before, strict=True):
            weight.assign(value)
        outputs = network(inputs, training=True)
        truth = np.array([[0.0], [1.0]], np.float32)
        entropy = keras.ops.binary_crossentropy(truth, outputs["logit"], from_logits=True)
        others = [value for key, value in outputs.items() if key not in ("logit", "weights")]
        return sum((keras.ops.mean(keras.ops.square(v)) for v in others), keras.ops.mean(entropy))

    with tf.GradientTape() as tape:
        first = loss()
    weights = network.trainable_variables
    gradients = tape.gradient(first, [weight.value for weight in weights])
    assert all(gradient is not None for gradient in gradients)
    step = 0.05 * first / sum(tf.reduce_sum(tf.square(gradient)) for gradient in gradients)
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(step * gradient)
    assert float(loss()) < float(first)


@pytest.mark.parametrize("name", slow_where(lambda name: "3D" in name))
def test_in_mixed_precision_it_stays_finite(name):
    """Compiled in 3D: on CPUs TensorFlow has no pooling of half precision in 3D but XLA's."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = build_model(*CASES[name])
        for training in (False, True):
            answer = partial(network, training=training)
            answer = tf.function(answer, jit_compile=True) if "3D" in name else answer
            outputs = answer(some_inputs(CASES[name][1]))
            assert outputs["logit"].dtype == "float16"
            assert all(np.isfinite(value).all() for value in outputs.values())
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_exported_it_answers_as_keras_does(name, networks):
    assert export_difference(networks(name), name) <= LARGEST_DIFFERENCE


@pytest.mark.slow
def test_on_jax_it_answers_as_on_tensorflow(networks):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    differences = jax_differences({name: networks(name) for name in CASES})
    assert {n: d for n, d in differences.items() if d > LARGEST_DIFFERENCE} == {}
