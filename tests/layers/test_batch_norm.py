"""The fused batch normalization is Keras' own: output, gradients, averages, names, options."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.batch_norm import FusedBatchNormalization

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def pair(features, **options):
    """Ours and Keras' own with the same weights of some size."""
    layers = FusedBatchNormalization(**options), keras.layers.BatchNormalization(**options)
    rng = np.random.default_rng(2)
    for layer in layers:
        layer.build(features.shape)
    values = [rng.uniform(0.5, 2, weight.shape) for weight in layers[0].weights]
    for layer in layers:
        layer.set_weights(values)
    return layers


def step(layer, features, training=True):
    """Output, and gradients by the input and each weight, of a loss that no symmetry makes 0."""
    x = tf.Variable(features)
    direction = np.random.default_rng(7).normal(size=features.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        y = layer(x, training=training)
        loss = tf.reduce_sum(y * direction)
    wanted = [x, *(weight.value for weight in layer.trainable_weights)]
    return np.asarray(y), [np.asarray(gradient) for gradient in tape.gradient(loss, wanted)]


def assert_the_same(ours, keras_own, features):
    for training in (True, True, False):
        (mine, my_gradients), (theirs, their_gradients) = (
            step(layer, features, training) for layer in (ours, keras_own)
        )
        assert_allclose(mine, theirs, **CLOSE)
        for a, b in zip(my_gradients, their_gradients, strict=True):
            assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(b).max()))
    for a, b in zip(ours.weights, keras_own.weights, strict=True):
        assert_allclose(np.asarray(a), np.asarray(b), **CLOSE)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.8, "epsilon": 0.1}])
def test_it_equals_keras_own_in_output_gradients_and_averages(features, options):
    assert_the_same(*pair(features, **options), features)


def test_the_kernel_is_used_in_training_and_only_there(features, monkeypatch):
    calls = []
    fused = tf.compat.v1.nn.fused_batch_norm
    monkeypatch.setattr(
        tf.compat.v1.nn, "fused_batch_norm", lambda *a, **k: calls.append(1) or fused(*a, **k)
    )
    layer, _ = pair(features)
    layer(features, training=False)
    assert not calls
    layer(features, training=True)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "options", [{"center": False}, {"scale": False}, {"axis": 1}], ids=lambda o: next(iter(o))
)
def test_what_the_kernel_does_not_do_is_keras_own(features, options):
    assert_the_same(*pair(features, **options), features)


def test_features_without_space_are_keras_own():
    features = np.random.default_rng(0).normal(2, 3, (8, 5)).astype(np.float32)
    assert_the_same(*pair(features), features)


def test_a_layer_that_is_not_trained_neither_normalizes_by_the_batch_nor_moves(features):
    ours, keras_own = pair(features)
    before = ours.get_weights()
    ours.trainable = keras_own.trainable = False
    assert_allclose(
        np.asarray(ours(features, training=True)),
        np.asarray(keras_own(features, training=True)),
        **CLOSE,
    )
    for a, b in zip(before, ours.get_weights(), strict=True):
        assert_array_equal(a, b)


def test_half_precision_is_keras_own(features, precision):
    with precision("mixed_float16"):
        ours, keras_own = pair(features)
        mine, theirs = (
            np.asarray(layer(features.astype(np.float16), training=True))
            for layer in (ours, keras_own)
        )
    assert mine.dtype == np.float16
    assert_array_equal(mine, theirs)


def test_the_weights_have_keras_names_and_places(features):
    ours, keras_own = pair(features, name="norm")
    assert [weight.path for weight in ours.weights] == [weight.path for weight in keras_own.weights]
    assert [weight.name for weight in ours.trainable_weights] == ["gamma", "beta"]
    again = FusedBatchNormalization.from_config(keras_own.get_config())
    assert again.get_config() == keras_own.get_config()
    again.build(features.shape)
    again.set_weights(keras_own.get_weights())
    assert_array_equal(np.asarray(again(features)), np.asarray(ours(features)))


def test_it_is_the_same_inside_a_graph(features):
    ours, keras_own = pair(features)
    inputs = keras.Input(features.shape[1:])
    mine, theirs = (
        np.asarray(tf.function(keras.Model(inputs, layer(inputs)))(features, training=True))
        for layer in (ours, keras_own)
    )
    assert_allclose(mine, theirs, **CLOSE)
    assert_allclose(
        np.asarray(ours.moving_variance), np.asarray(keras_own.moving_variance), **CLOSE
    )
