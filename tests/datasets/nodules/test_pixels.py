"""Images come from the best pixels there are, in one interpolation; what disagrees is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.config.model import InputConfig
from lungnet.datasets.crop_recipe import crop_hash
from lungnet.datasets.nodules import nodule_cohort
from lungnet.datasets.nodules.pixels import CropPixels
from lungnet.datasets.view import View, cut_plane, straight
from lungnet.errors import InputError

SHOWN = InputConfig(kind="nodule", size=(24, 24))
TURNED = View((0.4, -1.3), 33.0, 1.1)


def test_an_image_is_cut_from_the_native_pixels_in_one_interpolation(nodule_file, native):
    cohort = nodule_cohort(nodule_file(**native), SHOWN)
    assert cohort.preparation_hash == crop_hash()
    for view in (straight(2), View((1, -2)), TURNED):
        image = cohort.read(1, view)["image"]
        spacing = float(native["pixel_spacing_mm"][1])
        assert image.dtype == np.int16
        assert image.shape == SHOWN.size
        assert_array_equal(image, cut_plane(native["native71"][1], spacing, SHOWN.size, view))


def test_the_nodules_middle_is_the_middle_of_the_image(nodule_file, native):
    """At an odd size the middle voxel is the middle pixel, whatever the spacing."""
    cohort = nodule_cohort(nodule_file(**native), InputConfig(kind="nodule", size=(25, 25)))
    for row in range(4):
        middle = cohort.read(row, straight(2))["image"][12, 12]
        assert middle == native["native71"][row, 35, 35]


def test_the_outline_is_cut_with_the_image(nodule_file, native):
    cohort = nodule_cohort(nodule_file(**native), SHOWN)
    assert cohort.knows_outlines
    masks = np.unpackbits(native["mask71_packed"], axis=1, count=71 * 71).reshape(-1, 71, 71)
    for row in range(4):
        outline = cohort.read(row, TURNED)["outline"]
        assert outline.dtype == np.float32
        spacing = float(native["pixel_spacing_mm"][row])
        cut = cut_plane(masks[row], spacing, SHOWN.size, TURNED, is_mask=True)
        assert_array_equal(outline, cut)
        area = cohort.read(row, straight(2))["outline"].sum()
        assert area == pytest.approx(masks[row].sum() * spacing**2, rel=0.15)


def test_without_outlines_or_native_pixels_none_are_given(nodule_file, native):
    none = nodule_cohort(nodule_file(**{**native, "mask71_packed": None}), SHOWN)
    assert not none.knows_outlines
    assert none.read(0, straight(2)).keys() == {"image"}
    crops = nodule_cohort(nodule_file(images=native["images"]), SHOWN)
    assert not crops.knows_outlines
    assert crops.preparation_hash is None
    assert crops.read(0, straight(2)).keys() == {"image"}


def test_native_pixels_need_no_images(nodule_file, native):
    with_images = nodule_cohort(nodule_file(**native), SHOWN)
    image = with_images.read(0, TURNED)["image"]
    alone = nodule_cohort(nodule_file(**{**native, "images": None}), SHOWN)
    assert_array_equal(alone.read(0, TURNED)["image"], image)
    assert alone.content_hash == with_images.content_hash


def test_a_network_in_three_dimensions_is_fed_from_crops(nodule_file, native):
    crops = np.random.default_rng(0).integers(-1000, 300, (6, 9, 9, 9), np.int16)
    arrays = {**native, "images": None, "crops": crops}
    cohort = nodule_cohort(nodule_file(**arrays), InputConfig(kind="nodule", size=(9, 8, 9)))
    assert_array_equal(cohort.read(0, straight(3))["image"], crops[0, :, :8])


def test_a_crop_that_lies_there_is_turned_about_its_middle():
    image = np.zeros((1, 15, 15), np.int16)
    image[0, 7, 7:11] = 100
    pixels = CropPixels(image, (9, 9))
    turned = pixels.cut(0, View((0.0, 0.0), 90.0))
    assert_array_equal(turned, np.rot90(image[0, 3:12, 3:12], 1))
    assert pixels.cut(0, View((0.2, -0.3), 45.0, 1.2)).dtype == np.int16


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"pixel_spacing_mm": np.full(6, 2.0, np.float32)},
            "does not show what images does for 6 of 6 nodules",
        ),
        (
            lambda arrays: {"native71": arrays["native71"][::-1]},
            "does not show what images does for .* of 6 nodules; expected the same nodules",
        ),
        (
            lambda arrays: {"native71": arrays["native71"].astype(np.float32)},
            "native71 is float32 of shape",
        ),
        (
            lambda arrays: {"native71": arrays["native71"][:, :64, :64]},
            r"native71 has shape \(6, 64, 64\); expected \(6, 71, 71\)",
        ),
        (lambda arrays: {"native71": arrays["native71"][:, 35]}, "native71 is int16 of shape"),
        (lambda arrays: {"native71": arrays["native71"] + np.int16(2000)}, "cannot be HU"),
        (lambda arrays: {"images": arrays["images"][:5]}, "6 native slices for 5 images"),
        ({"pixel_spacing_mm": None}, "`pixel_spacing_mm` is missing"),
        (
            lambda arrays: {"pixel_spacing_mm": arrays["pixel_spacing_mm"] / 10},
            r"pixel_spacing_mm is 0\.0\d+ for image 0; expected 0.3 to 2.0 mm",
        ),
        (
            {"pixel_spacing_mm": np.where(np.arange(6) == 2, np.nan, 0.7).astype(np.float32)},
            "pixel_spacing_mm is nan for image 2",
        ),
        (
            lambda arrays: {"mask71_packed": arrays["mask71_packed"][:, :-1]},
            r"mask71_packed has shape \(6, 630\); expected \(6, 631\)",
        ),
        (
            lambda arrays: {"mask71_packed": arrays["mask71_packed"].astype(float)},
            "mask71_packed is float64; expected numbers",
        ),
        (
            lambda arrays: {"mask71_packed": arrays["mask71_packed"].astype(np.uint16)},
            "mask71_packed is uint16; expected uint8",
        ),
    ],
)
def test_native_pixels_that_cannot_be_vouched_for_are_refused(nodule_file, native, changed, words):
    changes = changed(native) if callable(changed) else changed
    path = nodule_file(**{**native, **changes})
    with pytest.raises(InputError, match=words) as caught:
        nodule_cohort(path, SHOWN)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_native_values_spacings_or_outlines_have_another_content_hash(nodule_file, native):
    hashes = set()
    for change in (
        {},
        {"native71": native["native71"] + np.int16(1)},
        {"pixel_spacing_mm": native["pixel_spacing_mm"] * np.float32(1.01)},
        {"mask71_packed": native["mask71_packed"] ^ np.uint8(1)},
        {"mask71_packed": None},
    ):
        hashes.add(nodule_cohort(nodule_file(**{**native, **change}), SHOWN).content_hash)
    assert len(hashes) == 5


@pytest.mark.real_data
def test_the_shared_native_pixels_show_what_the_shared_images_do(shared_data):
    path = shared_data / "nodules" / "luna1004_slices.npz"
    cohort = nodule_cohort(path, InputConfig(kind="nodule", size=(32, 32)))
    assert cohort.knows_outlines
    assert cohort.preparation_hash == crop_hash()
    images = np.load(path)["images"]
    for row in range(0, 990, 45):
        image = cohort.read(row, View((-0.5, -0.5)))["image"]
        assert_allclose(np.corrcoef(image.ravel(), images[row].ravel())[0, 1], 1, atol=0.1)
