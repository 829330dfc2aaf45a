"""Small DICOM series for tests: a smooth body with two lungs, written with pydicom."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

SERIES, STUDY, FRAME = (
    "1.2.826.0.1.3680043.8.498.1",
    "1.2.826.0.1.3680043.8.498.2",
    "1.2.826.0.1.3680043.8.498.3",
)
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
LOSSLESS = (*PLAIN, RLELossless, JPEGLSLossless, JPEG2000Lossless)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def chest(slices: int = 8, size: int = 24, seed: int = 0) -> np.ndarray:
    """HU of a smooth chest that differs from slice to slice, shape (slices, size, size + 4)."""
    z, y, x = np.meshgrid(
        np.linspace(-1, 1, slices),
        np.linspace(-1, 1, size),
        np.linspace(-1, 1, size + 4),
        indexing="ij",
    )
    body = (y / 0.8) ** 2 + (x / 0.9) ** 2 < 1 - 0.2 * z
    lungs = (y / (0.5 - 0.1 * z)) ** 2 + ((np.abs(x) - 0.4) / (0.3 - 0.08 * z)) ** 2 < 1
    hu = np.where(lungs, -800 + 60 * z, np.where(body, 40 + 80 * z * x, -1000))
    hu += np.random.default_rng(seed).normal(0, 5, hu.shape)
    return np.clip(np.rint(hu), -1024, 3000).astype(np.int16)


@dataclass(frozen=True)
class Making:
    """How a series is written."""

    spacing_mm: tuple[float, float, float] = (2.5, 0.7, 0.8)
    origin_mm: tuple[float, float, float] = (-50.0, -40.0, 100.0)
    orientation: tuple[float, ...] = AXIAL
    syntax: str = ExplicitVRLittleEndian
    slope: float = 1.0
    intercept: float = -1024.0
    is_signed: bool = True
    positions: tuple[tuple[float, float, float], ...] | None = None
    series_uid: str = SERIES
    patient_id: str = "P1"
    edit: Callable[[Dataset, int], None] | None = None


def datasets(hu: np.ndarray, how: Making | None = None) -> list[Dataset]:
    """One data set per slice of `hu`, which is a stack (slice, row, column) in the order of its
    positions."""
    how = how or Making()
    across, down = np.array(how.orientation).reshape(2, 3)
    normal = np.cross(across, down)
    made = []
    for k, plane in enumerate(hu):
        position = (
            np.array(how.origin_mm) + normal * how.spacing_mm[0] * k
            if how.positions is None
            else how.positions[k]
        )
        dataset = _image(plane, how)
        dataset.ImagePositionPatient = [round(float(v), 6) for v in position]
        dataset.InstanceNumber = k + 1
        dataset.SOPInstanceUID = f"{how.series_uid}.{k + 1}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        if how.edit is not None:
            how.edit(dataset, k)
        made.append(dataset)
    return made


def _image(plane: np.ndarray, how: Making) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = how.syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Modality, dataset.Manufacturer, dataset.ConvolutionKernel = "CT", "Maker", "B50f"
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = (
        how.patient_id,
        "Quxley^Zenobia",
        "19501231",
    )
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = (
        STUDY,
        how.series_uid,
        FRAME,
    )
    dataset.ImageOrientationPatient = list(how.orientation)
    dataset.PixelSpacing = [how.spacing_mm[1], how.spacing_mm[2]]
    dataset.SliceThickness = how.spacing_mm[0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = plane.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(how.is_signed)
    dataset.RescaleSlope, dataset.RescaleIntercept = how.slope, how.intercept
    stored = np.rint((plane.astype(np.float64) - how.intercept) / how.slope)
    dataset.PixelData = stored.astype("<i2" if how.is_signed else "<u2").tobytes()
    return dataset


def write(folder: Path, made: list[Dataset], names: list[str] | None = None) -> Path:
    """Write data sets as files; compressed ones are encoded here."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, dataset in enumerate(made):
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax not in PLAIN and not dataset["PixelData"].is_undefined_length:
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(folder / (names[k] if names else f"{k:03d}.dcm"), enforce_file_format=True)
    return folder


def write_series(folder: Path, hu: np.ndarray, how: Making | None = None) -> Path:
    """Write a stack as a DICOM series."""
    return write(folder, datasets(hu, how))


def zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    """Pack the files of a folder."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, prefix + file.name)
    return path
