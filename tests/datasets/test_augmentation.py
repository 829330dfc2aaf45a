"""Augmentation does nothing when off, keeps values where it only moves them, and is a function
of its generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation import change_hu, draw_symmetry
from lungnet.datasets.view import draw_view, turn_slices

OFF = AugmentationConfig()
ALL = AugmentationConfig(
    flips=True,
    quarter_turns=True,
    shift_voxels=2,
    rotate_degrees=30,
    scale=0.2,
    shift_hu=20,
    noise_hu=10,
)
shapes = st.sampled_from([(6, 6), (5, 7), (4, 4, 4), (4, 5, 5), (3, 4, 5), (6, 5, 6)])


def crop_of(shape):
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape) - 50


def augmented(crop, config, rng):
    """All that happens to a crop after it was cut, in its order."""
    turned = turn_slices(crop, draw_view(config, crop.ndim, rng))
    return change_hu(draw_symmetry(config, crop.shape, rng)(turned), config, rng)


@given(shapes, st.integers(0, 99))
def test_off_is_the_same_object(shape, seed):
    crop = crop_of(shape)
    rng = np.random.default_rng(seed)
    assert draw_symmetry(OFF, shape, rng)(crop) is crop
    assert change_hu(crop, OFF, rng) is crop
    assert augmented(crop, OFF, rng) is crop


@settings(deadline=None)
@given(shapes, st.integers(0, 999), st.booleans(), st.booleans())
def test_flips_and_turns_move_values_and_keep_them_all(shape, seed, flips, turns):
    crop = crop_of(shape)
    before = crop.copy()
    config = AugmentationConfig(flips=flips, quarter_turns=turns)
    moved = draw_symmetry(config, shape, np.random.default_rng(seed))(crop)
    assert moved.shape == shape
    assert moved.dtype == np.int16
    assert_array_equal(np.sort(moved, axis=None), np.sort(crop, axis=None))
    assert_array_equal(crop, before)


@given(shapes, st.integers(0, 999))
def test_an_image_and_its_outline_move_together(shape, seed):
    symmetry = draw_symmetry(ALL, shape, np.random.default_rng(seed))
    crop = crop_of(shape)
    assert_array_equal(symmetry(crop > 0), symmetry(crop) > 0)


@pytest.mark.parametrize(
    ("shape", "symmetries"), [((4, 4), 8), ((4, 4, 4), 48), ((4, 5, 5), 16), ((3, 4, 5), 8)]
)
def test_flips_and_turns_reach_every_symmetry_of_the_grid_alike(shape, symmetries):
    both = AugmentationConfig(flips=True, quarter_turns=True)
    rng = np.random.default_rng(1)
    seen: dict[bytes, int] = {}
    for _ in range(symmetries * 40):
        key = draw_symmetry(both, shape, rng)(crop_of(shape)).tobytes()
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == symmetries
    assert min(seen.values()) > 12


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(0, 999))
def test_the_generator_decides_everything(shape, seed):
    first, second = (augmented(crop_of(shape), ALL, np.random.default_rng(seed)) for _ in range(2))
    assert_array_equal(first, second)
    assert first.shape == shape
    assert first.dtype == np.int16
    assert (augmented(crop_of(shape), ALL, np.random.default_rng(seed + 1)) != first).any()


def test_noise_has_the_deviation_asked_for_and_never_wraps_round():
    crop = np.zeros((40, 40, 40), np.int16)
    noisy = change_hu(crop, AugmentationConfig(noise_hu=25), np.random.default_rng(0))
    assert abs(noisy.std() - 25) < 0.5
    assert abs(noisy.mean()) < 0.5
    shifted = change_hu(crop, AugmentationConfig(shift_hu=25), np.random.default_rng(0))
    assert len(np.unique(shifted)) == 1
    extreme = np.array([[32767, -32768]] * 2, np.int16)
    bounded = change_hu(extreme, AugmentationConfig(shift_hu=500), np.random.default_rng(3))
    assert (bounded[:, 0] > 30000).all()
    assert (bounded[:, 1] < -30000).all()
