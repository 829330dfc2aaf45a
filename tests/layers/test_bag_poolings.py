"""One battery over BAG_POOLINGS, and each against its formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.bag_poolings import BAG_POOLINGS

NAMES = sorted(BAG_POOLINGS)
BAGS, CANDIDATES, CHANNELS = 3, 5, 4
SHAPES = (BAGS, CANDIDATES, CHANNELS), (BAGS, CANDIDATES)
POSITIONS = np.random.default_rng(8).normal(0, 60, (BAGS, CANDIDATES, 3)).astype(np.float32)
"""Millimetres, for those that look at them."""


@pytest.fixture(scope="module")
def layers():
    """Each layer, built, with weights of some size."""
    made = {}
    for name, build in BAG_POOLINGS.items():
        layer = build()
        layer.build(*SHAPES)
        rng = np.random.default_rng(4)
        layer.set_weights(
            [rng.normal(0, 1, weight.shape).astype(np.float32) for weight in layer.get_weights()]
        )
        made[name] = layer
    return made


def bags(seed, scale=1.0):
    """Features, and who is present: the last bag always is empty."""
    rng = np.random.default_rng(seed)
    features = (scale * rng.normal(size=SHAPES[0])).astype(np.float32)
    present = (rng.random(SHAPES[1]) < 0.6).astype(np.float32)
    present[0, 0] = 1
    present[-1] = 0
    return features, present


def places(layer, positions=POSITIONS):
    """What the layer takes beside features and presence."""
    return [positions] if getattr(layer, "takes_positions", False) else []


def run(layer, features, present, positions=POSITIONS):
    logit, weights = layer(features, present, *places(layer, positions))
    return np.asarray(logit, np.float64), np.asarray(weights, np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_a_bag_pooling_gives_a_logit_and_a_weight_for_each_candidate_and_is_rebuilt(name, layers):
    features, present = bags(0)
    logit, weights = run(layers[name], features, present)
    assert logit.shape == (BAGS, 1)
    assert weights.shape == (BAGS, CANDIDATES)
    again = type(layers[name]).from_config(layers[name].get_config())
    again.build(*SHAPES)
    again.set_weights(layers[name].get_weights())
    for mine, theirs in zip((logit, weights), run(again, features, present), strict=True):
        assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_bag_has_a_finite_logit_that_the_features_do_not_move(name, layers):
    features, present = bags(1)
    logit, weights = run(layers[name], features, present)
    other, _ = run(layers[name], features * 9, present)
    assert np.isfinite(logit).all()
    assert logit[-1] == other[-1]
    assert not weights[-1].any()
    expected = layers[name].leak if name == "noisy_or" else layers[name].score.bias
    assert_allclose(logit[-1], np.asarray(expected), atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 999), order=st.permutations(range(CANDIDATES)), name=st.sampled_from(NAMES)
)
def test_the_order_of_candidates_does_not_matter(layers, seed, order, name):
    features, present = bags(seed)
    logit, weights = run(layers[name], features, present)
    moved, moved_weights = run(
        layers[name], features[:, order], present[:, order], POSITIONS[:, order]
    )
    assert_allclose(moved, logit, rtol=1e-5, atol=1e-5)
    assert_allclose(moved_weights, weights[:, order], atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), filling=st.floats(-1e3, 1e3), name=st.sampled_from(NAMES))
def test_absent_candidates_have_no_influence(layers, seed, filling, name):
    features, present = bags(seed)
    logit, weights = run(layers[name], features, present)
    filled = np.where(present[..., None] > 0, features, np.float32(filling))
    moved = np.where(present[..., None] > 0, POSITIONS, np.float32(filling))
    other, other_weights = run(layers[name], filled, present, moved)
    assert_allclose(other, logit, rtol=1e-5, atol=1e-5)
    assert_allclose(other_weights, weights, atol=1e-6)
    assert not weights[present == 0].any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), name=st.sampled_from(NAMES))
def test_weights_are_shares(layers, seed, name):
    features, present = bags(seed)
    _, weights = run(layers[name], features, present)
    assert (weights >= 0).all()
    total = weights[present.any(1)].sum(1)
    if name == "noisy_or":  # the rest is the leak's
        assert (total < 1).all()
    else:
        assert_allclose(total, 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_bag_pooling_has_finite_gradients_for_empty_and_extreme_bags(
    name, scale, layers, gradients
):
    features, present = bags(2, scale)
    found = gradients(layers[name], features, present, *places(layers[name]))
    assert all(np.isfinite(gradient).all() for gradient in found)
    assert not found[0][-1].any()


@pytest.mark.parametrize("name", NAMES)
def test_a_bag_pooling_is_finite_in_half_precision(name, precision):
    features, present = bags(3)
    with precision("mixed_float16"):
        layer = BAG_POOLINGS[name]()
        logit, weights = run(layer, features.astype(np.float16), present)
    assert np.isfinite(logit).all()
    assert np.isfinite(weights).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_noisy_or_is_its_product_form(layers, seed):
    layer = layers["noisy_or"]
    features, present = bags(seed)
    kernel, bias, leak = (
        np.asarray(w, np.float64) for w in (layer.score.kernel, layer.score.bias, layer.leak)
    )
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    p = sigmoid((features.astype(np.float64) @ kernel)[..., 0] + bias) * present
    whole = 1 - (1 - sigmoid(leak)) * np.prod(1 - p, axis=1)
    logit, weights = run(layer, features, present)
    assert_allclose(sigmoid(logit[:, 0]), whole, rtol=1e-5)
    evidence = -np.log1p(-p)
    assert_allclose(
        weights, evidence / (evidence.sum(1, keepdims=True) - np.log1p(-sigmoid(leak))), atol=1e-5
    )


def test_noisy_or_neither_overflows_nor_underflows(layers):
    layer = BAG_POOLINGS["noisy_or"]()
    layer.build((1, 2, 1), (1, 2))
    for value in (-60.0, -20.0, 0.0, 60.0, 1e4):
        layer.score.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
        layer.leak.assign([-60.0])
        logit, weights = run(
            layer, np.full((1, 2, 1), value, np.float32), np.ones((1, 2), np.float32)
        )
        assert np.isfinite(logit).all()
        assert np.isfinite(weights).all()


def test_max_is_the_score_of_the_best_and_mean_that_of_all(layers):
    features, present = bags(5)
    for name, pool in (("max", np.max), ("mean", np.mean)):
        layer = layers[name]
        scores = np.asarray(layer.score(features), np.float64)[..., 0]
        logit, _ = run(layer, features, present)
        for bag in range(BAGS - 1):
            assert_allclose(logit[bag, 0], pool(scores[bag][present[bag] > 0]), atol=1e-5)


def test_attention_weighs_by_the_gated_softmax(layers):
    layer = layers["attention"]
    features, present = bags(6)
    h = features.astype(np.float64)
    gate = 1 / (1 + np.exp(-(h @ layer.gate.kernel.numpy() + layer.gate.bias.numpy())))
    energy = (
        (np.tanh(h @ layer.value.kernel.numpy() + layer.value.bias.numpy()) * gate)
        @ layer.attention.kernel.numpy()
    )[..., 0]
    share = np.exp(energy) * present
    share /= np.maximum(share.sum(1, keepdims=True), 1e-300)
    logit, weights = run(layer, features, present)
    assert_allclose(weights, share, atol=1e-5)
    pooled = (h * share[..., None]).sum(1)
    assert_allclose(
        logit, pooled @ layer.score.kernel.numpy() + layer.score.bias.numpy(), atol=1e-4
    )


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_top_k_is_the_mean_of_the_k_highest_scores_and_weighs_them_alike(layers, k):
    layer = BAG_POOLINGS["top_k"](k=k)
    layer.build(*SHAPES)
    layer.set_weights(layers["top_k"].get_weights())
    features, present = bags(7)
    scores = np.asarray(layer.score(features), np.float64)[..., 0]
    logit, weights = run(layer, features, present)
    for bag in range(BAGS - 1):
        highest = np.sort(scores[bag][present[bag] > 0])[-k:]
        assert_allclose(logit[bag, 0], highest.mean(), atol=1e-5)
        assert_allclose(weights[bag][weights[bag] > 0], 1 / len(highest), rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), sharpness=st.floats(0.1, 50))
def test_log_mean_exp_is_its_formula_and_lies_between_mean_and_maximum(layers, seed, sharpness):
    layer = BAG_POOLINGS["log_mean_exp"](sharpness=sharpness)
    layer.build(*SHAPES)
    layer.set_weights(layers["log_mean_exp"].get_weights())
    features, present = bags(seed)
    scores = np.asarray(layer.score(features), np.float64)[..., 0]
    logit, weights = run(layer, features, present)
    for bag in np.flatnonzero(present.any(1)):
        those = scores[bag][present[bag] > 0]
        highest = those.max()
        powers = np.exp(sharpness * (those - highest))
        assert_allclose(logit[bag, 0], highest + np.log(powers.mean()) / sharpness, atol=1e-4)
        assert those.mean() - 1e-4 <= logit[bag, 0] <= highest + 1e-4
        assert_allclose(weights[bag][present[bag] > 0], powers / powers.sum(), atol=1e-4)


def test_self_attention_looks_at_positions_and_a_candidate_twice_is_the_same(layers):
    layer = layers["self_attention"]
    features, present = bags(8)
    present[0] = 1
    logit, _ = run(layer, features, present)
    moved, _ = run(layer, features, present, POSITIONS + np.float32([40, 0, 0]))
    assert np.abs(moved - logit)[0] > 1e-3
    assert moved[-1] == logit[-1]
    # A candidate that is there twice says what it says alone.
    alone, pair = (np.zeros(SHAPES[1], np.float32) for _ in range(2))
    alone[:, 0], pair[:, :2] = 1, 1
    first, _ = run(layer, features, alone)
    twice = features.copy()
    twice[:, 1] = twice[:, 0]
    positions = POSITIONS.copy()
    positions[:, 1] = positions[:, 0]
    same, weights = run(layer, twice, pair, positions)
    assert_allclose(same, first, atol=1e-4)
    assert_allclose(weights[:, :2], 0.5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("top_k", {"k": 0}, "a whole number from 1"),
        ("top_k", {"k": 0.5}, "a whole number from 1"),
        ("log_mean_exp", {"sharpness": 0}, "above 0"),
        ("log_mean_exp", {"sharpness": 101}, "above 0 to 100"),
        ("self_attention", {"heads": 0}, "a whole number from 1"),
        ("self_attention", {"units": 30}, "a multiple of heads"),
    ],
)
def test_an_option_that_cannot_be_is_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        BAG_POOLINGS[name](**options)
