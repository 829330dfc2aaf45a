"""A view is cut in one interpolation, as SciPy would cut it; what is whole is a slice."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from lungnet.config.training import AugmentationConfig
from lungnet.datasets.augmentation.bend import draw_bend
from lungnet.datasets.view import View, cut_plane, draw_view, straight, turn_slices

TURNING = AugmentationConfig(shift_voxels=2, rotate_degrees=30, scale=0.2)

FRACTION = 1 / 32
"""OpenCV rounds where it looks to this part of a pixel."""

views = st.builds(
    View,
    shift=st.tuples(*[st.floats(-3, 3)] * 2),
    turn_degrees=st.floats(-180, 180),
    scale=st.floats(0.6, 1.6),
    bend=st.none()
    | st.integers(0, 99).map(lambda seed: draw_bend(1.5, 2, np.random.default_rng(seed))),
)


def places(shape, spacing_mm, size, view):
    """Where in the slice each voxel of the crop lies, (2, y, x): the definition, in float64."""
    angle = np.deg2rad(view.turn_degrees)
    bend = 0 if view.bend is None else view.bend.displacement(size)
    offsets = [
        np.arange(n) - (n - 1) / 2 + step for n, step in zip(size, view.shift[-2:], strict=True)
    ]
    y, x = np.array(np.meshgrid(*offsets, indexing="ij")) + bend
    turned = [np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y]
    return np.array(
        [
            axis / (view.scale * spacing_mm) + (n - 1) / 2
            for axis, n in zip(turned, shape, strict=True)
        ]
    )


def steepest(pixels):
    return max(np.abs(np.diff(pixels.astype(float), axis=axis)).max() for axis in (0, 1))


@given(st.sampled_from([2, 3]), st.integers(0, 99))
def test_off_is_straight_and_the_generator_is_left_alone(dimensions, seed):
    rng = np.random.default_rng(seed)
    before = rng.bit_generator.state
    view = draw_view(AugmentationConfig(), dimensions, rng)
    assert view == straight(dimensions)
    assert view.shift == (0,) * dimensions
    assert view.is_aligned
    assert rng.bit_generator.state == before
    crop = np.zeros((9,) * dimensions, np.int16)
    assert turn_slices(crop, view) is crop


def test_whole_shifts_cover_the_range_and_no_more():
    rng = np.random.default_rng(0)
    drawn = [draw_view(AugmentationConfig(shift_voxels=2), 3, rng) for _ in range(200)]
    assert all(view.is_aligned for view in drawn)
    assert {step for view in drawn for step in view.shift} == {-2, -1, 0, 1, 2}


def test_a_turned_view_covers_its_angles_its_scales_and_parts_of_a_voxel():
    rng = np.random.default_rng(0)
    drawn = [draw_view(TURNING, 3, rng) for _ in range(400)]
    turns, scales = (np.array([getattr(v, n) for v in drawn]) for n in ("turn_degrees", "scale"))
    assert -30 <= turns.min() < -28
    assert 28 < turns.max() <= 30
    assert 0.8 <= scales.min() < 0.81
    assert 1.19 < scales.max() <= 1.2
    assert {view.shift[0] for view in drawn} == {-2, -1, 0, 1, 2}
    in_plane = np.array([view.shift[1:] for view in drawn])
    assert -2.5 <= in_plane.min() < -2.4
    assert 2.4 < in_plane.max() <= 2.5
    assert not any(view.is_aligned for view in drawn)
    assert draw_view(TURNING, 2, np.random.default_rng(4)) == draw_view(
        TURNING, 2, np.random.default_rng(4)
    )


@settings(max_examples=40, deadline=None)
@given(views, st.floats(0.4, 1.4), st.integers(0, 99))
def test_a_plane_is_cut_as_scipy_cuts_it(view, spacing_mm, seed):
    rng = np.random.default_rng(seed)
    pixels = ndimage.gaussian_filter(rng.normal(0, 900, (41, 43)), 2).astype(np.int16)
    size = (17, 20)
    crop = cut_plane(pixels, spacing_mm, size, view)
    expected = ndimage.map_coordinates(
        pixels.astype(float), places(pixels.shape, spacing_mm, size, view), order=1, mode="nearest"
    )
    assert crop.dtype == np.int16
    assert_allclose(crop, expected, rtol=0, atol=2 * FRACTION * steepest(pixels) + 1)


@settings(max_examples=20, deadline=None)
@given(views)
def test_a_mask_takes_the_nearest_pixel_and_is_0_where_the_slice_ends(view):
    mask = np.zeros((31, 31), np.uint8)
    mask[12:20, 10:19] = 1
    cut = cut_plane(mask, 0.7, (20, 20), view, is_mask=True)
    assert set(np.unique(cut)) <= {0, 1}
    where = places(mask.shape, 0.7, (20, 20), view)
    expected = ndimage.map_coordinates(mask, where, order=0, mode="constant")
    # On the edge between two pixels, rounding decides.
    is_clear = (np.abs(where - np.floor(where) - 0.5) > 2 * FRACTION).all(0)
    assert_array_equal(cut[is_clear], expected[is_clear])
    everywhere = cut_plane(np.ones((9, 9), np.uint8), 1.0, (21, 21), straight(2), is_mask=True)
    assert_array_equal(everywhere, np.pad(np.ones((9, 9)), 6))


def test_the_plain_view_of_1_mm_pixels_is_the_slice_itself():
    pixels = np.random.default_rng(0).integers(-1000, 400, (21, 21), np.int16)
    assert_array_equal(cut_plane(pixels, 1.0, (21, 21), straight(2)), pixels)
    assert_array_equal(cut_plane(pixels, 1.0, (11, 9), straight(2)), pixels[5:16, 6:15])
    moved = cut_plane(pixels, 1.0, (11, 9), View((2.0, -3.0)))
    assert_array_equal(moved, pixels[7:18, 3:12])
    assert_array_equal(cut_plane(pixels, 1.0, (21, 21), View((0, 0), 180.0)), pixels[::-1, ::-1])
    assert_array_equal(cut_plane(pixels, 1.0, (21, 21), View((0, 0), 90.0)), np.rot90(pixels, 1))
    beyond = cut_plane(pixels, 1.0, (25, 25), straight(2))
    assert_array_equal(beyond, np.pad(pixels, 2, mode="edge"))


def test_a_larger_scale_shows_less_and_a_larger_spacing_more():
    y, x = np.mgrid[-20:21, -20:21]
    pixels = (10 * np.hypot(y, x)).astype(np.int16)
    plain, enlarged, coarse = (
        int(cut_plane(pixels, spacing_mm, (11, 11), View((0, 0), 0, scale))[5, 0])
        for spacing_mm, scale in ((1.0, 1.0), (1.0, 1.25), (0.5, 1.0))
    )
    assert (plain, enlarged, coarse) == (50, 40, 100)


def test_a_turn_keeps_the_middle_and_constant_crops():
    rng = np.random.default_rng(0)
    crop = np.full((3, 9, 9), -700, np.int16)
    crop[:, 4, 4] = 300
    flat = np.full((9, 9), -700, np.int16)
    for _ in range(5):
        turn, scale = rng.uniform(-180, 180), rng.uniform(0.7, 1.3)
        turned = turn_slices(crop, View((0, 0, 0), turn, scale))
        assert turned.shape == crop.shape
        assert turned.dtype == np.int16
        assert (turned[:, 4, 4] == 300).all()
        assert_array_equal(turn_slices(flat, View((0.3, -0.4), turn, scale)), flat)


@settings(max_examples=20, deadline=None)
@given(
    st.builds(View, st.tuples(*[st.floats(-3, 3)] * 2))
    | st.builds(View, st.just((0.4, -0.3)), st.floats(-180, 180), st.floats(0.8, 1.6))
)
def test_what_is_left_after_a_whole_step_is_done_slice_by_slice(view):
    """A crop cut at whole voxels and then turned is the view, but for what lies beyond it."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).normal(0, 900, (61, 61)), 3)
    pixels = smooth.astype(np.int16)
    step = np.array(view.whole_shift)
    start = (61 - 31) // 2 + step
    crop = pixels[start[0] : start[0] + 31, start[1] : start[1] + 31]
    exact = cut_plane(pixels, 1.0, (31, 31), view)
    around = slice(13, 18)
    assert_allclose(
        turn_slices(crop, view)[around, around],
        exact[around, around],
        rtol=0,
        atol=4 * FRACTION * steepest(pixels) + 2,
    )
    bag = np.stack([crop, crop])
    assert_array_equal(
        turn_slices(bag, View((0.0, *view.shift), view.turn_degrees, view.scale)),
        np.stack([turn_slices(crop, view)] * 2),
    )
