"""Augmentation does nothing when off, keeps values where it only moves them, and is a function
of its generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation import augment, draw_offset

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


@given(shapes, st.integers(0, 99))
def test_off_is_the_same_object(shape, seed):
    crop = crop_of(shape)
    assert augment(crop, OFF, np.random.default_rng(seed)) is crop
    assert draw_offset(OFF, len(shape), np.random.default_rng(seed)) == (0,) * len(shape)


@settings(deadline=None)
@given(shapes, st.integers(0, 999), st.booleans(), st.booleans())
def test_flips_and_turns_move_values_and_keep_them_all(shape, seed, flips, turns):
    crop = crop_of(shape)
    before = crop.copy()
    moved = augment(
        crop, AugmentationConfig(flips=flips, quarter_turns=turns), np.random.default_rng(seed)
    )
    assert moved.shape == shape
    assert moved.dtype == np.int16
    assert_array_equal(np.sort(moved, axis=None), np.sort(crop, axis=None))
    assert_array_equal(crop, before)


@pytest.mark.parametrize(
    ("shape", "symmetries"), [((4, 4), 8), ((4, 4, 4), 48), ((4, 5, 5), 16), ((3, 4, 5), 8)]
)
def test_flips_and_turns_reach_every_symmetry_of_the_grid_alike(shape, symmetries):
    both = AugmentationConfig(flips=True, quarter_turns=True)
    rng = np.random.default_rng(1)
    seen: dict[bytes, int] = {}
    for _ in range(symmetries * 40):
        key = augment(crop_of(shape), both, rng).tobytes()
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == symmetries
    assert min(seen.values()) > 12


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(0, 999))
def test_the_generator_decides_everything(shape, seed):
    first, second = (augment(crop_of(shape), ALL, np.random.default_rng(seed)) for _ in range(2))
    assert_array_equal(first, second)
    assert first.shape == shape
    assert first.dtype == np.int16
    assert (augment(crop_of(shape), ALL, np.random.default_rng(seed + 1)) != first).any()


def test_offsets_cover_the_range_and_no_more():
    rng = np.random.default_rng(0)
    steps = {
        step for _ in range(200) for step in draw_offset(AugmentationConfig(shift_voxels=2), 3, rng)
    }
    assert steps == {-2, -1, 0, 1, 2}


def test_a_turn_keeps_the_middle_and_constant_crops():
    only_turn = AugmentationConfig(rotate_degrees=180, scale=0.3)
    crop = np.full((3, 9, 9), -700, np.int16)
    crop[:, 4, 4] = 300
    for seed in range(5):
        turned = augment(crop, only_turn, np.random.default_rng(seed))
        assert (turned[:, 4, 4] == 300).all()
    flat = np.full((9, 9), -700, np.int16)
    assert_array_equal(augment(flat, only_turn, np.random.default_rng(0)), flat)


def test_noise_has_the_deviation_asked_for_and_never_wraps_round():
    crop = np.zeros((40, 40, 40), np.int16)
    noisy = augment(crop, AugmentationConfig(noise_hu=25), np.random.default_rng(0))
    assert abs(noisy.std() - 25) < 0.5
    assert abs(noisy.mean()) < 0.5
    shifted = augment(crop, AugmentationConfig(shift_hu=25), np.random.default_rng(0))
    assert len(np.unique(shifted)) == 1
    extreme = np.array([[32767, -32768]] * 2, np.int16)
    bounded = augment(extreme, AugmentationConfig(shift_hu=500), np.random.default_rng(3))
    assert (bounded[:, 0] > 30000).all()
    assert (bounded[:, 1] < -30000).all()
