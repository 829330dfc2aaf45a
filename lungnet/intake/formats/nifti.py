"""A `Volume` as a NIfTI file in patient geometry, and back.

LPS here, RAS there (x and y change sign).

After the NIfTI-1 and NIfTI-2 headers (nifti.nimh.nih.gov, nifti1.h and nifti2.h); nibabel reads the
fields.
"""

import gzip
import logging
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.files import replacing
from lungnet.intake import reasons
from lungnet.intake.formats.raw_volume import (
    OpenedVolumeFile,
    RawVolume,
    check_affine,
    check_size,
    read_values,
)
from lungnet.version import __version__
from lungnet.volume import LPS_TO_RAS, ScanWarning, Volume, to_patient_mm

_REVERSED = np.eye(4)[[2, 1, 0, 3]]  # index order (x, y, z) of NIfTI to (z, y, x) of ours, and back
_SLAB = 16
_GZIP = b"\x1f\x8b"
_LARGEST_HEADER = 1 << 20
_SCANNER_OR_ALIGNED = 2  # codes above are Talairach's and other templates' spaces
_MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
_SAME_PLACE_MM = 0.2  # quaternions of 32 bits are so exact over half a metre
_LEVEL = 1  # a third larger than the default level, ten times as quick


def write_nifti(volume: Volume, path: Path) -> None:
    """Write HU `int16` with sform and qform; the same volume gives the same bytes.

    Args:
        volume: to write.
        path: ends in `.nii` or `.nii.gz`.

    Raises:
        MachineError: the disk is full or the place cannot be written.
    """
    header = _header(volume).binaryblock + b"\0\0\0\0"
    with replacing(path) as temporary, temporary.open("wb") as raw:
        packed = (
            gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) if path.name.endswith(".gz") else None
        )
        file: Any = packed or raw
        file.write(header)
        # C order (z, y, x) is NIfTI's Fortran order (x, y, z).
        for start in range(0, len(volume.hu), _SLAB):
            file.write(np.ascontiguousarray(volume.hu[start : start + _SLAB], "<i2"))
        if packed is not None:
            packed.close()


def read_nifti(source: OpenedVolumeFile, config: IntakeConfig) -> RawVolume:
    """Read a single-file NIfTI-1 or NIfTI-2, packed by gzip or not, whatever its name ends in.

    Raises:
        SeriesRefused: its header is broken, does not say where the patient lies, or the values are
            not all there.
    """
    is_packed = source.file.read(2) == _GZIP
    source.file.seek(0)
    stream = cast("IO[bytes]", gzip.GzipFile(fileobj=source.file)) if is_packed else source.file
    header = _read_header(stream)
    dtype, shape = header.get_data_dtype(), [int(n) for n in header.get_data_shape()]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    check_size(shape, dtype, source.size, config)
    affine, warnings = _affine(header, shape)
    slope, intercept = header.get_slope_inter()
    begin = int(header["vox_offset"])
    if not header.sizeof_hdr <= begin <= _LARGEST_HEADER:
        raise SeriesRefused(reasons.CORRUPT, f"the values begin after {begin:,} bytes")
    stream.seek(begin)
    # Fortran order (x, y, z) of the format is C order (z, y, x).
    array = read_values(replace(source, file=stream), dtype, shape[::-1])
    return RawVolume(
        array,
        affine,
        1.0 if slope is None else slope,
        0.0 if intercept is None else intercept,
        warnings,
    )


def _read_header(stream: IO[bytes]) -> Any:
    import nibabel
    from nibabel.imageglobals import ErrorLevel

    block = stream.read(nibabel.Nifti2Header.sizeof_hdr)
    for header_class in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        if (
            int.from_bytes(block[:4], "little") == header_class.sizeof_hdr
            or int.from_bytes(block[:4], "big") == header_class.sizeof_hdr
        ):
            with ErrorLevel(
                logging.WARNING
            ):  # else nibabel mends what is wrong: a voxel size of 0 becomes 1 mm
                header = header_class(block[: header_class.sizeof_hdr])
            if header["magic"].item()[:2] == b"n+":
                return header
    raise SeriesRefused(reasons.CORRUPT, "no single-file NIfTI")


def _affine(header: Any, shape: list[int]) -> tuple[NDArray[np.float64], tuple[ScanWarning, ...]]:
    """The affine to LPS millimetres, and what is doubtful about it."""
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise SeriesRefused(
            reasons.MISSING_TAG,
            "the NIfTI header has neither sform nor qform: nothing says where the patient lies",
        )
    if int(header["qform_code"]) == 0 and int(header["sform_code"]) > _SCANNER_OR_ALIGNED:
        raise SeriesRefused(
            reasons.MISSING_TAG,
            "the NIfTI header places the volume in a template's space, not in the patient's",
        )
    unit = _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    to_mm = np.diag([unit, unit, unit, 1.0])
    affine = check_affine(
        to_mm @ _between_lps_and_ras(np.asarray(header.get_best_affine(), np.float64))
    )
    if int(header["sform_code"]) and int(header["qform_code"]):
        qform = to_mm @ _between_lps_and_ras(np.asarray(header.get_qform(), np.float64))
        corners = np.array([*product(*((0, n - 1) for n in shape[::-1]))])
        if (
            np.abs(to_patient_mm(affine, corners) - to_patient_mm(qform, corners)).max()
            > _SAME_PLACE_MM
        ):
            return affine, (reasons.warning_of("two-affines"),)
    return affine, ()


def _between_lps_and_ras(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """From (z, y, x) indices and LPS millimetres to (x, y, z) indices and RAS, or back."""
    result: NDArray[np.float64] = LPS_TO_RAS @ affine @ _REVERSED + 0.0
    return result


def _header(volume: Volume) -> Any:
    import nibabel

    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_dtype(np.dtype("<i2"))
    header.set_data_shape(volume.hu.shape[::-1])
    header.set_xyzt_units("mm")
    affine = _between_lps_and_ras(volume.affine)
    header.set_qform(affine, 1, strip_shears=True)
    header.set_sform(affine, 1)
    header.set_slope_inter(1, 0)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    header["descrip"] = f"HU, lungnet {__version__}".encode()
    return header
