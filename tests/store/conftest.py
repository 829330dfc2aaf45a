"""Three patients as DICOM: enough chest to be prepared, small enough to be quick."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lungnet.config.preparation import PreparationConfig
from lungnet.intake import find_series
from lungnet.seeds import stream
from lungnet.store import fill_store

SHAPE, SPACING_MM = (36, 80, 100), (5.0, 3.0, 3.0)
SPEC = PreparationConfig(spacing_mm=2.0, candidates=6)


def chest_hu(patient: int) -> np.ndarray:
    z, y, x = (np.arange(n) * s - (n - 1) * s / 2 for n, s in zip(SHAPE, SPACING_MM, strict=True))
    z, y = z[:, None, None], y[:, None]
    hu = np.full(SHAPE, -1000.0)
    hu[np.broadcast_to((y / 95) ** 2 + (x / 135) ** 2 < 1, SHAPE)] = 40
    for side in (-1, 1):
        hu[((z / 75) ** 2 + (y / 65) ** 2 + ((x - side * 62) / 45) ** 2) < 1] = -860
    hu[(z - 10) ** 2 + y**2 + (x - 55 - 4 * patient) ** 2 < (6 + patient) ** 2] = 30
    return np.rint(hu + stream(2, "chest", patient).normal(0, 15, SHAPE)).astype(np.int16)


def write_series(
    folder: Path,
    patient_id: str,
    hu: np.ndarray,
    *,
    manufacturer: str = "lungnet phantom",
    study: int = 0,
) -> None:
    folder.mkdir(parents=True)
    number = int.from_bytes(patient_id.encode(), "big") + 10**9 * study
    for k, plane in enumerate(hu):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = f"2.25.{number}.3.{k + 1}"
        one.PatientID, one.Modality, one.Manufacturer, one.ConvolutionKernel = (
            patient_id,
            "CT",
            manufacturer,
            "B30f",
        )
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = (
            f"2.25.{number}.1",
            f"2.25.{number}.2",
            f"2.25.{number}.4",
        )
        one.StudyDate = f"{1999 + study}0102"
        one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        one.InstanceNumber, one.SliceThickness = k + 1, SPACING_MM[0]
        one.ImagePositionPatient = [-150.0, -120.0, SPACING_MM[0] * k]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.PixelSpacing = list(SPACING_MM[1:])
        one.Rows, one.Columns = plane.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.RescaleSlope, one.RescaleIntercept, one.RescaleType = 1, 0, "HU"
        one.PixelData = plane.astype("<i2").tobytes()
        one.save_as(folder / f"{k:03d}.dcm", enforce_file_format=True)


@pytest.fixture(scope="session")
def write_chest():
    """`write_chest(folder, patient_id, hu=None, study=0)`: a series of a made chest, or of HU."""

    def write(folder: Path, patient_id: str, hu: np.ndarray | None = None, study: int = 0) -> Path:
        write_series(folder, patient_id, chest_hu(study) if hu is None else hu, study=study)
        return folder

    return write


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Path:
    """Three usable patients and one with a missing slice."""
    root = tmp_path_factory.mktemp("raw")
    for patient in range(3):
        write_series(root / f"p{patient}", f"p{patient}", chest_hu(patient))
    write_series(root / "gap", "gap", chest_hu(0))
    (root / "gap" / "010.dcm").unlink()
    return root


@pytest.fixture(scope="session")
def found(raw):
    return find_series([raw])


@pytest.fixture(scope="session")
def spec():
    return SPEC


@pytest.fixture(scope="session")
def whole(found, tmp_path_factory) -> Path:
    """A store that nobody may change."""
    out = tmp_path_factory.mktemp("whole") / "store"
    list(fill_store(found, out, SPEC))
    return out


@pytest.fixture(scope="session")
def bytes_of():
    """Every file of a folder by relative name."""
    return lambda folder: {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
