"""NIfTI, MetaImage and NRRD: the same volume by the same door.

What their headers leave open is refused, what is missing is told.
"""

import bz2
import gzip
import tarfile
import time
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_making import Making, chest, write_series, zipped

from lungnet.errors import SeriesRefused
from lungnet.intake import find_series, read_series
from lungnet.intake.formats.nifti import write_nifti
from lungnet.volume import Volume

HU = chest(slices=7)
RAW = HU.astype("<i2").tobytes()
PACKED = zlib.compress(RAW)
PLACED = "ElementSpacing = 1 1 1\nOffset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
ORIENTATIONS = [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0.8, 0.6, 0, -0.6, 0.8, 0)]


def read_one(path: Path) -> Volume:
    (found,) = find_series([path])
    return read_series(found)


def codes(volume: Volume) -> set[str]:
    return {w.code for w in volume.warnings} - {"no-identity", "assumed-hu"}


def metaimage(path: Path, body: bytes = RAW, **changes: str | None) -> Path:
    """Write a MetaImage file; keys are changed, or left out where None."""
    header: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "-10 -20 30",
        "AnatomicalOrientation": "RAI",
        "ElementSpacing": "0.8 0.7 2.5",
        "DimSize": "28 24 7",
        "ElementType": "MET_SHORT",
        **{key: value for key, value in changes.items() if key != "ElementDataFile"},
        "ElementDataFile": changes.get("ElementDataFile", "LOCAL"),
    }
    path.write_bytes(
        "".join(f"{key} = {value}\n" for key, value in header.items() if value is not None).encode()
        + body
    )
    return path


def nrrd(path: Path, body: bytes = RAW, **changes: str | None) -> Path:
    """Write a NRRD file; fields (spaces as underscores) are changed, or left out where None."""
    header: dict[str, str | None] = {
        "type": "short",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "28 24 7",
        "space_directions": "(0.8,0,0) (0,0.7,0) (0,0,2.5)",
        "endian": "little",
        "encoding": "raw",
        "space_origin": "(-10,-20,30)",
        **changes,
    }
    lines = "".join(
        f"{field.replace('_', ' ')}: {value}\n"
        for field, value in header.items()
        if value is not None
    )
    path.write_bytes(
        b"NRRD0004\n# a comment\n" + lines.encode() + b"name:=somebody: else\n\n" + body
    )
    return path


def image_of(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.hu)
    image.SetOrigin(volume.origin_mm)
    image.SetSpacing(volume.spacing_mm[::-1])
    image.SetDirection((volume.affine[:3, :3] / volume.spacing_mm)[:, ::-1].ravel().tolist())
    return image


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "mha", "mhd", "nrrd"])
@pytest.mark.parametrize(
    "orientation", [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0.8, 0.6, 0, -0.6, 0.8, 0)]
)
def test_every_format_gives_the_same_volume(
    tmp_path: Path, ending: str, orientation: tuple[float, ...]
) -> None:
    volume = read_one(write_series(tmp_path / "dicom", chest(), Making(orientation=orientation)))
    path = tmp_path / "other" / f"scan.{ending}"
    path.parent.mkdir()
    sitk.WriteImage(image_of(volume), str(path), useCompression=ending in ("mha", "nrrd"))
    again = read_one(path)
    np.testing.assert_array_equal(again.hu, volume.hu)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-4)
    assert again.patient_id == "other"  # any file may be called scan: the folder names the patient


def test_a_patient_is_named_by_the_stem_or_by_the_folder_above_a_name_that_says_nothing(
    tmp_path: Path,
) -> None:
    volume = read_one(write_series(tmp_path / "dicom", chest()))
    for place in ("p1/ct", "p2", "p2/imaging", "lung_007"):
        (tmp_path / "nii" / place).mkdir(parents=True)
    for number, place in enumerate(
        ("p1/ct/scan", "p2/ct", "p2/imaging/CT_image", "lung_007/chest", "volume-3")
    ):
        moved = replace(volume, hu=volume.hu + np.int16(number))
        write_nifti(moved, tmp_path / "nii" / f"{place}.nii.gz")
    series_list = find_series([tmp_path / "nii"])
    assert [s.patient_id for s in series_list] == ["lung_007", "p1", "p2", "p2", "volume-3"]
    assert len({s.series_uid for s in series_list}) == 5
    several = [any(w.code == "id-over-studies" for w in s.warnings) for s in series_list]
    assert several == [False, False, True, True, False]


