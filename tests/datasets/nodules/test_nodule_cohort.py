"""The adapter for an npz of nodules reads what it can vouch for, and refuses the rest in one
line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.config.model import InputConfig
from lungnet.datasets.nodules import archive as archives
from lungnet.datasets.nodules import nodule_cohort
from lungnet.datasets.nodules.pixels import CropPixels
from lungnet.datasets.view import View, straight
from lungnet.errors import ConfigError, InputError, LungnetError

SHOWN = InputConfig(kind="nodule", size=(8, 8))


def test_samples_without_label_or_patient_are_left_out_and_counted(nodule_file, caplog):
    caplog.set_level("INFO", "lungnet")
    cohort = nodule_cohort(nodule_file(), SHOWN)
    assert cohort.table["patient_id"].tolist() == ["a", "a", "b", "c"]
    assert cohort.table["label"].tolist() == [0, 1, 0, 1]
    assert cohort.table["series_uid"].tolist() == [f"nodule-{i}" for i in range(4)]
    assert cohort.table["diameter_mm"].tolist() == [0, 1, 2, 3]
    assert (len(cohort), cohort.is_synthetic, cohort.preparation_hash) == (4, False, None)
    assert "2 of 6 nodules are left out" in caplog.text


def test_the_middle_is_shown(nodule_file):
    path = nodule_file()
    images = np.load(path)["images"]
    cohort = nodule_cohort(path, SHOWN)
    assert_array_equal(cohort.read(1, straight(2))["image"], images[1, 2:10, 3:11])
    assert_array_equal(cohort.read(1, View((2, -3)))["image"], images[1, 4:12, 0:8])


def test_numbers_name_patients_too_and_a_diameter_is_not_needed(nodule_file):
    cohort = nodule_cohort(nodule_file(patient_id=np.arange(6), diameter_mm=None), SHOWN)
    assert cohort.table["patient_id"].tolist() == ["0", "1", "2", "3", "5"]
    assert cohort.table["diameter_mm"].isna().all()


def test_crops_of_three_dimensions_are_read(nodule_file):
    crops = np.random.default_rng(0).integers(-1000, 300, (6, 9, 9, 9), np.int16)
    cohort = nodule_cohort(
        nodule_file(images=None, crops=crops), InputConfig(kind="nodule", size=(9, 8, 9))
    )
    assert_array_equal(cohort.read(0, straight(3))["image"], crops[0, :, :8])


@settings(max_examples=50)
@given(
    st.tuples(*[st.integers(8, 13)] * 2),
    st.tuples(*[st.integers(1, 8)] * 2),
    st.tuples(*[st.integers(-6, 6)] * 2),
)
def test_a_crop_moved_beyond_the_edge_repeats_it(shape, size, offset):
    image = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    crop = CropPixels(image[None], size).cut(0, View(offset))
    rows, columns = (
        np.clip((n - wanted) // 2 + step + np.arange(wanted), 0, n - 1)
        for n, wanted, step in zip(shape, size, offset, strict=True)
    )
    assert_array_equal(crop, image[np.ix_(rows, columns)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": None}, "neither `images` nor `crops`"),
        ({"images": np.zeros((6, 12, 14), np.float32)}, "images is float32"),
        ({"images": np.zeros((6, 12), np.int16)}, "shape \\(6, 12\\)"),
        ({"images": np.zeros((0, 12, 14), np.int16)}, "shape \\(0, 12, 14\\)"),
        (
            {"images": np.random.default_rng(0).integers(-1000, 300, (5, 12, 14), np.int16)},
            "label has shape \\(6,\\); expected \\(5,\\)",
        ),
        ({"label": None}, "`label` is missing"),
        ({"label": np.array([0, 1, 2, 1, 0, 0])}, "expected 0, 1 or -1"),
        ({"label": np.array([0, 1, 0.5, 1, 0, 0])}, "expected 0, 1 or -1"),
        ({"label": np.array([0, 1, np.nan, 1, 0, 0])}, "expected 0, 1 or -1"),
        ({"label": np.array(list("010101"))}, "label is <U1; expected numbers"),
        ({"label": np.zeros((6, 2), int)}, "label has shape"),
        ({"patient_id": None}, "`patient_id` is missing"),
        ({"patient_id": np.array(["a"])}, "patient_id has shape"),
        (
            {"patient_id": np.array([1.0, 2, 3, 4, 5, np.nan])},
            "patient_id is float64; expected text",
        ),
        ({"diameter_mm": np.array(list("abcdef"))}, "diameter_mm is <U1; expected numbers"),
        ({"label": np.array([0, 1, None, 1, 0, 0], object)}, "cannot be read safely|read safely"),
    ],
)
def test_each_bad_array_is_named(nodule_file, changes, words):
    path = nodule_file(**changes)
    with pytest.raises(InputError, match=words) as caught:
        nodule_cohort(path, SHOWN)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(16, 8), (8, 8, 8)])
def test_a_size_that_cannot_be_cut_is_a_fault_of_the_configuration(nodule_file, size):
    with pytest.raises(
        ConfigError, match=r"input\.size .* cannot be cut from images of \[12, 14\]"
    ):
        nodule_cohort(nodule_file(), InputConfig(kind="nodule", size=size))


def test_no_file_no_zip_and_a_bomb_are_refused(tmp_path, nodule_file, monkeypatch):
    with pytest.raises(InputError, match="No such file"):
        nodule_cohort(tmp_path / "none.npz", SHOWN)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match="not an npz"):
        nodule_cohort(tmp_path / "text.npz", SHOWN)
    with pytest.raises(InputError):
        nodule_cohort(tmp_path, SHOWN)
    path = nodule_file()
    monkeypatch.setattr(archives, "LARGEST_BYTES", 1000)
    with pytest.raises(InputError, match="at most 1,000 are read"):
        nodule_cohort(path, SHOWN)


def test_a_member_that_is_no_array_and_a_header_that_lies_are_refused(tmp_path):
    import io
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images", b"not an array")
    with pytest.raises(InputError, match="images is no NumPy array"):
        nodule_cohort(tmp_path / "a.npz", SHOWN)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<i2", "fortran_order": False, "shape": (2**40, 64, 64)}
    )
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    with pytest.raises(InputError, match="read safely"):
        nodule_cohort(tmp_path / "b.npz", SHOWN)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_an_input_error_and_never_a_crash(nodule_file, packed, tmp_path):
    path = nodule_file()
    if packed:
        arrays = dict(np.load(path))
        np.savez_compressed(path, **arrays)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    damaged = tmp_path / "damaged.npz"
    for place in rng.integers(0, len(whole), 150):
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        damaged.write_bytes(data if rng.random() < 0.8 else data[:place])
        try:
            nodule_cohort(damaged, SHOWN)
        except LungnetError:
            continue


@pytest.mark.real_data
def test_the_shared_nodules_are_read(shared_data):
    cohort = nodule_cohort(
        shared_data / "nodules" / "luna1004_slices.npz", InputConfig(kind="nodule", size=(32, 32))
    )
    assert len(cohort) <= 994
    assert cohort.table["label"].sum() <= 443
    assert cohort.read(0, straight(2))["image"].shape == (32, 32)


@pytest.mark.parametrize(
    "values",
    [
        lambda hu: (np.clip(hu, -1000, 400) + 1000) * (255 / 1400),
        lambda hu: hu + 1024,
        lambda hu: np.full_like(hu, -1024),
    ],
    ids=["gray levels", "HU + 1024", "air"],
)
def test_values_that_are_no_hu_are_refused(nodule_file, values):
    hu = np.load(nodule_file())["images"]
    with pytest.raises(InputError, match="cannot be HU of a nodule in lung"):
        nodule_cohort(nodule_file(images=values(hu).astype(np.int16)), SHOWN)


def test_the_content_hash_tells_other_values_from_the_same(nodule_file):
    hu = np.load(nodule_file())["images"]
    first, again, other = (
        nodule_cohort(nodule_file(images=images), SHOWN).content_hash
        for images in (hu, hu.copy(), hu - np.int16(1))
    )
    assert first == again != other
