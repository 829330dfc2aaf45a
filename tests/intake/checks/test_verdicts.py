"""What headers and values tell of a series beyond its grid.

Each oddity has its code, each impossibility its reason.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_making import Making, chest, datasets, write, write_series
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from lungnet.errors import InputError, SeriesRefused
from lungnet.intake import Series, choose, find_series, inspect_series, read_series
from lungnet.intake.printable import clean


def each(made: list[Dataset], **tags: object) -> list[Dataset]:
    """Give slices of their own values where a tag's value is a list, and all the same else."""
    for k, one in enumerate(made):
        for tag, value in tags.items():
            setattr(
                one, tag, value[k] if isinstance(value, list) and len(value) == len(made) else value
            )
    return made


WARNED: dict[str, Callable[[list[Dataset]], list[Dataset]]] = {
    "mixed-kernel": lambda made: each(made, ConvolutionKernel=["B30f", "B60f"] * 4),
    "mixed-type": lambda made: each(
        made, ImageType=[["ORIGINAL", "PRIMARY", "AXIAL", name] for name in ("A", "B") * 4]
    ),
    "derived mixed-type": lambda made: each(
        made, ImageType=[[kind, "PRIMARY", "AXIAL"] for kind in ("ORIGINAL", "DERIVED") * 4]
    ),
    "mixed-acquisition": lambda made: each(made, AcquisitionNumber=[1, 2] * 4),
    "slice-gap": lambda made: each(made, SliceThickness=1.0),
    "slice-count": lambda made: each(made, InstanceNumber=list(range(1, 17, 2))),
    "frame-per-slice": lambda made: each(
        made, FrameOfReferenceUID=[f"1.2.{k + 1}" for k in range(8)]
    ),
    "rescale-type": lambda made: each(made, RescaleType="US"),
    "derived": lambda made: each(made, ImageType=["DERIVED", "SECONDARY", "AXIAL"]),
    "set-aside": lambda made: (
        each(datasets(chest(slices=9))[8:], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]) + made
    ),
}


@pytest.mark.parametrize("code", WARNED)
def test_an_oddity_of_headers_is_told(tmp_path: Path, code: str) -> None:
    (found,) = find_series([write(tmp_path, WARNED[code](datasets(chest())))])
    volume = read_series(found)
    np.testing.assert_array_equal(volume.hu, chest())
    assert {w.code for w in volume.warnings} == set(code.split())


def test_fewer_images_than_promised_are_told(tmp_path: Path) -> None:
    (found,) = find_series([write(tmp_path, each(datasets(chest()), ImagesInAcquisition=9))])
    assert [w.code for w in found.warnings] == ["slice-count"]


def test_too_few_slices_beside_localizers_are_no_series(tmp_path: Path) -> None:
    made = datasets(chest())
    (found,) = find_series(
        [write(tmp_path, each(made[2:], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]) + made[:2])]
    )
    assert found.refusal is not None
    assert found.refusal[0] == "localizer"


def test_a_scan_in_steps_is_no_mixture(tmp_path: Path) -> None:
    (found,) = find_series(
        [write(tmp_path, each(datasets(chest()), AcquisitionNumber=[1, 1, 1, 2, 2, 3, 3, 3]))]
    )
    assert not found.warnings


def test_a_copy_in_a_series_with_a_frame_per_slice_is_dropped(tmp_path: Path) -> None:
    made = each(datasets(chest()), FrameOfReferenceUID=[f"1.2.{k + 1}" for k in range(8)])
    (found,) = find_series([write(tmp_path, [*made, made[3]])])
    assert {w.code for w in read_series(found).warnings} == {"frame-per-slice", "duplicate-dropped"}


REFUSED: list[tuple[str, str, Callable[[list[Dataset]], list[Dataset]]]] = [
    (
        "derived",
        "CURVED",
        lambda made: each(made, ImageType=["DERIVED", "PRIMARY", "AXIAL", "CURVED_MPR"]),
    ),
    (
        "derived",
        "MIP",
        lambda made: each(made, ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "MIP THICK"]),
    ),
    ("derived", "SECONDARY", lambda made: each(made, ImageType=["DERIVED", "SECONDARY", "OTHER"])),
    ("derived", "3 samples", lambda made: each(made, SamplesPerPixel=3)),
    ("derived", "PALETTE", lambda made: each(made, PhotometricInterpretation="PALETTE COLOR")),
    ("localizer", "TOP", lambda made: each(made, ImageType=["ORIGINAL", "PRIMARY", "CT_SOM5 TOP"])),
    (
        "missing-tag",
        "Bits Allocated",
        lambda made: each(made, BitsAllocated=0, PixelPaddingValue=-2000),
    ),
    ("missing-tag", "Bits Stored", lambda made: each(made, BitsStored=None)),
    ("missing-tag", "Pixel Representation", lambda made: each(made, PixelRepresentation=None)),
    ("corrupt", "4 values", lambda made: each(made, ImagePositionPatient=[0, 0, 1, 2])),
    (
        "corrupt",
        "mm away",
        lambda made: each(made, ImagePositionPatient=[[0, 0, 1e6 * k] for k in range(8)]),
    ),
    (
        "irregular-spacing",
        "500 mm apart",
        lambda made: each(made, ImagePositionPatient=[[0, 0, 500 * k] for k in range(8)]),
    ),
    ("corrupt", "so fine a grid", lambda made: each(made, PixelSpacing=[1e-9, 1e-9])),
    ("corrupt", "so wide a field", lambda made: each(made, PixelSpacing=[90, 90])),
]


