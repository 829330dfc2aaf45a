"""One battery over POOLINGS, each against loops in NumPy; the tutorial's claim of what is lost."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.poolings import POOLINGS
from lungnet.layers.sizes import pooling_size

SIZES = {2: (7, 8), 3: (5, 4, 6)}


def pooled(name, features, **options):
    layer = POOLINGS[name](dimensions=features.ndim - 2, channels=features.shape[-1], **options)
    return np.asarray(layer(features))


def windows(features, window, stride):
    """What each window holds of the map, as `same` padding places it: place, (batch, n, channels).

    TensorFlow's rule: what is missing at the ends is shared, the odd voxel at the far end.
    """
    ranges = []
    for length in features.shape[1:-1]:
        count = -(-length // stride)
        before = max(0, (count - 1) * stride + window - length) // 2
        starts = [number * stride - before for number in range(count)]
        ranges.append([range(max(0, s), min(length, s + window)) for s in starts])
    for place in itertools.product(*(range(len(axis)) for axis in ranges)):
        voxels = itertools.product(*(axis[i] for axis, i in zip(ranges, place, strict=True)))
        yield place, np.stack([features[(slice(None), *voxel)] for voxel in voxels], axis=1)


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_a_pooling_halves_each_axis_upward_and_is_rebuilt(name, features):
    layer = POOLINGS[name](features.ndim - 2, features.shape[-1])
    y = np.asarray(layer(features))
    space = features.shape[1:-1]
    assert y.shape == (
        len(features),
        *(space if name == "none" else [-(-n // 2) for n in space]),
        features.shape[-1],
    )
    again = type(layer).from_config(layer.get_config())
    again.build(features.shape)
    again.set_weights(layer.get_weights())
    assert_array_equal(np.asarray(again(features)), y)


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_a_pooling_is_finite_in_half_precision_and_has_finite_gradients(
    name, features, precision, gradients
):
    layer = POOLINGS[name](features.ndim - 2, features.shape[-1])
    layer.build(features.shape)
    assert all(np.isfinite(gradient).all() for gradient in gradients(layer, features))
    # TensorFlow pools float16 volumes on GPUs only; its other half precision stands in for it.
    with precision("mixed_float16" if features.ndim == 4 else "mixed_bfloat16"):
        pooled = POOLINGS[name](features.ndim - 2, features.shape[-1])(features * 1000)
        assert np.isfinite(np.asarray(pooled, np.float32)).all()


def test_max_and_average_are_those_of_each_block(features):
    space = features.ndim - 2
    even = features[(slice(None), *[slice(0, 2 * (n // 2)) for n in features.shape[1:-1]])]
    shape = [len(even)]
    for n in even.shape[1:-1]:
        shape += [n // 2, 2]
    blocks = even.reshape(*shape, even.shape[-1])
    axes = tuple(range(2, 2 + 2 * space, 2))
    assert_array_equal(np.asarray(POOLINGS["max"](space, 16)(even)), blocks.max(axes))
    assert_allclose(np.asarray(POOLINGS["average"](space, 16)(even)), blocks.mean(axes), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["max", "average", "general_mean"]),
    dimensions=st.sampled_from([2, 3]),
    window=st.integers(1, 4),
    stride=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_a_pooling_reduces_each_window_whatever_its_stride(name, dimensions, window, stride, seed):
    features = np.random.default_rng(seed).exponential(2, (2, *SIZES[dimensions], 3))
    features = features.astype(np.float32)
    reduction = {
        "max": lambda values: values.max(1),
        "average": lambda values: values.mean(1),
        "general_mean": lambda values: np.mean(values.astype(np.float64) ** 3, axis=1) ** (1 / 3),
    }[name]
    y = pooled(name, features, window=window, stride=stride)
    assert y.shape[1:-1] == tuple(pooling_size(n, stride) for n in SIZES[dimensions])
    for place, values in windows(features, window, stride):
        assert_allclose(y[(slice(None), *place)], reduction(values), rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    half=st.lists(st.integers(1, 5), min_size=2, max_size=3),
    channels=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_max_pooling_of_2_with_stride_2_discards_three_quarters_and_in_3d_seven_eighths(
    half, channels, seed
):
    """The tutorial's claim, exactly: each activation that is kept is one of its own window."""
    size = [2 * n for n in half]
    # All different, so that what is kept can be recognized.
    numbers = np.random.default_rng(seed).permutation(int(np.prod(size)) * channels)
    features = numbers.reshape(1, *size, channels).astype(np.float32)
    y = pooled("max", features)
    assert 1 - y.size / features.size == (0.75 if len(size) == 2 else 0.875)
    for place, values in windows(features, 2, 2):
        kept = y[(slice(None), *place)]
        assert (values == kept[:, None]).sum(axis=1).tolist() == [[1] * channels]
    assert len(np.unique(y)) == y.size


@settings(max_examples=15, deadline=None)
@given(window=st.integers(1, 3), stride=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_strided_pooling_is_its_windows_times_its_kernel(window, stride, seed):
    features = np.random.default_rng(seed).normal(size=(2, 6, 6, 3)).astype(np.float32)
    layer = POOLINGS["strided"](dimensions=2, channels=4, window=window, stride=stride)
    y = np.asarray(layer(features))
    kernel = np.asarray(layer.kernel)
    for place, values in windows(features, window, stride):
        if values.shape[1] == window**2:  # what lies beyond the map counts as zeros
            expected = np.einsum("bvc,vcd->bd", values, kernel.reshape(window**2, 3, 4))
            assert_allclose(y[(slice(None), *place)], expected, atol=1e-5)


def test_a_power_of_1_is_the_average_and_a_high_one_nearly_the_maximum(features):
    positive = np.abs(features)
    fixed = {"window": 3, "stride": 2, "learned": False}
    average = pooled("average", positive, window=3, stride=2)
    assert_allclose(pooled("general_mean", positive, power=1.0, **fixed), average, rtol=1e-5)
    maximum = pooled("max", positive, window=3, stride=2)
    assert_allclose(pooled("general_mean", positive, power=64.0, **fixed), maximum, rtol=0.06)


@pytest.mark.parametrize("name", sorted(set(POOLINGS) - {"none"}))
@pytest.mark.parametrize("option", ["window", "stride"])
@pytest.mark.parametrize("number", [0, -2, 17, 2.0, True, "two"])
def test_a_window_that_is_none_is_refused(name, option, number):
    with pytest.raises(ValueError, match=rf"{option} is .*; expected a whole number from 1 to 16"):
        POOLINGS[name](dimensions=2, channels=3, **{option: number})


def test_no_pooling_takes_no_options():
    with pytest.raises(TypeError):
        POOLINGS["none"](dimensions=2, channels=3, window=3)
