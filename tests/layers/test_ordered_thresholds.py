"""Thresholds are in order whatever is learned, and the ratings' probabilities are their law's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lungnet.layers.ordered_thresholds import OrderedThresholds

SCORES = np.linspace(-9, 9, 13, dtype=np.float32)[:, None]


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, np.float64)))


def made(ratings=5, bias=None):
    layer = OrderedThresholds(ratings)
    layer.build((None, 1))
    if bias is not None:
        layer.bias.assign(np.asarray(bias, np.float32))
    return layer


@settings(max_examples=30, deadline=None)
@given(bias=st.lists(st.floats(-8, 8), min_size=4, max_size=4))
def test_whatever_is_learned_thresholds_rise_and_probabilities_are_their_differences(bias):
    layer = made(bias=bias)
    thresholds = np.asarray(layer.thresholds(), np.float64)
    assert (np.diff(thresholds) > 0).all()
    log_odds, log_probabilities = (np.asarray(y, np.float64) for y in layer(SCORES))
    assert_allclose(log_odds, SCORES - thresholds, atol=1e-5)
    above = np.hstack([np.ones_like(SCORES), sigmoid(SCORES - thresholds), 0 * SCORES])
    assert_allclose(np.exp(log_probabilities), -np.diff(above, axis=1), atol=1e-5)
    assert_allclose(np.exp(log_probabilities).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("ratings", [2, 3, 5])
def test_untrained_a_score_of_0_makes_all_ratings_alike_probable(ratings):
    layer = made(ratings)
    log_odds, log_probabilities = layer(np.zeros((1, 1), np.float32))
    assert_allclose(np.exp(log_probabilities), 1 / ratings, atol=1e-6)
    assert log_odds.shape == (1, ratings - 1)
    again = OrderedThresholds.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_a_higher_score_moves_the_mean_rating_up():
    _, log_probabilities = made()(SCORES)
    means = np.exp(log_probabilities) @ np.arange(1, 6)
    assert (np.diff(means) > 0).all()


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_logarithms_and_gradients_are_finite_far_out(scale, gradients):
    layer = made(bias=[0.0, -20.0, 3.0, 50.0])
    assert all(np.isfinite(np.asarray(y)).all() for y in layer(SCORES * scale))
    assert all(np.isfinite(gradient).all() for gradient in gradients(layer, SCORES * scale))


def test_one_rating_is_none():
    with pytest.raises(ValueError, match="expected 2 or more"):
        OrderedThresholds(1)