def test_ids_are_the_same_packed_or_not_in_any_order_and_whatever_lies_beside(
    tmp_path: Path,
) -> None:
    volume = read_one(write_series(tmp_path / "dicom", chest()))
    labels = replace(volume, hu=(volume.hu < -500).astype(np.int16))
    for folder, written in (("images", volume), ("labels", labels)):
        (tmp_path / "all" / folder).mkdir(parents=True)
        write_nifti(written, tmp_path / "all" / folder / "lung_001.nii.gz")
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for folder in ("labels", "images"):
            archive.add(tmp_path / "all" / folder / "lung_001.nii.gz", f"{folder}/lung_001.nii.gz")

    def ids(path: Path) -> set[tuple[str, str]]:
        return {(s.patient_id, s.series_uid) for s in find_series([path])}

    assert ids(tmp_path / "all") == ids(tmp_path / "all.tar")
    assert ids(tmp_path / "all" / "images") <= ids(tmp_path / "all")
    assert {patient for patient, _ in ids(tmp_path / "all")} == {"lung_001"}


def test_a_label_map_is_named_as_such(tmp_path: Path) -> None:
    volume = read_one(write_series(tmp_path / "dicom", chest()))
    labels = (volume.hu < -500).astype(np.int16) + 2 * (volume.hu > 0)
    write_nifti(replace(volume, hu=labels.astype(np.int16)), tmp_path / "labels.nii.gz")
    (series,) = find_series([tmp_path / "labels.nii.gz"])
    with pytest.raises(SeriesRefused, match=r"not-ct: a label map: it holds the values 0, 1, 2"):
        read_series(series)


def test_ten_thousand_volume_files_in_an_archive_are_named_at_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for k in range(10_000):
            archive.writestr(f"{'ab'[k % 2]}/{k // 2}.nii", f"{k}")
    start = time.process_time()
    series_list = find_series([tmp_path])
    assert len({series.patient_id for series in series_list}) == 5_000
    assert len({series.series_uid for series in series_list}) == 10_000
    assert time.process_time() - start < 5


def test_volume_files_of_one_name_in_one_folder_stay_apart(tmp_path: Path) -> None:
    volume = read_one(write_series(tmp_path / "dicom", chest()))
    (tmp_path / "x").mkdir()
    write_nifti(volume, tmp_path / "x" / "scan.nii.gz")
    sitk.WriteImage(image_of(volume), str(tmp_path / "x" / "scan.mha"))
    series_list = find_series([tmp_path / "x"])
    assert {series.patient_id for series in series_list} == {"x"}
    assert len({series.series_uid for series in series_list}) == 2


def test_readers_of_other_formats_write_nothing_past_us(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mha").write_text(
        "ObjectType = Image\nNDims = 3\nElementType = MET_SHORT\nDimSize = 1 b\nElementDataFile = "
        "LOCAL\n"
    )
    (tmp_path / "b.nii").write_bytes(bytes(400))
    for found in find_series([tmp_path]):
        with pytest.raises(SeriesRefused, match="corrupt"):
            read_series(found)
    assert capfd.readouterr().err == ""


def test_a_format_in_an_archive_is_read_too(tmp_path: Path) -> None:
    volume = read_one(write_series(tmp_path / "dicom", chest()))
    (tmp_path / "x").mkdir()
    sitk.WriteImage(image_of(volume), str(tmp_path / "x" / "scan.mha"))
    np.testing.assert_array_equal(
        read_one(zipped(tmp_path / "x", tmp_path / "a.zip")).hu, volume.hu
    )


@pytest.mark.parametrize(
    "header",
    [
        (
            "NDims = 3\nDimSize = 40000 40000 40000\n"
            "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
        ),
        (
            "NDims = 3\nDimSize = 900 900 900\nElementType = MET_SHORT\nCompressedData = "
            "True\nElementDataFile = LOCAL\n"
        ),
        (
            "NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = "
            "../../../etc/passwd\n"
        ),
        (
            "NDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\n"
            "ElementDataFile = LIST\n/etc/passwd\n"
        ),
    ],
)
def test_a_header_that_asks_for_too_much_or_for_another_file_is_refused(
    tmp_path: Path, header: str
) -> None:
    (tmp_path / "a.mha").write_text(f"ObjectType = Image\n{PLACED}{header}")
    with pytest.raises(SeriesRefused, match=r"too-large: |corrupt: .*not one file beside"):
        read_one(tmp_path / "a.mha")


