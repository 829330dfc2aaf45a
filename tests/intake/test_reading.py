"""Laws and verdicts of intake on small series written here."""

import math
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from dicom_making import AXIAL, LOSSLESS, Making, chest, datasets, write, write_series
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from lungnet.config.intake import IntakeConfig
from lungnet.errors import InputError, SeriesRefused
from lungnet.intake import find_series, inspect_series, read_series
from lungnet.intake.geometry.orientation import as_stack, canonical
from lungnet.intake.reasons import REASONS, WARNINGS
from lungnet.volume import Volume, to_patient_mm

SLOW_WRITING = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_one(path: Path) -> Volume:
    (found,) = find_series([path])
    return read_series(found)


def refusal(path: Path) -> str:
    (found,) = find_series([path])
    with pytest.raises(SeriesRefused) as caught:
        read_series(found)
    assert caught.value.reason in REASONS
    return caught.value.reason


def codes(volume: Volume) -> set[str]:
    found = {warning.code for warning in volume.warnings}
    assert found <= set(WARNINGS)
    return found


def test_a_plain_series_is_read_exactly(tmp_path: Path) -> None:
    hu = chest()
    volume = read_one(write_series(tmp_path, hu))
    np.testing.assert_array_equal(volume.hu, hu)
    assert volume.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    assert volume.origin_mm == pytest.approx((-50, -40, 100))
    assert (volume.patient_id, codes(volume)) == ("P1", set())


@given(seed=st.integers(0, 10_000))
@SLOW_WRITING
def test_a_shuffled_series_gives_the_same_volume(tmp_path: Path, seed: int) -> None:
    made = datasets(chest())
    names = [f"{n:05d}" for n in np.random.default_rng(seed).permutation(len(made))]
    folder = write(tmp_path / str(seed), made, names)
    volume = read_one(folder)
    np.testing.assert_array_equal(volume.hu, chest())
    assert not volume.warnings


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_lossless_transfer_syntax_gives_the_same_values(tmp_path: Path, syntax: str) -> None:
    hu = chest(slices=4, size=64)
    np.testing.assert_array_equal(
        read_one(write_series(tmp_path, hu, Making(syntax=syntax))).hu, hu
    )


@given(
    slope=st.sampled_from([1.0, 2.0, 0.5, 0.1, 1.25, -1.0]),
    intercept=st.sampled_from([-1024.0, -1000.0, 0.0, -1023.5, 31.25]),
    is_signed=st.booleans(),
)
@SLOW_WRITING
def test_hu_is_stored_times_slope_plus_intercept_rounded_to_even(
    tmp_path: Path, slope: float, intercept: float, is_signed: bool
) -> None:
    folder = tmp_path / f"{slope}{intercept}{is_signed}"
    base = chest(slices=3)
    exact = (base - intercept) / slope
    assume((not is_signed or exact.max() < 32768) and (is_signed or exact.min() >= 0))
    made = datasets(base, Making(slope=slope, intercept=intercept, is_signed=is_signed))
    stored = np.stack(
        [
            np.frombuffer(d.PixelData, "<i2" if is_signed else "<u2").reshape(base.shape[1:])
            for d in made
        ]
    )
    expected = np.clip(np.rint(stored * slope + intercept), -1024, 32767)
    write(folder, made)
    (found,) = find_series([folder])
    np.testing.assert_array_equal(read_series(found).hu, expected)


