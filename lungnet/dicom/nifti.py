"""A `Volume` as a NIfTI file in patient geometry, and back: LPS here, RAS there (x and y change sign)."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet import __version__
from lungnet.files import replacing
from lungnet.volume import Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_REVERSED = np.eye(4)[[2, 1, 0, 3]]  # index order (x, y, z) of NIfTI to (z, y, x) of ours, and back
_SLAB = 16
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
        packed = gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) if path.name.endswith(".gz") else None
        file: Any = packed or raw
        file.write(header)
        # C order (z, y, x) is NIfTI's Fortran order (x, y, z).
        for start in range(0, len(volume.hu), _SLAB):
            file.write(np.ascontiguousarray(volume.hu[start : start + _SLAB], "<i2"))
        if packed is not None:
            packed.close()


def to_ras(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine from (x, y, z) voxel indices to RAS millimetres."""
    result: NDArray[np.float64] = LPS_TO_RAS @ affine @ _REVERSED + 0.0
    return result


def from_ras(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine from (z, y, x) voxel indices to LPS millimetres."""
    result: NDArray[np.float64] = LPS_TO_RAS @ affine @ _REVERSED + 0.0
    return result


def _header(volume: Volume) -> Any:
    import nibabel

    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_dtype(np.dtype("<i2"))
    header.set_data_shape(volume.hu.shape[::-1])
    header.set_xyzt_units("mm")
    affine = to_ras(volume.affine)
    header.set_qform(affine, 1, strip_shears=True)
    header.set_sform(affine, 1)
    header.set_slope_inter(1, 0)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    header["descrip"] = f"HU, lungnet {__version__}".encode()
    return header
