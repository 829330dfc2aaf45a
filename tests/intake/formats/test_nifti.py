"""NIfTI: what is written is read alike by others, what is read is exactly what the header and
the checksum say."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_making import Making, chest, write_series

from lungnet.errors import SeriesRefused
from lungnet.intake import find_series, read_series
from lungnet.intake.formats.nifti import write_nifti
from lungnet.volume import Volume

HU = chest(slices=7)
RAW = HU.astype("<i2").tobytes()


def read_one(path: Path) -> Volume:
    (found,) = find_series([path])
    return read_series(found)


def codes(volume: Volume) -> set[str]:
    return {w.code for w in volume.warnings} - {"no-identity", "assumed-hu"}


def test_what_convert_writes_nibabel_and_simpleitk_place_alike(tmp_path: Path) -> None:
    volume = read_one(
        write_series(tmp_path / "dicom", chest(), Making(orientation=(0.8, 0.6, 0, -0.6, 0.8, 0)))
    )
    path = tmp_path / "a.nii.gz"
    write_nifti(volume, path)
    first = path.read_bytes()
    write_nifti(volume, path)
    assert path.read_bytes() == first
    theirs = nibabel.load(path)
    assert theirs.header["sform_code"] == theirs.header["qform_code"] == 1
    np.testing.assert_allclose(theirs.get_qform(), theirs.get_sform(), atol=1e-4)
    np.testing.assert_array_equal(np.asarray(theirs.dataobj).transpose(2, 1, 0), volume.hu)
    image = sitk.ReadImage(str(path))
    np.testing.assert_allclose(image.GetOrigin(), volume.origin_mm, atol=1e-4)


def test_float_nifti_is_rounded_and_not_a_number_is_air(tmp_path: Path) -> None:
    data = chest().astype(np.float32).transpose(2, 1, 0) + 0.25
    data[0, 0, 0] = np.nan
    nibabel.Nifti1Image(data, np.diag([-0.8, -0.7, 2.5, 1])).to_filename(tmp_path / "a.nii")
    volume = read_one(tmp_path / "a.nii")
    assert "rounded" in {w.code for w in volume.warnings}
    assert volume.hu[0, 0, 0] == -1024
    np.testing.assert_array_equal(volume.hu[1:], chest()[1:])


def test_a_small_nifti_that_promises_a_large_volume_is_refused(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((800, 800, 900))
    header.set_sform(np.eye(4), 1)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1 << 20)))
    with pytest.raises(SeriesRefused, match="too-large"):
        read_one(tmp_path / "a.nii.gz")


def test_a_sheared_affine_is_refused(tmp_path: Path) -> None:
    affine = np.diag([0.7, 0.7, 2.5, 1.0])
    affine[1, 2] = 0.6
    nibabel.Nifti1Image(chest().transpose(2, 1, 0), affine).to_filename(tmp_path / "a.nii")
    with pytest.raises(SeriesRefused, match="tilted-gantry"):
        read_one(tmp_path / "a.nii")


def nifti(path: Path, **fields: object) -> Path:
    """Write a NIfTI file whose header says other things."""
    image = nibabel.Nifti1Image(HU.transpose(2, 1, 0), np.diag([-0.8, -0.7, 2.5, 1]))
    image.set_qform(image.affine, 1)
    image.header["vox_offset"], image.header["magic"] = 352, b"n+1"
    for field, value in fields.items():
        image.header[field] = value
    data = image.header.binaryblock + bytes(4) + RAW
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII"])
def test_a_sound_nifti_is_read_exactly(tmp_path: Path, name: str) -> None:
    volume = read_one(nifti(tmp_path / name))
    np.testing.assert_array_equal(volume.hu, HU)
    assert (volume.spacing_mm, codes(volume)) == (pytest.approx((2.5, 0.7, 0.8)), set())


def test_packing_of_nifti_is_known_by_its_content_and_its_checksum_is_held(tmp_path: Path) -> None:
    data = nifti(tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").unlink()
    (tmp_path / "a.nii").write_bytes(data)
    np.testing.assert_array_equal(read_one(tmp_path / "a.nii").hu, HU)
    for broken in (data[:-8] + bytes(8), data[:-8], data[:-200]):
        (tmp_path / "a.nii").write_bytes(broken)
        with pytest.raises(SeriesRefused, match="undecodable: the packed values"):
            read_one(tmp_path / "a.nii")


@pytest.mark.parametrize(("cut", "more"), [(2, b""), (0, b"\0")])
def test_a_nifti_with_fewer_or_more_values_is_refused(
    tmp_path: Path, cut: int, more: bytes
) -> None:
    path = nifti(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes()[: -cut or None] + more)
    with pytest.raises(SeriesRefused, match=r"undecodable: .* bytes of values"):
        read_one(path)


@pytest.mark.parametrize(("unit", "scale"), [(0, 1), (1, 1000), (2, 1), (3, 0.001), (10, 1)])
def test_units_of_nifti_become_millimetres(tmp_path: Path, unit: int, scale: float) -> None:
    affine = np.diag([-0.8, -0.7, 2.5, 1.0])
    affine[:3] /= scale
    image = nibabel.Nifti1Image(HU.transpose(2, 1, 0), affine)
    image.header["xyzt_units"] = unit
    image.to_filename(tmp_path / "a.nii")
    assert read_one(tmp_path / "a.nii").spacing_mm == pytest.approx((2.5, 0.7, 0.8), rel=1e-5)


@pytest.mark.parametrize(
    ("slope", "intercept", "factor"), [(np.nan, 5, 1), (0, 5, 1), (1, 0, 1), (2, 10, 2)]
)
def test_a_slope_of_nifti_that_is_none_is_not_applied(
    tmp_path: Path, slope: float, intercept: float, factor: int
) -> None:
    volume = read_one(nifti(tmp_path / "a.nii", scl_slope=slope, scl_inter=intercept))
    np.testing.assert_array_equal(
        volume.hu, np.maximum(HU.astype(int) * factor + (10 if factor == 2 else 0), -1024)
    )


def test_a_nifti_that_places_the_volume_twice_is_told(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(HU.transpose(2, 1, 0), None)
    image.set_sform(np.diag([-0.8, -0.7, 2.5, 1]), 1)
    image.set_qform(np.diag([0.8, -0.7, 2.5, 1]), 1)
    image.to_filename(tmp_path / "a.nii")
    volume = read_one(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.hu, HU)
    assert codes(volume) == {"two-affines"}


REFUSED_NIFTIS: dict[str, tuple[str, dict[str, object]]] = {
    "no place": ("missing-tag: ", {"sform_code": 0, "qform_code": 0}),
    "a template's place": ("missing-tag: .*template", {"sform_code": 4, "qform_code": 0}),
    "no voxel size": (
        "corrupt: .*HeaderDataError",
        {"sform_code": 0, "pixdim": [1, 0.8, 0.7, 0, 1, 1, 1, 1]},
    ),
    "micrometres": ("corrupt: voxel sizes", {"xyzt_units": 3}),
    "a pair": ("corrupt: no single-file NIfTI", {"magic": b"ni1"}),
    "values in the header": ("corrupt: ", {"vox_offset": 100}),
    "values far away": ("corrupt: the values begin", {"vox_offset": 2e9}),
    "colors": ("not-ct: ", {"datatype": 128, "bitpix": 24}),
    "complex": ("not-ct: ", {"datatype": 32, "bitpix": 64}),
    "four axes": ("not-ct: 4 dimensions", {"dim": [4, 28, 24, 7, 2, 1, 1, 1]}),
    "no voxels": ("corrupt: 0 voxels", {"dim": [3, 28, 24, 0, 1, 1, 1, 1]}),
}


@pytest.mark.parametrize("name", REFUSED_NIFTIS)
def test_a_nifti_that_cannot_be_a_chest_is_refused(tmp_path: Path, name: str) -> None:
    words, fields = REFUSED_NIFTIS[name]
    with pytest.raises(SeriesRefused, match=words):
        read_one(nifti(tmp_path / "a.nii", **fields))


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_niftis_of_both_byte_orders_are_read(tmp_path: Path, kind: type, order: str) -> None:
    header = kind.header_class(endianness=order)  # type: ignore[attr-defined]
    header.set_data_dtype(np.dtype(f"{order}i2"))
    kind(HU.transpose(2, 1, 0)[..., None], np.diag([-0.8, -0.7, 2.5, 1]), header).to_filename(
        tmp_path / "a.nii"
    )
    np.testing.assert_array_equal(read_one(tmp_path / "a.nii").hu, HU)


def test_a_volume_of_gigabytes_in_a_few_packed_megabytes_is_refused(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((512, 512, 900))
    header.set_sform(np.diag([-0.7, -0.7, 0.5, 1]), 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    noise = np.random.default_rng(0).bytes(8 << 20)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(4) + noise, 1))
    with pytest.raises(
        SeriesRefused, match="too-large: the header promises 235,929,600 voxels of 4 bytes"
    ):
        read_one(tmp_path / "a.nii.gz")


def test_a_negative_slope_is_told(tmp_path: Path) -> None:
    assert "negative-slope" in codes(read_one(nifti(tmp_path / "a.nii", scl_slope=-1, scl_inter=0)))
