"""One battery over GLOBAL_POOLINGS, and each against loops in NumPy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.global_poolings import GLOBAL_POOLINGS

NAMES = sorted(GLOBAL_POOLINGS)
PYRAMID = {2: 1 + 4 + 16, 3: 1 + 8 + 64}
"""Cells by the dimensions."""


def pooled(name, features, **options):
    return np.asarray(GLOBAL_POOLINGS[name](features.ndim - 2, **options)(features))


def cells(features, n):
    """Each cell's voxels (batch, voxels, channels), as adaptive pooling cuts them."""
    sizes = features.shape[1:-1]
    for numbers in itertools.product(range(n), repeat=len(sizes)):
        ranges = [
            range(math.floor(i * size / n), math.ceil((i + 1) * size / n))
            for i, size in zip(numbers, sizes, strict=True)
        ]
        places = list(itertools.product(*ranges))
        yield np.stack([features[(slice(None), *place)] for place in places], axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_global_pooling_gives_its_values_and_is_rebuilt(name, features):
    dimensions, channels = features.ndim - 2, features.shape[-1]
    layer = GLOBAL_POOLINGS[name](dimensions, name="pool")
    y = np.asarray(layer(features))
    values = {"average_and_max": 2, "pyramid": PYRAMID[dimensions]}.get(name, 1) * channels
    assert layer.name == "pool"
    assert y.shape == (len(features), values) == layer.compute_output_shape(features.shape)
    again = type(layer).from_config(layer.get_config())
    again.build(features.shape)
    again.set_weights(layer.get_weights())
    assert again.get_config() == layer.get_config()
    assert_array_equal(np.asarray(again(features)), y)


@pytest.mark.parametrize("name", NAMES)
def test_a_global_pooling_is_finite_in_half_precision_and_has_finite_gradients(
    name, features, precision, gradients
):
    layer = GLOBAL_POOLINGS[name](features.ndim - 2)
    layer.build(features.shape)
    features[0] = 0.0
    assert all(np.isfinite(gradient).all() for gradient in gradients(layer, features))
    with precision("mixed_float16"):
        y = pooled(name, features * 1000)
    assert y.dtype == np.float16
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", NAMES)
def test_of_a_constant_map_every_value_is_the_constant(name, features):
    constant = np.full_like(features, 2.5)
    assert_allclose(pooled(name, constant), 2.5, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    size=st.lists(st.integers(3, 9), min_size=2, max_size=3).map(tuple),
    levels=st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True),
    reduce=st.sampled_from(["max", "average"]),
    seed=st.integers(0, 999),
)
def test_the_pyramid_is_that_of_loops_over_cells(size, levels, reduce, seed):
    features = np.random.default_rng(seed).normal(size=(2, *size, 3)).astype(np.float32)
    reduction = {"max": np.max, "average": np.mean}[reduce]
    expected = [reduction(cell, axis=1) for n in levels for cell in cells(features, n)]
    y = pooled("pyramid", features, levels=levels, reduce=reduce)
    assert_allclose(y, np.concatenate(expected, axis=1), atol=1e-6)


@pytest.mark.parametrize("size", [(4, 4), (7, 12), (4, 5, 6), (16, 8, 11)])
def test_the_pyramid_of_a_map_of_any_size_has_the_same_length(size):
    features = np.zeros((1, *size, 2), np.float32)
    assert pooled("pyramid", features).shape == (1, 2 * PYRAMID[len(size)])


def test_a_level_alone_is_global_pooling(features):
    assert_array_equal(pooled("pyramid", features, levels=[1]), pooled("max", features))
    assert_allclose(
        pooled("pyramid", features, levels=[1], reduce="average"),
        pooled("average", features),
        atol=1e-6,
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), power=st.floats(1, 30), dimensions=st.sampled_from([2, 3]))
def test_the_general_mean_is_its_formula_and_lies_between_mean_and_maximum(seed, power, dimensions):
    size = (3, 4, 5)[:dimensions]
    features = np.random.default_rng(seed).exponential(2, (2, *size, 3)).astype(np.float32)
    flat = features.reshape(2, -1, 3).astype(np.float64)
    y = pooled("general_mean", features, power=power)
    assert_allclose(y, np.mean(flat**power, axis=1) ** (1 / power), rtol=1e-4)
    assert (y >= flat.mean(1) * (1 - 1e-5)).all()
    assert (y <= flat.max(1) * (1 + 1e-5)).all()


def test_the_power_is_learned_within_its_bounds_unless_it_is_fixed(features, gradients):
    learned, fixed = (GLOBAL_POOLINGS["general_mean"](2, learned=is_on) for is_on in (True, False))
    positive = np.abs(features)
    for layer in (learned, fixed):
        layer.build(positive.shape)
    assert [weight.name for weight in learned.trainable_weights] == ["p"]
    assert not fixed.weights
    assert gradients(learned, positive)[1] != 0
    assert_array_equal(np.asarray(learned(positive)), np.asarray(fixed(positive)))
    assert [float(learned.p.constraint(np.float32(p))) for p in (0.2, 5, 99)] == [1, 5, 64]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 20))
def test_top_k_is_the_mean_of_the_k_largest(seed, k):
    features = np.random.default_rng(seed).normal(size=(2, 4, 5, 3)).astype(np.float32)
    largest = np.sort(features.reshape(2, -1, 3), axis=1)[:, -k:]
    assert_allclose(pooled("top_k", features, k=k), largest.mean(1), atol=1e-6)
    if k < 20:
        share = pooled("top_k", features, k=k / 20)
        assert_allclose(share, largest.mean(1), atol=1e-6)


def test_average_and_max_stand_side_by_side(features):
    both = pooled("average_and_max", features)
    apart = [pooled(name, features) for name in ("average", "max")]
    assert_allclose(both, np.concatenate(apart, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("pyramid", {"levels": ()}, "a list such as"),
        ("pyramid", {"levels": "124"}, "a list such as"),
        ("pyramid", {"levels": 4}, "a list such as"),
        ("pyramid", {"levels": (0, 2)}, "whole numbers from 1"),
        ("pyramid", {"levels": (True, 2)}, "whole numbers from 1"),
        ("pyramid", {"levels": (2, 2)}, "each once"),
        ("pyramid", {"reduce": "min"}, "max or average"),
        ("general_mean", {"power": 0.5}, "expected 1 to 64"),
        ("top_k", {"k": 0}, "a whole number from 1, or a share"),
        ("top_k", {"k": 2.5}, "a whole number from 1, or a share"),
    ],
)
def test_an_option_that_cannot_be_is_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        GLOBAL_POOLINGS[name](2, **options)


def test_a_map_too_small_for_the_options_is_refused():
    small = np.zeros((1, 3, 9, 2), np.float32)
    with pytest.raises(ValueError, match=r"has \[3, 9\] voxels; expected at least 4"):
        GLOBAL_POOLINGS["pyramid"](2)(small)
    with pytest.raises(ValueError, match="the map has 27 voxels"):
        GLOBAL_POOLINGS["top_k"](2, k=28)(small)