ORIENTATIONS = {
    "axial": AXIAL,
    "prone": (-1, 0, 0, 0, -1, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "rotated in plane": (0, 1, 0, -1, 0, 0),
    "oblique": (math.cos(0.3), math.sin(0.3), 0, -math.sin(0.3), math.cos(0.3), 0),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_every_voxel_keeps_its_place_in_the_patient(tmp_path: Path, name: str) -> None:
    how = Making(orientation=ORIENTATIONS[name])
    stack = chest()
    volume = read_one(write_series(tmp_path, stack, how))
    across, down = np.array(how.orientation).reshape(2, 3)
    k, i, j = 5, 3, 20
    at = (
        np.array(how.origin_mm)
        + np.cross(across, down) * 2.5 * k
        + down * 0.7 * i
        + across * 0.8 * j
    )
    z, y, x = np.rint(np.linalg.solve(volume.affine, [*at, 1])[:3]).astype(int)
    np.testing.assert_allclose(to_patient_mm(volume.affine, [z, y, x]), at, atol=1e-4)
    assert volume.hu[z, y, x] == stack[k, i, j]
    columns = volume.affine[:3, :3] / volume.spacing_mm
    assert min(columns[2, 0], columns[1, 1], columns[0, 2]) > 0.7  # z up, y back, x left


def test_the_canonical_view_writes_where_it_says() -> None:
    stack = np.eye(4)
    stack[:3, :3] = np.array([[0, 0, -1], [-1, 0, 0], [0, 2, 0]])
    axes, flips, affine, shape = canonical(stack, (4, 5, 6))
    volume = np.zeros(shape, np.int16)
    as_stack(volume, axes, flips)[3, 1, 2] = 7
    place = np.argwhere(volume == 7)[0]
    np.testing.assert_allclose(to_patient_mm(affine, place), (stack @ [3, 1, 2, 1])[:3])


def test_a_tilted_stack_is_sheared_back(tmp_path: Path) -> None:
    angle = math.radians(20)
    across, down = (1.0, 0.0, 0.0), (0.0, math.cos(angle), -math.sin(angle))
    positions = tuple(
        (-50.0, -40.0, 100.0 + 2.0 * k) for k in range(8)
    )  # the table moves along z, the gantry leans
    hu = np.full((8, 24, 28), -1000, np.int16)
    for k in range(8):
        hu[k, 10, 12] = 500
    volume = read_one(
        write_series(
            tmp_path,
            hu,
            Making(orientation=(*across, *down), positions=positions, spacing_mm=(2, 1, 1)),
        )
    )
    assert codes(volume) == {"unsheared"}
    columns = volume.affine[:3, :3] / volume.spacing_mm
    np.testing.assert_allclose(columns.T @ columns, np.eye(3), atol=1e-9)
    for k in range(8):
        point = np.array(positions[k]) + np.array(down) * 10 + np.array(across) * 12
        z, y, x = np.linalg.solve(volume.affine, [*point, 1])[:3]
        around = volume.hu[round(z), int(y) : int(y) + 2, round(x)].astype(float)
        weights = np.array([1 - (y - int(y)), y - int(y)])
        np.testing.assert_allclose(around, -1000 + 1500 * weights, atol=1)


def test_uneven_slices_are_resampled_and_a_linear_ramp_stays_one(tmp_path: Path) -> None:
    heights = [0, 2.0, 4.0, 6.0, 9.0, 11.0, 13.0]
    ramp = np.stack([np.full((16, 16), round(-900 + 20 * h), np.int16) for h in heights])
    volume = read_one(
        write_series(tmp_path, ramp, Making(positions=tuple((0.0, 0.0, h) for h in heights)))
    )
    assert "resampled" in codes(volume)
    np.testing.assert_array_equal(
        volume.hu[:, 4, 4], np.rint(-900 + 20 * 2.0 * np.arange(len(volume.hu)))
    )


def drop(made: list[Dataset], *which: int) -> list[Dataset]:
    return [d for k, d in enumerate(made) if k not in which]


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("missing-slice", lambda made: drop(made, 4)),
        ("missing-slice", lambda made: drop(made, 3, 4)),
        ("too-few-slices", lambda made: made[:2]),
        ("not-ct", lambda made: _set(made, Modality="MR")),
        ("localizer", lambda made: _set(made, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
        ("derived", lambda made: _set(made, ImageType=["DERIVED", "SECONDARY", "MPR"])),
        ("derived", lambda made: _set(made, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")),
        ("missing-tag", lambda made: _unset(made, "ImagePositionPatient")),
        ("missing-tag", lambda made: _unset(made, "RescaleIntercept")),
        ("implausible-hu", lambda made: _set(made, RescaleIntercept=20000)),
        ("implausible-hu", lambda made: _set(made, RescaleSlope=0)),
        (
            "mixed-orientation",
            lambda made: made[:4] + _set(made[4:], ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        ),
        ("mixed-frame", lambda made: made[:4] + _set(made[4:], FrameOfReferenceUID="1.2.3")),
        ("mixed-size", lambda made: made[:4] + _set(made[4:], PixelSpacing=[0.5, 0.5])),
        ("corrupt", lambda made: _set(made, PixelSpacing=[0, 0])),
        ("corrupt", lambda made: _set(made, ImageOrientationPatient=[1, 0, 0, 0, 2, 0])),
        ("too-large", lambda made: _set(made, Rows=60000, Columns=60000)),
        ("undecodable", lambda made: _set(made, PixelData=b"\0" * 100)),
    ],
)
def test_a_fault_gets_its_reason(tmp_path: Path, reason: str, change: object) -> None:
    assert refusal(write(tmp_path, change(datasets(chest())))) == reason  # type: ignore[operator]


def _set(made: list[Dataset], **tags: object) -> list[Dataset]:
    for dataset in made:
        for name, value in tags.items():
            setattr(dataset, name, value)
    return made


def _unset(made: list[Dataset], name: str) -> list[Dataset]:
    for dataset in made:
        delattr(dataset, name)
    return made


def test_an_exact_copy_is_dropped_and_a_rival_is_refused(tmp_path: Path) -> None:
    made = datasets(chest())
    write(tmp_path / "copy", made)
    (tmp_path / "copy" / "again.dcm").write_bytes((tmp_path / "copy" / "003.dcm").read_bytes())
    volume = read_one(tmp_path / "copy")
    assert (codes(volume), volume.hu.shape[0]) == ({"duplicate-dropped"}, 8)
    write(tmp_path / "rival", made)
    made[3].PixelData = made[4].PixelData
    made[3].save_as(tmp_path / "rival" / "rival.dcm")
    assert refusal(tmp_path / "rival") == "duplicate-position"


@pytest.mark.parametrize(("i", "j"), [(2, 3), (1, 5), (3, 6), (0, 1), (10, 11), (0, 2), (9, 11)])
def test_swapped_and_repeated_pixels_are_noticed(tmp_path: Path, i: int, j: int) -> None:
    made = datasets(chest(slices=12))
    made[i].PixelData, made[j].PixelData = made[j].PixelData, made[i].PixelData
    assert codes(read_one(write(tmp_path / "swapped", made))) & {"slice-order", "discontinuity"}
    made[i].PixelData = made[j].PixelData
    assert "repeated-pixels" in codes(read_one(write(tmp_path / "repeated", made)))


def test_a_first_or_a_middle_slice_that_is_lost_is_noticed_by_instance_numbers(
    tmp_path: Path,
) -> None:
    made = datasets(chest())
    assert codes(read_one(write(tmp_path / "first", made[1:]))) == {"slice-count"}
    for k, dataset in enumerate(made[3:], 3):
        dataset.ImagePositionPatient = [-50.0, -40.0, 100.0 + 2.5 * (k - 1)]
    assert codes(read_one(write(tmp_path / "closed", [*made[:2], *made[3:]]))) == {"slice-count"}


def test_slices_that_name_several_studies_are_one_series(tmp_path: Path) -> None:
    made = datasets(chest())
    for k, dataset in enumerate(made):
        dataset.StudyInstanceUID = f"1.2.{k + 1}"
    volume = read_one(write(tmp_path, made))
    np.testing.assert_array_equal(volume.hu, chest())
    assert codes(volume) == {"study-per-slice"}


def test_swapped_positions_are_noticed_by_instance_numbers(tmp_path: Path) -> None:
    made = datasets(chest(slices=12))
    made[2].ImagePositionPatient, made[7].ImagePositionPatient = (
        made[7].ImagePositionPatient,
        made[2].ImagePositionPatient,
    )
    assert "slice-order" in codes(read_one(write(tmp_path, made)))


@pytest.mark.parametrize("padding", [63536, 0])
def test_padding_is_air_and_never_punctures_tissue(tmp_path: Path, padding: int) -> None:
    """63536 is -2000 in a signed image; 0 with intercept 0 is water and air at once."""
    hu = chest()
    hu[:, 0, :] = 0
    hu[:, 12, 14] = 0
    made = _set(datasets(hu, Making(intercept=0)), PixelPaddingValue=0)
    for dataset in made:
        dataset["PixelPaddingValue"].VR = "US"
        dataset.PixelPaddingValue = padding
        if padding:
            words = np.frombuffer(dataset.PixelData, "<i2").copy()
            words[:28] = -2000
            dataset.PixelData = words.tobytes()
    volume = read_one(write(tmp_path, made))
    assert (volume.hu[:, 0, :] == -1024).all()
    assert (volume.hu[:, 12, 14] == 0).all()


def test_names_and_birth_dates_reach_nothing(tmp_path: Path) -> None:
    write_series(tmp_path, chest())
    (found,) = find_series([tmp_path])
    said = repr(found) + repr(inspect_series(found).to_json())
    assert not any(secret in said for secret in ("Quxley", "Zenobia", "19501231"))


def test_what_is_found_travels_between_processes(tmp_path: Path) -> None:
    (found,) = find_series([write_series(tmp_path, chest())])
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(read_series(again).hu, read_series(found).hu)


def test_junk_is_passed_over_and_a_missing_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("not dicom")
    (tmp_path / "zero.dcm").write_bytes(b"")
    (tmp_path / "page.html").write_text("<html></html>")
    assert find_series([tmp_path]) == []
    with pytest.raises(InputError, match="nowhere"):
        find_series([tmp_path / "nowhere"])


def test_limits_are_settings(tmp_path: Path) -> None:
    write_series(tmp_path, chest())
    (found,) = find_series([tmp_path], IntakeConfig(fewest_slices=20))
    assert found.refusal is not None
    assert found.refusal[0] == "too-few-slices"


@pytest.mark.parametrize(
    ("character_set", "raw", "patient_id"),
    [
        (b"ISO_IR 100", "Müller-1".encode("latin-1"), "Müller-1"),
        (b"ISO_IR 192", "Müller-1".encode(), "Müller-1"),
        (b"ISO_IR 144", "Яков7".encode("iso8859-5"), "Яков7"),
        (b"GB18030", "患者12".encode("gb18030"), "患者12"),
        (b"ISO_IR 13", b"\xd4\xcf\xc0\xde-3", "ﾔﾏﾀﾞ-3"),
        (b"\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B9", "山田9"),
        (b"NOBODY KNOWS", "Müller-1".encode(), "Müller-1"),
        (b"", b"A\x82\xa0", "A\\u0082\\u00a0"),
        (b"", b"A\x82\xa1", "A\\u0082\xa1"),
        (b"", b"A1\x01Quxley^Zenobia", "A1~36522e34"),
        (b"ISO_IR 192", "東\u3000001".encode(), "東\\u3000001"),
    ],
)
def test_ids_are_read_in_their_characters_and_two_stay_two(
    tmp_path: Path, character_set: bytes, raw: bytes, patient_id: str
) -> None:
    folder = write_series(
        tmp_path, chest(slices=4), Making(patient_id="@" * (len(raw) + len(raw) % 2))
    )
    for path in folder.iterdir():
        data = path.read_bytes().replace(
            b"@" * (len(raw) + len(raw) % 2), raw + b" " * (len(raw) % 2)
        )
        at = data.index(b"\x08\x00\x08\x00CS")
        stated = character_set + b" " * (len(character_set) % 2)
        path.write_bytes(
            data[:at] + struct.pack("<HH2sH", 8, 5, b"CS", len(stated)) + stated + data[at:]
        )
    (found,) = find_series([folder])
    assert found.patient_id == patient_id