@pytest.mark.parametrize(
    "header", ["NDims = 40\nDimSize = 99999999999999999999 4 4\n", "NDims = 3\nDimSize = 4 4\n"]
)
def test_a_header_that_crashes_other_readers_is_refused(tmp_path: Path, header: str) -> None:
    text = f"ObjectType = Image\n{header}{PLACED}ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(text.encode() + bytes(128))
    with pytest.raises(SeriesRefused, match=r"too-large: |not-ct: 2 dimensions"):
        read_one(tmp_path / "a.mha")


WHOLE = {"CompressedData": "True", "CompressedDataSize": str(len(PACKED))}
SOUND_METAIMAGES: dict[str, tuple[bytes, dict[str, str | None]]] = {
    "plain": (RAW, {}),
    "big endian": (HU.astype(">i2").tobytes(), {"BinaryDataByteOrderMSB": "True"}),
    "packed": (PACKED, WHOLE),
    "packed without size": (PACKED, {"CompressedData": "True"}),
    "values at the end": (bytes(99) + RAW, {"HeaderSize": "-1"}),
    "other names": (
        RAW,
        {
            "Offset": None,
            "Position": "-10 -20 30",
            "TransformMatrix": None,
            "Rotation": "1 0 0 0 1 0 0 0 1",
        },
    ),
    "letters where axes go": (RAW, {"AnatomicalOrientation": "LPS"}),
    "letters unknown": (RAW, {"AnatomicalOrientation": "???"}),
}


@pytest.mark.parametrize("name", SOUND_METAIMAGES)
def test_a_sound_metaimage_is_read_exactly(tmp_path: Path, name: str) -> None:
    body, changes = SOUND_METAIMAGES[name]
    volume = read_one(metaimage(tmp_path / "A.MHA", body, **changes))
    np.testing.assert_array_equal(volume.hu, HU)
    assert (volume.spacing_mm, volume.origin_mm, codes(volume)) == (
        (2.5, 0.7, 0.8),
        (-10, -20, 30),
        set(),
    )


