"""A view that leaves the plane is one interpolation of a crop that holds all it shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation.bend import CELLS, Bend, draw_bend
from lungnet.datasets.network_inputs import centered, network_inputs
from lungnet.datasets.nodules.pixels import CropPixels
from lungnet.datasets.view import View, draw_tilt, draw_view, turn_slices
from lungnet.datasets.volume_view import in_view, size_to_cut
from lungnet.volume import AIR_HU

FREE = AugmentationConfig(
    shift_voxels=2, rotate_degrees=180, scale=0.2, axes="all", elastic_voxels=1
)
SIZE = (16, 18, 20)


def free_view(seed, config=FREE):
    return draw_view(config, 3, np.random.default_rng(seed))


def smooth_field(shape, seed=0, sigma=3.0):
    noise = np.random.default_rng(seed).normal(0, 1, shape)
    field = ndimage.gaussian_filter(noise, sigma)
    return (300 * field / field.std()).astype(np.int16)


def middle_of(field, size):
    starts = [(n - length) // 2 for n, length in zip(field.shape, size, strict=True)]
    return field[tuple(slice(a, a + n) for a, n in zip(starts, size, strict=True))]


def look(field, size, view):
    """The view of the middle of a field that is large enough."""
    return in_view(middle_of(field, size_to_cut(size, view)), size, view)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999))
def test_no_corner_of_a_view_looks_beyond_what_was_cut(seed):
    """With the margin filled by nothing but a flag, a wider cut changes no voxel."""
    view = free_view(seed)
    field = smooth_field((96, 96, 96))
    box = size_to_cut(SIZE, view)
    assert all((wide - n) % 2 == 0 and wide >= n for wide, n in zip(box, SIZE, strict=True))
    wider = tuple(n + 10 for n in box)
    at_box, at_wider = (in_view(middle_of(field, cut), SIZE, view) for cut in (box, wider))
    assert at_box.shape == SIZE
    assert at_box.dtype == np.int16
    assert_array_equal(at_box, at_wider)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("quarters", [1, 2, -1])
def test_a_quarter_turn_is_that_of_the_grid(axis, quarters):
    field = smooth_field((31, 31, 31))
    tilt = np.zeros(3)
    tilt[axis] = 90.0 * quarters
    turned = look(field, (15, 15, 15), View((0, 0, 0), tilt_degrees=tuple(tilt)))
    plane = [(1, 2), (2, 0), (0, 1)][axis]
    assert_allclose(turned, np.rot90(middle_of(field, (15, 15, 15)), -quarters, plane), atol=1)


def test_a_turn_within_the_plane_is_that_of_the_slices():
    field = smooth_field((40, 60, 60))
    still = Bend(np.zeros((3, 7, 7, 7)))
    for turn, scale in ((30.0, 1.0), (-75.0, 1.2), (180.0, 0.9)):
        flat = turn_slices(middle_of(field, (16, 40, 40)), View((0, 0.3, -0.2), turn, scale))
        mixed = look(field, (16, 40, 40), View((0, 0.3, -0.2), turn, scale, bend=still))
        assert_allclose(middle_of(mixed, (16, 20, 20)), middle_of(flat, (16, 20, 20)), atol=12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.floats(0.8, 1.25))
def test_there_and_back_again_is_where_it_was(seed, scale):
    field = smooth_field((80, 80, 80), seed % 7, sigma=5)
    tilt = np.array(draw_tilt(180, np.random.default_rng(seed)))
    there = look(field, (32, 32, 32), View((0, 0, 0), 0.0, scale, tuple(tilt)))
    back = look(there, (12, 12, 12), View((0, 0, 0), 0.0, 1 / scale, tuple(-tilt)))
    difference = back.astype(float) - middle_of(field, (12, 12, 12))
    assert np.sqrt(np.mean(difference**2)) < 0.06 * field.std()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999))
def test_a_ball_stays_a_ball_of_its_volume(seed):
    z, y, x = np.indices((61, 61, 61)) - 30.0
    ball = np.where(z**2 + y**2 + x**2 < 9**2, 100, -900).astype(np.int16)
    turn = AugmentationConfig(rotate_degrees=180, axes="all")
    view = free_view(seed, turn)
    turned = look(ball, (33, 33, 33), view) > -400
    volume = np.count_nonzero(ball > -400)
    assert abs(np.count_nonzero(turned) / volume - 1) < 0.04
    centre = np.argwhere(turned).mean(0) - 16
    assert np.linalg.norm(centre) < 0.95  # up to half a voxel along each axis is drawn anyway
    spread = np.linalg.eigvalsh(np.cov(np.argwhere(turned).T))
    assert spread.max() / spread.min() < 1.06


def test_scale_enlarges_along_all_axes_or_within_the_plane():
    z, y, x = np.indices((61, 61, 61)) - 30.0
    ball = np.where(z**2 + y**2 + x**2 < 8**2, 100, -900).astype(np.int16)
    still = Bend(np.zeros((3, 7, 7, 7)))
    for view, expected in (
        (View((0, 0, 0), 0.0, 1.25, (0.0, 0.0, 0.0)), (20, 20, 20)),
        (View((0, 0, 0), 0.0, 1.25, bend=still), (16, 20, 20)),
    ):
        inside = np.argwhere(look(ball, (33, 33, 33), view) > -400)
        assert_allclose(np.ptp(inside, 0) + 1, expected, atol=1.5)


def test_orientations_are_uniform_up_to_the_angle_and_favour_no_axis():
    rng = np.random.default_rng(0)
    for largest in (20.0, 90.0, 180.0):
        tilts = np.array([draw_tilt(largest, rng) for _ in range(4000)])
        angles = np.deg2rad(np.linalg.norm(tilts, axis=1))
        assert np.rad2deg(angles.max()) <= largest + 1e-9
        top = np.deg2rad(largest)
        uniform = np.sort((angles - np.sin(angles)) / (top - np.sin(top)))
        # Kolmogorov's bound at one in a thousand.
        assert np.abs(uniform - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000)
        directions = tilts / np.linalg.norm(tilts, axis=1, keepdims=True)
        assert_allclose(directions.mean(0), 0, atol=0.05)
        assert_allclose(np.cov(directions.T), np.eye(3) / 3, atol=0.03)
    assert draw_tilt(0.0, rng) == (0.0, 0.0, 0.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(0.1, 3.2), st.sampled_from([(32, 32), (32, 40, 36)]))
def test_a_bend_is_bounded_smooth_without_a_shift_and_folds_nothing(seed, voxels, size):
    bend = draw_bend(voxels, len(size), np.random.default_rng(seed))
    field = bend.displacement(size)
    assert field.shape == (len(size), *size)
    assert np.abs(field).max() <= bend.reach <= voxels
    assert np.abs(field).max() > 0.15 * voxels
    assert_allclose(field.reshape(len(size), -1).mean(1), 0, atol=1e-9)
    steps = np.stack([np.gradient(field, axis=axis + 1) for axis in range(len(size))], 1)
    cell = min(size) / CELLS
    assert np.abs(steps).max() <= 2 * voxels / cell
    assert np.abs(np.gradient(steps[:, 0], axis=1)).max() <= 4 * voxels / cell**2
    jacobian = np.moveaxis(steps, (0, 1), (-2, -1)) + np.eye(len(size))
    assert np.linalg.det(jacobian).min() > 0


def test_without_points_that_move_a_bend_moves_nothing():
    field = smooth_field((20, 20, 20))
    still = View((0, 0, 0), bend=Bend(np.zeros((3, 7, 7, 7))))
    assert_array_equal(in_view(field, (20, 20, 20), still), field)


@pytest.mark.parametrize("value", [-32768, 32767, AIR_HU])
def test_constant_crops_stay_as_they_are_at_the_ends_of_int16(value):
    view = free_view(3)
    flat = np.full(size_to_cut(SIZE, view), value, np.int16)
    assert_array_equal(in_view(flat, SIZE, view), np.full(SIZE, value, np.int16))


def test_the_generator_decides_the_view_and_what_it_shows():
    field = smooth_field((80, 80, 80))
    first, second = (look(field, SIZE, free_view(5)) for _ in range(2))
    assert_array_equal(first, second)
    assert (look(field, SIZE, free_view(6)) != first).any()


def test_the_crops_of_a_bag_are_those_of_its_candidates_in_one_view(prepared_scan):
    bag = InputConfig(kind="bag", size=(12, 12, 12), candidates=3)
    view = free_view(8)
    image = network_inputs(prepared_scan, bag, view)["image"]
    box = size_to_cut(bag.size, view)
    assert min(box) > 12
    centre = np.array([15.2, 20.5, 26.9]) + view.whole_shift
    crop = prepared_scan.crops(centre[None], box)[0]
    assert_array_equal(image[0], in_view(crop, bag.size, view))


def test_a_volume_and_a_nodules_crop_are_turned_about_their_middle():
    z, y, x = np.indices((40, 40, 40)) - 19.5
    ball = np.where(z**2 + y**2 + x**2 < 6**2, 100, -900).astype(np.int16)
    view = View((0, 0, 0), 0.0, 1.0, (40.0, -30.0, 70.0))
    crops = CropPixels(ball[None], (24, 24, 24)).cut(0, view)
    volume = centered(ball, (24, 24, 24), view)
    assert_array_equal(crops, volume)
    assert_allclose(np.argwhere(crops > -400).mean(0), 11.5, atol=0.1)
    beyond = centered(ball, (64, 64, 64), view)
    assert (beyond[0, 0] == AIR_HU).all()
    moved = View((3.0, -2.0, 1.0), 0.0, 1.0, (0.0, 0.0, 0.0))
    assert_array_equal(CropPixels(ball[None], (24, 24, 24)).cut(0, moved), ball[11:35, 6:30, 9:33])
