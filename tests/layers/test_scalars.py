"""Numbers beside the image: standardized by the training rows, what is missing learned."""

import keras
import numpy as np
import openvino
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.scalars import StandardizedScalars

NAN = np.float32(np.nan)


def table(seed=0, n=40):
    """Lengths (above 0), ages with a gap each, and a column that is the same for everybody."""
    rng = np.random.default_rng(seed)
    values = np.stack([rng.lognormal(2, 0.5, n), rng.normal(60, 9, n), np.full(n, 3.0)], 1)
    values[rng.integers(n), 0] = values[rng.integers(n), 1] = np.nan
    return values.astype(np.float32)


def fitted(scalars, logarithmic=(True, False, False)):
    layer = StandardizedScalars(logarithmic)
    layer.build(scalars.shape)
    layer.fit_to(scalars)
    return layer


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999))
def test_training_rows_get_mean_0_and_deviation_1_and_others_the_same_formula(seed):
    scalars, others = table(seed), table(seed + 1)
    layer = fitted(scalars)
    z = np.asarray(layer(scalars), np.float64)[:, :3]
    z[np.isnan(scalars)] = np.nan
    assert_allclose(np.nanmean(z, 0), 0, atol=1e-4)
    assert_allclose(np.nanstd(z, 0), [1, 1, 0], atol=1e-4)
    logs = np.concatenate([np.log(scalars[:, :1]), scalars[:, 1:]], 1).astype(np.float64)
    expected = np.concatenate([np.log(others[:, :1]), others[:, 1:]], 1) - np.nanmean(logs, 0)
    expected /= np.array([*np.nanstd(logs[:, :2], 0), 1.0])
    missing = np.isnan(others)
    got = np.asarray(layer(others))
    assert_allclose(got[:, :3][~missing], expected[~missing], atol=1e-4)
    assert_array_equal(got[:, 3:], missing.astype(np.float32))
    assert not got[:, :3][missing].any()  # what is learned begins at the mean


def test_what_is_missing_is_learned_and_flagged():
    layer = fitted(table())
    layer.missing.assign([0.5, -2.0, 7.0])
    y = np.asarray(layer(np.full((2, 3), NAN)))
    assert_array_equal(y, [[0.5, -2.0, 7.0, 1, 1, 1]] * 2)


def test_a_column_that_nobody_has_is_left_as_it_is():
    scalars = table()
    scalars[:, 1] = np.nan
    layer = fitted(scalars)
    assert (float(layer.mean[1]), float(layer.deviation[1])) == (0.0, 1.0)
    assert np.isfinite(np.asarray(layer(scalars))).all()


def test_gradients_are_finite_and_only_the_missing_value_learns():
    scalars = table()[:8]
    scalars[0], scalars[1, 0] = np.nan, np.nan
    layer = fitted(table())
    assert [weight.name for weight in layer.trainable_weights] == ["missing"]
    x = tf.Variable(scalars)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x)[:, :3] * np.arange(1.0, 4.0, dtype=np.float32))
    by_input, by_missing = tape.gradient(loss, [x, layer.missing.value])
    assert np.isfinite(np.asarray(by_input)).all()
    missing = np.isnan(scalars)
    assert not np.asarray(by_input)[missing].any()
    assert np.asarray(by_input)[~missing].all()
    assert_allclose(np.asarray(by_missing), missing.sum(0) * [1, 2, 3])


def test_it_is_rebuilt_with_its_weights():
    scalars = table()
    layer = fitted(scalars)
    again = StandardizedScalars.from_config(layer.get_config())
    again.build(scalars.shape)
    again.set_weights(layer.get_weights())
    assert_array_equal(np.asarray(again(scalars)), np.asarray(layer(scalars)))
    assert again.compute_output_spec(scalars).shape == (40, 6)


@pytest.mark.parametrize("logarithmic", [(True, False, False), (False,) * 3, (True,) * 3])
def test_the_exported_network_knows_what_is_missing_too(tmp_path, logarithmic):
    scalars = table()
    scalars[3] = np.nan
    layer = fitted(scalars, logarithmic)
    layer.missing.assign([0.5, -2.0, 7.0])
    inputs = keras.Input((3,), name="scalars")
    network = keras.Model(inputs, layer(inputs))
    network.export(str(tmp_path / "network.xml"), format="openvino", verbose=False)
    core = openvino.Core()
    compiled = core.compile_model(
        tmp_path / "network.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    (exported,) = compiled(scalars).values()
    assert_allclose(exported, np.asarray(layer(scalars)), atol=1e-5)