REFUSED_METAIMAGES: dict[str, tuple[str, bytes, dict[str, str | None]]] = {
    "short": ("undecodable: 4,704 bytes .* promises 9,408", RAW[: len(RAW) // 2], {}),
    "long": ("undecodable: more than", RAW + b"\0", {}),
    "of bytes": ("undecodable: more than 4,704", RAW, {"ElementType": "MET_UCHAR"}),
    "packed and cut": ("undecodable: the packed values", PACKED[:-200], {"CompressedData": "True"}),
    "packed and cut, size too": (
        "undecodable: the packed values",
        PACKED[:-200],
        {"CompressedData": "True", "CompressedDataSize": str(len(PACKED) - 200)},
    ),
    "packed, wrong size": (
        "undecodable: .*CompressedDataSize says 99",
        PACKED,
        {"CompressedData": "True", "CompressedDataSize": "99"},
    ),
    "packed, wrong sum": ("undecodable: the packed values", PACKED[:-4] + bytes(4), WHOLE),
    "packed, more values": ("undecodable: ", zlib.compress(RAW + RAW), {"CompressedData": "True"}),
    "packed, followed": ("undecodable: ", PACKED + b"\0", {"CompressedData": "True"}),
    "text": ("undecodable: ", b" ".join(b"%d" % v for v in HU.ravel()), {"BinaryData": "False"}),
    "no spacing": ("missing-tag: .*ElementSpacing", RAW, {"ElementSpacing": None}),
    "size for spacing": (
        "missing-tag: .*ElementSpacing",
        RAW,
        {"ElementSpacing": None, "ElementSize": "1 1 1"},
    ),
    "no matrix": ("missing-tag: .*TransformMatrix", RAW, {"TransformMatrix": None}),
    "no offset": ("missing-tag: .*Offset", RAW, {"Offset": None}),
    "two offsets": ("corrupt: .*two things", RAW, {"Position": "0 0 0"}),
    "negative spacing": ("corrupt: ElementSpacing", RAW, {"ElementSpacing": "-0.8 0.7 2.5"}),
    "long vectors": ("corrupt: TransformMatrix", RAW, {"TransformMatrix": "2 0 0 0 1 0 0 0 1"}),
    "few numbers": ("corrupt: Offset has 2", RAW, {"Offset": "1 2"}),
    "turned about a centre": ("corrupt: CenterOfRotation", RAW, {"CenterOfRotation": "5 0 0"}),
    "scaled": (
        "corrupt: ElementToIntensityFunctionSlope",
        RAW,
        {"ElementToIntensityFunctionSlope": "2"},
    ),
    "colored": ("corrupt: ElementNumberOfChannels", RAW, {"ElementNumberOfChannels": "3"}),
    "skipped": ("corrupt: HeaderSize", bytes(100) + RAW, {"HeaderSize": "100"}),
    "four axes": ("not-ct: 4 dimensions", RAW, {"DimSize": "28 24 7 1"}),
    "negative axes": ("corrupt: -28 voxels", RAW, {"DimSize": "-28 -24 7"}),
    "no number": ("corrupt: .*ValueError", RAW, {"Offset": "a b c"}),
    "of another modality": ("not-ct: Modality is MET_MOD_MR", RAW, {"Modality": "MET_MOD_MR"}),
    "odd type": ("not-ct: ElementType", RAW, {"ElementType": "MET_OTHER"}),
    "outside": ("corrupt: .*not one file beside", b"", {"ElementDataFile": "../a.raw"}),
    "centimetres": ("corrupt: DistanceUnits", RAW, {"DistanceUnits": "cm"}),
    "voxels of nothing": ("corrupt: voxel sizes", RAW, {"ElementSpacing": "0.01 0.7 2.5"}),
    "pattern": ("corrupt: .*not one file beside", b"", {"ElementDataFile": "a%02d.raw 1 7 1"}),
    "absent": ("corrupt: .*not one file beside", b"", {"ElementDataFile": "b.raw"}),
}


@pytest.mark.parametrize("name", REFUSED_METAIMAGES)
def test_a_metaimage_that_leaves_something_open_is_refused(tmp_path: Path, name: str) -> None:
    words, body, changes = REFUSED_METAIMAGES[name]
    with pytest.raises(SeriesRefused, match=words):
        read_one(metaimage(tmp_path / "a.mha", body, **changes))


def test_letters_that_contradict_the_matrix_are_told(tmp_path: Path) -> None:
    assert codes(read_one(metaimage(tmp_path / "a.mha", AnatomicalOrientation="LAI"))) == {
        "orientation-tag"
    }
    turned = {"TransformMatrix": "-1 0 0 0 -1 0 0 0 1", "AnatomicalOrientation": "LPI"}
    assert not codes(read_one(metaimage(tmp_path / "a.mha", **turned)))


@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
@pytest.mark.parametrize("name", ["values.raw", "./values.raw", "the values.raw", "Ä.bin"])
def test_a_detached_header_reads_the_one_file_it_names(
    tmp_path: Path, ending: str, name: str
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / name).write_bytes(RAW)
    (tmp_path / "x" / "a.raw").write_bytes(RAW[::-1])  # what other readers try next
    path = tmp_path / "x" / f"a.{ending}"
    if ending == "mhd":
        metaimage(path, b"", ElementDataFile=name)
    else:
        nrrd(path, b"", data_file=name)
    path.write_bytes(path.read_bytes().rstrip())
    np.testing.assert_array_equal(read_one(path).hu, HU)
    with pytest.raises(SeriesRefused, match=r"corrupt: .*not one file beside"):
        read_one(zipped(tmp_path / "x", tmp_path / "a.zip"))


SOUND_NRRDS: dict[str, tuple[bytes, dict[str, str | None]]] = {
    "plain": (RAW, {}),
    "big endian": (HU.astype(">i2").tobytes(), {"endian": "big"}),
    "gzip": (gzip.compress(RAW), {"encoding": "gzip"}),
    "bzip2": (bz2.compress(RAW), {"encoding": "bzip2"}),
    "ras": (
        RAW,
        {
            "space": "RAS",
            "space_directions": "(-0.8,0,0) (0,-0.7,0) (0,0,2.5)",
            "space_origin": "(10,20,30)",
        },
    ),
    "las": (
        RAW,
        {
            "space": "left-anterior-superior",
            "space_directions": "(0.8,0,0) (0,-.7,0) (0,0,2.5)",
            "space_origin": "(-10,20,30)",
        },
    ),
    "other order": (
        HU.transpose(1, 2, 0).tobytes(),
        {"sizes": "7 28 24", "space_directions": "(0,0,2.5) (0.8,0,0) (0,0.7,0)"},
    ),
    "more fields": (
        RAW,
        {
            "space_units": '"mm" "mm" "mm"',
            "centerings": "cell cell cell",
            "kinds": "domain domain domain",
        },
    ),
}


@pytest.mark.parametrize("name", SOUND_NRRDS)
def test_a_sound_nrrd_is_read_exactly(tmp_path: Path, name: str) -> None:
    body, changes = SOUND_NRRDS[name]
    volume = read_one(nrrd(tmp_path / "a.nrrd", body, **changes))
    np.testing.assert_array_equal(volume.hu, HU)
    assert volume.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert (volume.origin_mm, codes(volume)) == ((-10, -20, 30), set())


REFUSED_NRRDS: dict[str, tuple[str, bytes, dict[str, str | None]]] = {
    "short": ("undecodable: ", RAW[:-2], {}),
    "long": ("undecodable: more than", RAW + b"\0", {}),
    "gzip and cut": ("undecodable: .*EOFError", gzip.compress(RAW)[:-9], {"encoding": "gzip"}),
    "gzip, wrong sum": (
        "undecodable: .*BadGzipFile",
        gzip.compress(RAW)[:-8] + bytes(8),
        {"encoding": "gzip"},
    ),
    "bzip2 and cut": ("undecodable: .*EOFError", bz2.compress(RAW)[:-9], {"encoding": "bzip2"}),
    "text": ("undecodable: .*encoding", b"", {"encoding": "ascii"}),
    "no space": ("missing-tag: .*no space: ", RAW, {"space": None}),
    "a space without a patient": ("missing-tag: .*field space", RAW, {"space": "scanner-xyz"}),
    "no origin": ("missing-tag: .*space origin", RAW, {"space_origin": None}),
    "spacings": (
        "missing-tag: .*space directions",
        RAW,
        {"space_directions": None, "spacings": "0.8 0.7 2.5"},
    ),
    "micrometres": ("corrupt: space units", RAW, {"space_units": '"um" "um" "um"'}),
    "no endian": ("corrupt: .*endian", RAW, {"endian": None}),
    "skip": ("corrupt: .*byte skip", bytes(100) + RAW, {"byte_skip": "100"}),
    "quantized": ("corrupt: .*old max", RAW, {"old_max": "3000"}),
    "two sizes": ("corrupt: .*two things", RAW, {"Sizes": "1 1 1"}),
    "an axis of no space": (
        "not-ct: the axes",
        RAW,
        {"space_directions": "none (0.8,0,0) (0,0.7,0)"},
    ),
    "of blocks": ("not-ct: .*type", RAW, {"type": "block"}),
    "sheared": ("tilted-gantry: ", RAW, {"space_directions": "(0.8,0,0) (0,0.7,0) (0,0.3,2.5)"}),
}


@pytest.mark.parametrize("name", REFUSED_NRRDS)
def test_a_nrrd_that_leaves_something_open_is_refused(tmp_path: Path, name: str) -> None:
    words, body, changes = REFUSED_NRRDS[name]
    with pytest.raises(SeriesRefused, match=words):
        read_one(nrrd(tmp_path / "a.nrrd", body, **changes))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ending", ["mha", "nrrd", "nii"])
def test_geometry_is_simpleitks_whatever_the_directions(
    tmp_path: Path, ending: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(HU)
    image.SetDirection(np.linalg.qr(rng.normal(size=(3, 3)))[0].ravel().tolist())
    image.SetSpacing(rng.uniform(0.5, 3, 3).tolist())
    image.SetOrigin(rng.uniform(-200, 200, 3).tolist())
    sitk.WriteImage(image, str(tmp_path / f"a.{ending}"))
    volume = read_one(tmp_path / f"a.{ending}")
    theirs = sitk.ReadImage(str(tmp_path / f"a.{ending}"))
    for index in rng.integers(0, [28, 24, 7], (20, 3)).tolist():
        point = theirs.TransformIndexToPhysicalPoint(index)
        place = np.linalg.solve(volume.affine, [*point, 1])[:3]
        np.testing.assert_allclose(place, np.rint(place), atol=1e-3)
        assert volume.hu[tuple(np.rint(place).astype(int))] == theirs.GetPixel(index)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("left", [b"", bytes(9000)])
def test_what_is_left_of_a_volume_is_refused(tmp_path: Path, name: str, left: bytes) -> None:
    (tmp_path / name).write_bytes(left)
    with pytest.raises(SeriesRefused, match="corrupt"):
        read_one(tmp_path / name)
