import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydantic import ValidationError

from lungnet.cli.main import main
from lungnet.config.phantom import PhantomConfig
from lungnet.errors import UsageError
from lungnet.files import folder_hash
from lungnet.phantom import SYNTHETIC_MARK
from lungnet.phantom.cohort import make_cohort
from lungnet.phantom.patient import make_patient

TINY = PhantomConfig(matrix=64, thinnest_mm=8, thickest_mm=8, vessel_ends=16)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "cohort"
    make_cohort(out, 5, 11, TINY)
    return out


def _slices(folder: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]


def test_files_read_back_as_the_patients_hu_and_geometry(cohort: Path) -> None:
    for index in range(5):
        patient = make_patient(11, index, TINY)
        slices = sorted(
            _slices(cohort / patient.patient_id), key=lambda s: float(s.ImagePositionPatient[2])
        )
        hu = np.stack(
            [s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices]
        )
        assert np.array_equal(hu, patient.hu)
        assert np.allclose(
            [float(v) for v in slices[0].ImagePositionPatient], patient.affine[:3, 3]
        )
        assert np.allclose(
            np.diff([float(s.ImagePositionPatient[2]) for s in slices]), patient.affine[2, 0]
        )
        assert float(slices[0].PixelSpacing[0]) == patient.affine[0, 2]


def test_every_file_says_that_it_is_synthetic_and_names_are_not_in_slice_order(
    cohort: Path,
) -> None:
    folder = next(p for p in sorted(cohort.iterdir()) if p.is_dir())
    slices = _slices(folder)
    assert all(s.Manufacturer == SYNTHETIC_MARK and "SYNTHETIC" in s.ImageComments for s in slices)
    assert all(s.PatientID == folder.name and len(folder.name) == 32 for s in slices)
    heights = [float(s.ImagePositionPatient[2]) for s in slices]
    assert heights not in (sorted(heights), sorted(heights, reverse=True))
    assert len({s.SOPInstanceUID for s in slices}) == len(slices)
    assert len({s.SeriesInstanceUID for s in slices}) == 1
    assert sorted(int(s.InstanceNumber) for s in slices) == list(range(1, len(slices) + 1))
    assert all(s.file_meta.MediaStorageSOPInstanceUID == s.SOPInstanceUID for s in slices)


def test_simpleitk_reads_the_same_hu(cohort: Path) -> None:
    import SimpleITK

    patient = make_patient(11, 2, TINY)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(cohort / patient.patient_id)))
    image = reader.Execute()
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), patient.hu)
    assert np.allclose(image.GetOrigin(), patient.affine[:3, 3])


def test_labels_follow_the_truth(cohort: Path) -> None:
    labels = list(csv.DictReader((cohort / "labels.csv").open()))
    truth = list(csv.DictReader((cohort / "truth.csv").open()))
    assert list(labels[0]) == ["id", "cancer"]
    assert {row["id"] for row in labels} == {p.name for p in cohort.iterdir() if p.is_dir()}
    for row in labels:
        ratings = [int(n["malignancy"]) for n in truth if n["patient_id"] == row["id"]]
        assert int(row["cancer"]) == int(max(ratings) > 3)


def test_bytes_depend_on_the_seed_and_not_on_the_processes(cohort: Path, tmp_path: Path) -> None:
    make_cohort(tmp_path / "again", 5, 11, TINY, jobs=2)
    assert folder_hash(tmp_path / "again") == folder_hash(cohort)


def test_a_second_call_completes_what_is_missing_or_cut_short(tmp_path: Path) -> None:
    first = make_cohort(tmp_path / "c", 3, 5, TINY)
    whole = folder_hash(tmp_path / "c")
    folders = sorted(p for p in (tmp_path / "c").iterdir() if p.is_dir())
    next(folders[0].glob("*.dcm")).unlink()
    damaged = next(folders[1].glob("*.dcm"))
    damaged.write_bytes(damaged.read_bytes()[:-10])
    second = make_cohort(tmp_path / "c", 3, 5, TINY)
    assert (first.made, second.made, second.reused) == (3, 2, 1)
    assert folder_hash(tmp_path / "c") == whole


def test_other_settings_in_the_same_folder_are_refused(cohort: Path) -> None:
    with pytest.raises(UsageError, match="another seed"):
        make_cohort(cohort, 5, 12, TINY)
    with pytest.raises(UsageError, match="other settings"):
        make_cohort(cohort, 5, 11, PhantomConfig(matrix=96))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--patients", "0"], "at least 1 patient"),
        (["--patients", "2", "--seed", "-1"], "a seed of 0 or more"),
        (["--patients", "2", "--matrix", "32"], "64 to 1024"),
        (["--patients", "2", "--jobs", "0"], "1 job"),
    ],
)
def test_wrong_options_end_with_one_line_and_exit_code_2(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phantom", *options, "--out", str(tmp_path / "x")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_slice_bounds_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="is above"):
        PhantomConfig(thinnest_mm=3, thickest_mm=2)