@pytest.mark.parametrize(
    ("reason", "words", "change"),
    REFUSED,
    ids=[f"{reason} {words}" for reason, words, _ in REFUSED],
)
def test_a_header_that_cannot_be_is_refused(
    tmp_path: Path, reason: str, words: str, change: Callable[..., list[Dataset]]
) -> None:
    (found,) = find_series([write(tmp_path, change(datasets(chest())))])
    assert found.refusal is not None
    assert found.refusal[0] == reason
    assert words in found.refusal[1]


def test_a_value_that_runs_into_a_name_ends_before_it() -> None:
    assert clean(b"P1\x10\x00\x10\x00PN\x08\x00Quxley^Z") == "P1"
    assert clean(b" 1.2.3\0") == "1.2.3"


def test_a_header_that_was_cut_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(128) + b"DICM")
    (found,) = find_series([tmp_path])
    assert found.refusal is not None
    assert found.refusal[0] == "corrupt"


def test_a_wrong_byte_order_in_the_meta_header_is_seen(tmp_path: Path) -> None:
    folder = write_series(tmp_path, chest())
    for path in folder.iterdir():
        path.write_bytes(
            path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0", 1)
        )
    volume = read_series(find_series([folder])[0])
    np.testing.assert_array_equal(volume.hu, chest())
    assert {w.code for w in volume.warnings} == {"transfer-syntax"}


