"""A crop shows what lies in the patient around the place, as training's crops do."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungnet.datasets.crop_recipe import NATIVE_PIXELS
from lungnet.datasets.nodules.pixels import NativePixels
from lungnet.datasets.view import straight
from lungnet.errors import Refusal
from lungnet.inference.nodule_crop import (
    OBLIQUE,
    OUTSIDE_SCAN,
    PIXEL_SPACING,
    NoduleCrop,
    cut_crop,
)
from lungnet.volume import Volume, to_patient_mm

SIZE = (12, 10)
ORIGIN = (-60.0, -80.0, -300.0)


def affine_of(spacing_mm, tilt_degrees=0.0):
    """Axes of LPS, turned about x."""
    angle = np.deg2rad(tilt_degrees)
    z_axis, y_axis = [0, -np.sin(angle), np.cos(angle)], [0, np.cos(angle), np.sin(angle)]
    axes = np.array([z_axis, y_axis, [1.0, 0, 0]]).T
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * spacing_mm, ORIGIN
    return affine


@lru_cache
def slope_volume(spacing_mm, shape=(9, 100, 120), tilt_degrees=0.0):
    """HU that grow by 5 with each millimetre of x and fall by 3 with each of y, alike at all z."""
    affine = affine_of(spacing_mm, tilt_degrees)
    points = to_patient_mm(affine, np.stack(np.indices(shape), -1))
    return Volume(np.rint(slope(points)).astype(np.int16), affine, "p", "1.2")


def slope(points_mm):
    return 5 * points_mm[..., 0] - 3 * points_mm[..., 1]


def offsets_mm(size):
    """(y, x) of each pixel of a crop from its middle."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in size)
    return np.stack(np.meshgrid(y, x, indexing="ij"), -1)


@settings(deadline=None, max_examples=40)
@given(
    y=st.floats(-70, -35),
    x=st.floats(-50, -5),
    edges=st.sampled_from([(0.7, 0.7), (0.9, 0.901), (0.6, 1.3), (1.8, 0.8)]),
)
def test_each_pixel_shows_the_patient_at_its_own_millimetre(y, x, edges):
    volume = slope_volume((2.5, *edges))
    crop = cut_crop(volume, (x, y, -290.0), SIZE)
    points = np.array(crop.to_patient(offsets_mm(SIZE).reshape(-1, 2))).reshape(*SIZE, 3)
    np.testing.assert_allclose(points[..., 0].mean(), x, atol=0.02)
    np.testing.assert_allclose(crop.hu, slope(points), atol=1.6)


def test_a_place_on_a_pixel_gives_the_crop_of_training():
    rng = np.random.default_rng(0)
    volume = Volume(
        rng.integers(-1000, 500, (5, 90, 95), np.int16), affine_of((2.5, 0.7, 0.7)), "p", "1.2"
    )
    centre_mm = tuple(to_patient_mm(volume.affine, (2.3, 44, 50)))
    reach = NATIVE_PIXELS // 2
    native = volume.hu[2, 44 - reach : 45 + reach, 50 - reach : 51 + reach]
    pixels = NativePixels(native[None], np.array([0.7]), SIZE)
    np.testing.assert_array_equal(cut_crop(volume, centre_mm, SIZE).hu, pixels.cut(0, straight(2)))


def test_the_slice_nearest_to_the_place_is_cut():
    hu = np.repeat(np.arange(6, dtype=np.int16)[:, None, None] * 100, 80, 1).repeat(80, 2)
    volume = Volume(hu, affine_of((2.0, 0.8, 0.8)), "p", "1.2")
    for z_mm, expected in ((-300.0, 0), (-297.1, 100), (-296.9, 200), (-289.5, 500)):
        crop = cut_crop(volume, (-30.0, -50.0, z_mm), SIZE)
        assert (crop.hu == expected).all()
        assert crop.middle_mm[2] == pytest.approx(-300 + expected / 100 * 2)


def test_beyond_the_edge_the_pixels_at_the_edge_go_on():
    volume = slope_volume((2.5, 1.0, 1.0))
    crop = cut_crop(volume, (-60.0, -80.0, -300.0), (11, 11)).hu
    assert (crop[:, :6] == crop[:, :1]).all()
    assert (crop[:6] == crop[:1]).all()
    assert crop[5, 10] == volume.hu[0, 0, 5]


@pytest.mark.parametrize(
    ("volume", "centre_mm", "reason", "words"),
    [
        (
            slope_volume((2.0, 0.8, 0.8)),
            (30.0, 50.0, -290.0),
            OUTSIDE_SCAN,
            "reaches from -60.4,-80.4,-301.0 to 35.6,-0.4,-283.0 mm",
        ),
        (slope_volume((2.5, 0.7, 0.7)), (-30.0, -50.0, -270.0), OUTSIDE_SCAN, "in LPS"),
        (slope_volume((2.5, 2.5, 2.5)), (-30.0, -50.0, -290.0), PIXEL_SPACING, "pixels of 2.50"),
        (slope_volume((2.5, 0.2, 0.2)), (-50.0, -75.0, -290.0), PIXEL_SPACING, "pixels of 0.20"),
        (
            slope_volume((2.5, 0.7, 0.7), tilt_degrees=25),
            (-30.0, -60.0, -285.0),
            OBLIQUE,
            "lie 25 degrees off axial",
        ),
    ],
)
def test_a_place_that_cannot_be_cut_is_told_in_a_line(volume, centre_mm, reason, words):
    refusal = cut_crop(volume, centre_mm, SIZE)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert words in refusal.detail
    assert "\n" not in refusal.detail


def test_a_slight_tilt_is_answered():
    volume = slope_volume((2.5, 0.7, 0.7), tilt_degrees=15)
    assert isinstance(cut_crop(volume, (-30.0, -60.0, -285.0), SIZE), NoduleCrop)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("patient", "row", "pixel"),
    [
        ("LIDC-IDRI-0001", 335, (89, 362, 316)),
        ("LIDC-IDRI-0003", 130, (77, 354, 364)),
        ("LIDC-IDRI-0003", 131, (83, 198, 308)),
        ("LIDC-IDRI-0003", 132, (84, 219, 221)),
    ],
)
def test_a_real_scan_gives_the_crops_that_networks_are_trained_on(shared_data, patient, row, pixel):
    from lungnet.intake import find_series, read_series

    (series,) = find_series([shared_data / "lidc" / "dicom" / patient])
    volume = read_series(series)
    with np.load(shared_data / "nodules" / "luna1004_slices.npz") as nodules:
        native, spacing_mm = nodules["native71"][row], nodules["pixel_spacing_mm"][row]
    centre_mm = tuple(to_patient_mm(volume.affine, pixel))
    pixels = NativePixels(native[None], np.array([spacing_mm], np.float64), (32, 32))
    difference = cut_crop(volume, centre_mm, (32, 32)).hu - pixels.cut(0, straight(2))
    assert np.abs(difference).max() <= 1  # the file's spacing is rounded
