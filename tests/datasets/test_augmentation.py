"""Augmentation does nothing when off, keeps values where it only moves them, and is a function
of its generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation import (
    augment_crop,
    change_hu,
    cut_out,
    draw_symmetry,
    lose_detail,
)
from lungnet.datasets.view import View, draw_view
from lungnet.datasets.volume_view import in_view, size_to_cut
from lungnet.seeds import stream

OFF = AugmentationConfig()
OLDER = AugmentationConfig(
    flips=True,
    quarter_turns=True,
    shift_voxels=2,
    rotate_degrees=30,
    scale=0.2,
    shift_hu=20,
    noise_hu=10,
)
ALL = OLDER.model_copy(
    update={
        "elastic_voxels": 0.4,
        "blur_voxels": 1.0,
        "thick_slices": 3.0,
        "scale_hu": 0.1,
        "cut_out": 0.4,
    }
)
shapes = st.sampled_from([(6, 6), (5, 7), (4, 4, 4), (4, 5, 5), (3, 4, 5), (6, 5, 6)])


def crop_of(shape):
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape) - 50


def augmented(crop, config, rng):
    """All that happens to a crop that is cut from the middle of a larger one, in its order."""
    view = draw_view(config, crop.ndim, rng)
    box = size_to_cut(crop.shape, view)
    margin = [((wide - n) // 2,) * 2 for wide, n in zip(box, crop.shape, strict=True)]
    wider = np.pad(crop, margin, mode="edge") if np.any(margin) else crop
    return augment_crop(in_view(wider, crop.shape, view), config, rng)[0]


@settings(deadline=None)
@given(shapes, st.integers(0, 99))
def test_off_is_the_same_object_and_draws_nothing(shape, seed):
    crop = crop_of(shape)
    rng = np.random.default_rng(seed)
    before = rng.bit_generator.state
    assert draw_symmetry(OFF, shape, rng)(crop) is crop
    assert change_hu(crop, OFF, rng) is crop
    assert lose_detail(crop, OFF, rng) is crop
    assert cut_out(crop, OFF, rng) is crop
    assert augmented(crop, OFF, rng) is crop
    assert rng.bit_generator.state == before


def test_the_draws_of_older_configurations_stay_in_their_order():
    """Drawn before the newer settings were there: a run that is repeated meets them again."""
    rng = stream(5, "augmentation", 0, 1)
    view = draw_view(OLDER, 2, rng)
    assert view == View(
        (-1.9807895493461944, 2.027917805537164), 17.73376349667312, 1.0661637426239192
    )
    crop, _ = augment_crop(crop_of((4, 4)), OLDER, rng)
    assert crop.tolist() == [
        [-21, -43, -44, -45],
        [-25, -27, -33, -27],
        [-21, -38, -33, -32],
        [-32, -25, -59, -48],
    ]
    assert rng.random() == 0.7281234961331138


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


@settings(deadline=None)
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


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(0, 999))
def test_no_value_wraps_round_at_the_ends_of_int16(shape, seed):
    rng = np.random.default_rng(seed)
    crop = rng.choice(np.array([-32768, 32767], np.int16), shape)
    strong = AugmentationConfig(scale_hu=0.5, blur_voxels=2, thick_slices=2, cut_out=0.5)
    changed = augmented(crop, strong, rng)
    assert changed.dtype == np.int16
    for value in (-32768, 32767):
        flat = np.full(shape, value, np.int16)
        assert_array_equal(lose_detail(flat, strong, rng), flat)
        assert_array_equal(cut_out(flat, strong, rng), flat)
        assert (np.sign(augmented(flat, strong, rng)) == np.sign(value)).all()


def test_air_stays_air_and_tissue_moves_where_hu_are_scaled():
    crop = np.array([[-1000, 0], [1000, -500]], np.int16)
    config = AugmentationConfig(scale_hu=0.1)
    rng = np.random.default_rng(0)
    drawn = np.array([change_hu(crop, config, rng) for _ in range(300)])
    assert (drawn[:, 0, 0] == -1000).all()
    water = drawn[:, 0, 1]
    assert -100 <= water.min() < -95
    assert 95 < water.max() <= 100
    assert np.abs(drawn[:, 1, 0] - (2 * (water + 1000) - 1000)).max() <= 1


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(0, 999), st.floats(1.1, 6))
def test_thick_slices_keep_constants_and_almost_the_mean_and_lose_detail(shape, seed, voxels):
    rng = np.random.default_rng(seed)
    crop = rng.integers(-1000, 400, shape).astype(np.int16)
    thick = lose_detail(crop, AugmentationConfig(thick_slices=voxels), rng)
    assert thick.shape == shape
    assert abs(thick.mean() - crop.mean()) < 0.15 * crop.std()
    assert thick.std() < crop.std() + 1
    assert crop.min() <= thick.min()
    assert thick.max() <= crop.max()


def test_slices_of_whole_voxels_keep_the_mean_and_only_z_is_averaged():
    crop = np.random.default_rng(0).integers(-1000, 400, (12, 5, 7)).astype(np.int16)
    config = AugmentationConfig(thick_slices=16)

    class Thrice:
        """Draws slices of three voxels."""

        def uniform(self, low, high):
            assert (low, high) == (1, 16)
            return 3.0

    thick = lose_detail(crop, config, Thrice())
    np.testing.assert_allclose(thick.mean(0), crop.mean(0), atol=0.5)
    slices = crop.reshape(4, 3, 5, 7).mean(1)
    np.testing.assert_allclose(thick[1::3], slices, atol=0.51)


def test_a_blur_keeps_the_mean_and_takes_the_noise():
    crop = np.random.default_rng(0).normal(-700, 100, (30, 30, 30)).astype(np.int16)
    spreads = []
    for seed in range(20):
        blurred = lose_detail(crop, AugmentationConfig(blur_voxels=2), np.random.default_rng(seed))
        assert abs(blurred.mean() - crop.mean()) < 1
        spreads.append(blurred.std())
    assert min(spreads) < 15
    assert max(spreads) > 60


@settings(max_examples=50, deadline=None)
@given(shapes, st.integers(0, 999), st.floats(0.2, 0.5))
def test_a_box_is_hidden_behind_the_mean_and_the_rest_is_left_alone(shape, seed, share):
    crop = (crop_of(shape) * 7).astype(np.int16)
    before = crop.copy()
    hidden = cut_out(crop, AugmentationConfig(cut_out=share), np.random.default_rng(seed))
    assert_array_equal(crop, before)
    changed = np.argwhere(hidden != crop)
    if len(changed):
        assert (np.ptp(changed, 0) + 1 <= np.rint(share * np.array(shape))).all()
        box = tuple(slice(a, b + 1) for a, b in zip(changed.min(0), changed.max(0), strict=True))
        assert len(np.unique(hidden[box])) == 1
        assert abs(float(hidden[box].flat[0]) - crop.mean()) <= 0.5


def test_every_voxel_may_be_hidden():
    crop = crop_of((8, 9))
    config, rng = AugmentationConfig(cut_out=0.5), np.random.default_rng(0)
    crop[:] = np.where(np.indices((8, 9)).sum(0) % 2, 500, -500)
    hidden = np.mean([cut_out(crop, config, rng) != crop for _ in range(2000)], 0)
    assert hidden.min() > 0.003
