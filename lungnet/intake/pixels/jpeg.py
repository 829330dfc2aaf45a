"""JPEG of 8, 12 and 16 bits by SimpleITK's library.

Others refuse 12 bits, or end the process where a table is damaged.
"""

import io
import tempfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lungnet.intake.headers.slice_header import Encoding


def decode_jpeg(frame: bytes, encoding: Encoding) -> NDArray[Any]:
    """Decode one frame through a small DICOM file of its own, without rescale and sign.

    Raises:
        RuntimeError: SimpleITK refuses it.
        ValueError: the picture has another shape.
    """
    import SimpleITK as sitk  # noqa: N813

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    with tempfile.TemporaryDirectory(prefix="lungnet-") as folder:
        path = Path(folder) / "frame.dcm"
        path.write_bytes(_file_around(frame, encoding))
        image = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
    array: NDArray[Any] = sitk.GetArrayFromImage(image).squeeze()
    if array.shape != (encoding.rows, encoding.columns) or array.dtype.kind not in "iu":
        raise ValueError("another shape")
    return array.astype(f"u{encoding.bits_allocated // 8}")


def _file_around(frame: bytes, encoding: Encoding) -> bytes:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, SecondaryCaptureImageStorage

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(encoding.transfer_syntax)
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "2.25.1"
    dataset.Modality = "OT"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = encoding.rows, encoding.columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = (
        encoding.bits_allocated,
        encoding.bits_stored,
        encoding.high_bit,
    )
    dataset.PixelRepresentation = 0
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