@pytest.mark.parametrize("size", [24, 25])
@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_bytes_in_big_endian_words_keep_their_order(tmp_path: Path, vr: str, size: int) -> None:
    hu = chest(size=size)[:, :, :size] // 16 * 16
    made = datasets(hu)
    for one, plane in zip(made, hu, strict=True):
        one.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
        one.RescaleSlope, one.RescaleIntercept = 16, -1024
        values = ((plane + 1024) // 16).astype(np.uint8).tobytes()
        words = np.frombuffer(values + b"\0" * (len(values) % 2), np.uint16)
        one.PixelData = (words.byteswap() if vr == "OW" else words).tobytes()
        one["PixelData"].VR = vr
    folder = tmp_path / "a"
    folder.mkdir()
    for k, one in enumerate(made):
        one.save_as(folder / f"{k}.dcm", implicit_vr=False, little_endian=False)
    np.testing.assert_array_equal(read_series(find_series([folder])[0]).hu, hu)


def body(change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A chest with ribs in front of a room, large enough to be judged by its content, changed."""
    hu = chest(slices=40, size=64)
    hu[:, 30:34, 30:36] = 700
    return np.clip(np.rint(change(hu.astype(np.float64))), -1024, 30000).astype(np.int16)


def filled(hu: np.ndarray) -> np.ndarray:
    return np.where(hu < -500, np.where(np.arange(64)[:, None] % 63 == 0, -1000, 40), hu)


@pytest.mark.parametrize(
    ("verdict", "change"),
    [
        ("usable", lambda hu: hu),
        ("usable", lambda hu: hu[:, 8:-8, 10:-20]),  # a field of view that cuts the body
        ("implausible-hu", lambda hu: hu + 1024),
        ("implausible-hu", lambda hu: hu * 8),
        ("implausible-hu", lambda hu: hu - 300),
        ("implausible-hu", lambda hu: -hu),
        ("implausible-hu", lambda hu: hu * 0 - 1024),
        ("implausible-hu", lambda hu: np.minimum(hu, -250)),
        ("implausible-hu", lambda hu: np.random.default_rng(0).uniform(-1000, 2000, hu.shape)),
        ("not-chest", filled),
    ],
)
def test_values_that_are_no_chest_are_refused(
    tmp_path: Path, verdict: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    folder = write_series(
        tmp_path, body(change), Making(spacing_mm=(4, 4, 4), intercept=-1024, is_signed=False)
    )
    row = inspect_series(find_series([folder])[0])
    assert (row.reason or row.status) == verdict


def test_many_values_far_below_air_are_refused(tmp_path: Path) -> None:
    made = datasets(chest(slices=4, size=64), Making(intercept=0))
    for k, one in enumerate(made):
        pixels = np.frombuffer(one.PixelData, "<i2").reshape(64, 68).copy()
        pixels[8:40, 8:40] = np.random.default_rng(k).integers(-30000, -5000, (32, 32))
        one.PixelData = pixels.tobytes()
    row = inspect_series(find_series([write(tmp_path, made)])[0])
    assert (row.reason, "below -4,200 HU" in row.detail) == ("implausible-hu", True)


@pytest.mark.parametrize("padding", [-32768, -20000])
def test_a_declared_range_of_padding_far_below_air_is_air(tmp_path: Path, padding: int) -> None:
    hu = chest()
    made = datasets(hu, Making(intercept=0))
    for one in made:
        pixels = np.frombuffer(one.PixelData, "<i2").reshape(24, 28).copy()
        pixels[:2] = padding
        pixels[0, ::3] = -25000
        one.PixelData = pixels.tobytes()
        one.add_new(0x00280120, "SS", -32768)
        one.add_new(0x00280121, "SS", -20000)
    volume = read_series(find_series([write(tmp_path, made)])[0])
    assert (volume.hu[:, :2] == -1024).all()
    np.testing.assert_array_equal(volume.hu[:, 2:], hu[:, 2:])


@pytest.mark.parametrize("lost", [None, 40])
def test_positions_that_were_rounded_form_an_even_grid(tmp_path: Path, lost: int | None) -> None:
    hu = chest(slices=80)
    places = tuple((0.0, 0.0, round(0.625 * k, 1)) for k in range(80))
    made = [one for k, one in enumerate(datasets(hu, Making(positions=places))) if k != lost]
    (found,) = find_series([write(tmp_path, made)])
    if lost is None:
        np.testing.assert_array_equal(read_series(found).hu, hu)
    else:
        with pytest.raises(SeriesRefused, match="missing-slice: slices 40 and 41 are"):
            read_series(found)


def test_blocks_of_slices_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    hu = chest(slices=60, size=128)
    mixed = np.concatenate([hu[:20], hu[40:], hu[20:40]])
    codes = {
        w.code for w in read_series(find_series([write_series(tmp_path / "a", mixed)])[0]).warnings
    }
    assert "discontinuity" in codes
    assert not read_series(find_series([write_series(tmp_path / "b", hu)])[0]).warnings


@pytest.mark.parametrize(
    "kind",
    [
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
    ],
)
def test_a_broken_value_of_a_scout_does_not_refuse_the_slices(
    tmp_path: Path, kind: dict[str, object]
) -> None:
    scout = each(datasets(chest(slices=9))[8:], PixelSpacing="1.0", **kind)
    (found,) = find_series([write(tmp_path, [*datasets(chest()), *scout])])
    assert [w.code for w in found.warnings] == ["set-aside"]


@pytest.mark.parametrize(
    ("words", "is_slice"),
    [
        (["ORIGINAL", "PRIMARY", "AXIAL", "LOW_DOSE"], True),
        (["ORIGINAL", "PRIMARY", "AXIAL", "AIDR 3D"], True),
        (["DERIVED", "PRIMARY", "AXIAL", "DOSE INFO"], False),
        (["ORIGINAL", "PRIMARY", "AXIAL", "ZEFF"], False),
        (["DERIVED", "PRIMARY", "AXIAL", "IODINE MAP"], False),
        (["DERIVED", "PRIMARY", "VOLUME", "STD_DEVIATION"], False),
    ],
)
def test_words_of_image_type_tell_slices_from_what_was_computed(
    tmp_path: Path, words: list[str], *, is_slice: bool
) -> None:
    (found,) = find_series(
        [write(tmp_path, [each([one], ImageType=words)[0] for one in datasets(chest())])]
    )
    assert (found.refusal is None) == is_slice
    assert is_slice or found.refusal[0] == "derived"  # type: ignore[index]


def test_a_length_that_runs_into_a_name_shows_nothing_of_it(tmp_path: Path) -> None:
    folder = write_series(tmp_path, chest())
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        syntax, name = data.index(b"\x02\x00\x10\x00UI"), data.index(b"\x10\x00\x10\x00PN")
        end = name + 8 + int.from_bytes(data[name + 6 : name + 8], "little")
        data[syntax + 6 : syntax + 8] = (end - syntax - 8).to_bytes(2, "little")
        path.write_bytes(data)
    said = " ".join(repr(inspect_series(found).to_json()) for found in find_series([folder]))
    assert "Quxley" not in said
    assert "Zenobia" not in said


def test_a_header_with_an_unknown_representation_is_corrupt(tmp_path: Path) -> None:
    path = write(tmp_path, datasets(chest())[:1]) / "000.dcm"
    path.write_bytes(path.read_bytes().replace(b"\x20\x00\x32\x00DS", b"\x20\x00\x32\x00??"))
    (found,) = find_series([path])
    assert found.refusal is not None
    assert found.refusal[0] == "corrupt"


def code_set(series: Series) -> set[str]:
    return {warning.code for warning in series.warnings}


def test_a_sop_class_that_only_the_file_meta_has_is_taken_and_told(tmp_path: Path) -> None:
    made = datasets(chest(), Making())
    for dataset in made:
        del dataset.SOPClassUID
    write(tmp_path, made)
    (series,) = find_series([tmp_path])
    assert series.refusal is None
    assert "sop-class" in code_set(series)


@pytest.mark.parametrize("slices", [8, 14])
def test_even_axial_slices_with_hu_overrule_a_type_that_calls_all_of_them_derived(
    tmp_path: Path, slices: int
) -> None:
    write(tmp_path, each(datasets(chest(slices), Making()), ImageType=["DERIVED", "SECONDARY"]))
    (series,) = find_series([tmp_path])
    if slices < 12:  # too few to outweigh what every header says
        assert series.refusal is not None
        assert series.refusal.reason == "derived"
    else:
        assert series.refusal is None
        assert "derived-overruled" in code_set(series)


def split_by(tmp_path: Path, **values: tuple[object, object]) -> list[Series]:
    """Two stacks at the same positions in one series, which tags tell apart or not."""
    for number in (0, 1):
        made = datasets(chest(seed=number), Making())
        for k, dataset in enumerate(made):
            dataset.InstanceNumber = 100 * number + k + 1
            for keyword, pair in values.items():
                setattr(dataset, keyword, pair[number])
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), made)
    return find_series([tmp_path])


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"AcquisitionNumber": (3, 7)}, "Acquisition Number 7"),
        ({"TemporalPositionIdentifier": (1, 2)}, "Temporal Position 2"),
        ({"ConvolutionKernel": ("B30f", "B60f")}, "Convolution Kernel B60f"),
        ({}, "run of instance numbers 2"),
    ],
)
def test_stacks_that_a_tag_tells_apart_have_verdicts_and_names_of_their_own(
    tmp_path: Path, values: dict[str, tuple[object, object]], name: str
) -> None:
    first, second = split_by(tmp_path, **values)
    assert first.series_uid == second.series_uid
    assert first.stack != second.stack == name
    assert {"split"} <= code_set(first) & code_set(second)
    assert not np.array_equal(read_series(first).hu, read_series(second).hu)
    rows = choose([inspect_series(series) for series in (first, second)])
    assert sorted(row.chosen for row in rows) == [False, True]
    assert [row.stack for row in rows] == [first.stack, second.stack]


def test_placeholder_ids_and_ids_of_several_studies_are_told(tmp_path: Path) -> None:
    for number, patient in enumerate(("ANONYMOUS", "ANONYMOUS", "", "P7")):
        made = datasets(chest(), Making(series_uid=f"1.2.{number}", patient_id=patient))
        write(tmp_path / str(number), each(made, StudyInstanceUID=f"1.3.{number}"))
    codes = {s.series_uid: code_set(s) for s in find_series([tmp_path])}
    assert {"placeholder-id", "id-over-studies"} <= codes["1.2.0"] & codes["1.2.1"]
    assert "placeholder-id" in codes["1.2.2"]
    assert not codes["1.2.3"] & {"placeholder-id", "id-over-studies"}


def test_folders_stand_for_ids_where_asked(tmp_path: Path) -> None:
    for number in (0, 1):
        made = datasets(chest(), Making(series_uid=f"1.2.{number}", patient_id=""))
        write(tmp_path / f"case{number}" / "study" / "ct", made)
    series_list = find_series([tmp_path], patient_id_from="folder")
    assert [s.patient_id for s in series_list] == ["case0", "case1"]
    assert not any("placeholder-id" in code_set(s) for s in series_list)
    with pytest.raises(InputError, match="lies in no folder below"):
        find_series([tmp_path / "case0" / "study" / "ct"], patient_id_from="folder")


def test_a_stray_slice_at_a_taken_position_is_no_stack_of_its_own(tmp_path):
    heights = [2.5 * k for k in range(12)] + [7.5]
    making = Making(positions=tuple((-50.0, -40.0, z) for z in heights))
    write_series(tmp_path, chest(slices=13), making)
    (found,) = find_series([tmp_path])
    with pytest.raises(SeriesRefused, match="duplicate-position"):
        read_series(found)
