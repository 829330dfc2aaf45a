"""A patient's scan as DICOM files.

One header built by pydicom, then patched for each slice, since only four values differ.
"""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from lungnet.phantom import SYNTHETIC_MARK
from lungnet.phantom.patient import PhantomPatient, Plan

UID_ROOT = "2.25."
"""Root of every UID here: ISO/ITU's arc for numbers made by anyone from 128 random bits (DICOM
PS3.5 B.2), here from a hash."""

SYNTHETIC_REMARK = "SYNTHETIC PHANTOM, no patient"

_SOP = UID_ROOT + "1" * 39
_NUMBER, _POSITION, _LOCATION = "99999", "-9999.125", "-9999.375"
_VARYING = tuple(text.encode() for text in (_SOP, _NUMBER, _POSITION, _LOCATION))


def uid(*names: str | int) -> str:
    """A UID of 44 characters that depends on the names only."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    least = 10**38  # 39 digits always, so that UIDs can replace each other in a header
    return f"{UID_ROOT}{least + int.from_bytes(digest[:16], 'big') % (2**128 - least)}"


def dicom_files(patient: PhantomPatient) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each slice, from the feet up.

    The names are hashes, so their order is not that of the slices.
    """
    plan = patient.plan
    vendor, affine = plan.scanner.vendor, patient.affine
    header = _header(plan)
    stored = _stored(patient)
    for z, pixels in enumerate(stored):
        sop = uid("sop", plan.patient_id, z)
        number = plan.scanner.slices - z if vendor.is_head_first_numbering else z + 1
        height = f"{affine[2, 3] + z * affine[2, 0]:.3f}"
        values = (sop, f"{number:<5d}", f"{height:<9s}", f"{height:<9s}")
        data = header
        for placeholder, value in zip(_VARYING, values, strict=True):
            data = data.replace(placeholder, value.encode())
        yield f"{hashlib.sha256(sop.encode()).hexdigest()[:32]}.dcm", data + pixels.tobytes()


def file_bytes(plan: Plan) -> int:
    """Size of each of a patient's files."""
    return len(_header(plan)) + 2 * plan.scanner.matrix**2


def is_whole(folder: Path, plan: Plan) -> bool:
    """Whether a folder holds every slice of a patient, in full length."""
    size = file_bytes(plan)
    sizes = [path.stat().st_size for path in folder.glob("*.dcm")]
    return len(sizes) == plan.scanner.slices and all(n_bytes == size for n_bytes in sizes)


def _stored(patient: PhantomPatient) -> NDArray[np.int16]:
    """Stored values (PS3.3 C.11.1.1.2): HU = stored + intercept; slope 1.

    Unsigned ones fit in 15 bits.
    """
    return np.asarray(patient.hu - patient.plan.scanner.vendor.intercept_hu, "<i2")


def _header(plan: Plan) -> bytes:
    """A file up to its pixels, with placeholders for what differs between slices."""
    data = Dataset()
    data.update(_identity(plan))
    data.update(_acquisition(plan))
    data.update(_image(plan))
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = UID(_SOP)
    data.file_meta.ImplementationClassUID = UID(uid("implementation"))
    data.file_meta.ImplementationVersionName = "LUNGNET_PHANTOM"
    data.PixelData = bytes(2 * plan.scanner.matrix**2)
    data["PixelData"].VR = "OW"
    file = BytesIO()
    dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()[: -len(data.PixelData)]


def _identity(plan: Plan) -> Dataset:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = _SOP
    data.StudyInstanceUID = uid("study", plan.patient_id)
    data.SeriesInstanceUID = uid("series", plan.patient_id)
    data.FrameOfReferenceUID = uid("frame", plan.patient_id)
    data.PatientID = plan.patient_id
    data.PatientName = "SYNTHETIC^PHANTOM"
    data.PatientSex = "F" if plan.chest.is_female else "M"
    data.PatientAge = f"{plan.chest.age_years:03d}Y"
    for empty in (
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "ReferringPhysicianName",
        "StudyID",
        "PatientBirthDate",
        "PositionReferenceIndicator",
    ):
        setattr(data, empty, "")
    data.Modality = "CT"
    data.Manufacturer = SYNTHETIC_MARK
    data.InstitutionName = SYNTHETIC_REMARK
    data.ManufacturerModelName = plan.scanner.vendor.model
    data.StudyDescription = SYNTHETIC_REMARK
    data.SeriesDescription = f"{SYNTHETIC_REMARK}, {plan.scanner.kernel}"
    data.ImageComments = SYNTHETIC_REMARK
    return data


def _acquisition(plan: Plan) -> Dataset:
    scanner = plan.scanner
    data = Dataset()
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.BodyPartExamined = "CHEST"
    data.SliceThickness = f"{scanner.slice_mm:g}"
    data.KVP = str(scanner.kvp)
    data.ReconstructionDiameter = f"{scanner.pixel_mm * scanner.matrix:.3f}"
    data.ConvolutionKernel = scanner.kernel
    data.GantryDetectorTilt = "0"
    data.PatientPosition = "HFS"
    data.AcquisitionNumber = "1"
    data.SeriesNumber = "2"
    data.InstanceNumber = _NUMBER
    data.SliceLocation = _LOCATION
    return data


def _image(plan: Plan) -> Dataset:
    scanner, vendor = plan.scanner, plan.scanner.vendor
    x, y = (f"{coordinate:.3f}" for coordinate in scanner.affine[:2, 3])
    data = Dataset()
    data.ImagePositionPatient = [x, y, _POSITION]
    data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    data.PixelSpacing = [f"{scanner.pixel_mm:.6f}"] * 2
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows = data.Columns = scanner.matrix
    data.BitsAllocated = 16
    data.PixelRepresentation = int(vendor.is_signed)
    data.BitsStored = 16 if vendor.is_signed else 12
    data.HighBit = data.BitsStored - 1
    if vendor.padding is not None:
        data.PixelPaddingValue = vendor.padding
    data.RescaleIntercept = str(vendor.intercept_hu)
    data.RescaleSlope = "1"
    data.RescaleType = "HU"
    data.WindowCenter, data.WindowWidth = "-600", "1600"
    return data
