"""One battery over every row of every table of choices, in every dimension."""

import importlib.util
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import CASES, RECORD, some_inputs

from lungnet.models.build import build_model

LARGEST_DIFFERENCE = 1e-4
"""Between two programs' logits, as a share of the largest logit where that is above 1."""


def slow_where(is_slow):
    """The cases, some of them marked."""
    return [pytest.param(n, marks=pytest.mark.slow) if is_slow(n) else n for n in CASES]


# An activation looks at a number at a time, whatever the dimensions.
EVERY_CASE = slow_where(lambda name: name.startswith("activation") and "3D" in name)

JAX_LOGITS = """
import json, sys
from pathlib import Path
import keras
import numpy as np
from small_networks import CASES, some_inputs
from lungnet.models.build import build_model

assert keras.backend.backend() == "jax"
folder, logits = Path(sys.argv[1]), {}
for number, (name, case) in enumerate(CASES.items()):
    network = build_model(*case)
    network.load_weights(folder / f"{number}.weights.h5")
    inputs = some_inputs(case[1])
    logits[name] = np.asarray(network(inputs, training=False)["logit"]).tolist()
print(json.dumps(logits))
"""


@pytest.fixture(scope="module")
def networks():
    """The network of a case, built once."""
    built = {}

    def of(name):
        if name not in built:
            keras.utils.set_random_seed(1)
            built[name] = build_model(*CASES[name])
        return built[name]

    return of


def predicted(network, name):
    return network(some_inputs(CASES[name][1]), training=False)


def scaled_difference(found, expected):
    return np.abs(np.asarray(found) - expected).max() / max(1.0, np.abs(expected).max())


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
        np.testing.assert_array_equal(np.asarray(values), np.asarray(expected[output]))


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
    from lungnet.models.exported_network import compile_network
    from lungnet.training.bundling.export import exported

    network = networks(name)
    answer = compile_network(exported(network))(some_inputs(CASES[name][1]))
    for output, values in predicted(network, name).items():
        assert scaled_difference(answer[output], np.asarray(values)) <= LARGEST_DIFFERENCE


@pytest.mark.slow
def test_on_jax_it_answers_as_on_tensorflow(networks, tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    for number, name in enumerate(CASES):
        networks(name).save_weights(tmp_path / f"{number}.weights.h5")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", JAX_LOGITS, str(tmp_path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    logits = json.loads(done.stdout.splitlines()[-1])
    differences = {
        name: scaled_difference(logits[name], np.asarray(predicted(networks(name), name)["logit"]))
        for name in CASES
    }
    assert {n: d for n, d in differences.items() if d > LARGEST_DIFFERENCE} == {}
