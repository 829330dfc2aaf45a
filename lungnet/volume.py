"""The one kind of thing that intake hands on.

HU on a grid, and where that grid lies in the patient.

Conventions, stated once. Arrays are (z, y, x): z grows from feet to head, y from front to back, x
from the patient's right to left. Patient coordinates are DICOM's LPS millimetres, written (x, y,
z). An affine is 4x4 float64 and takes (z, y, x, 1) of a voxel's centre to (x, y, z, 1) in
millimetres; it may be oblique, never sheared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

AIR_HU = -1024
"""HU of everything outside the scanner's field of view: the lowest value a 12-bit CT stores with
the usual intercept."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI and NRRD may speak of RAS: x and y change sign, and the same matrix leads back."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ScanWarning:
    """Something a reader of the answer should know: a stable code and one sentence."""

    code: str
    detail: str


def spacing_of(affine: NDArray[np.float64]) -> Triple:
    """Distance between voxel centres along (z, y, x), in millimetres."""
    z, y, x = np.linalg.norm(affine[:3, :3], axis=0)
    return float(z), float(y), float(x)


def to_patient_mm(affine: NDArray[np.float64], voxels: ArrayLike) -> NDArray[np.float64]:
    """Patient (x, y, z) millimetres of voxel indices (z, y, x).

    Shapes (..., 3), indices may be fractional.
    """
    return np.asarray(voxels, np.float64) @ affine[:3, :3].T + affine[:3, 3]


def to_voxels(affine: NDArray[np.float64], points_mm: ArrayLike) -> NDArray[np.float64]:
    """Fractional voxel indices (z, y, x) of patient points (x, y, z) in millimetres.

    Shapes (..., 3).
    """
    return (np.asarray(points_mm, np.float64) - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T


def shifted(affine: NDArray[np.float64], start: ArrayLike) -> NDArray[np.float64]:
    """The affine of the same grid cut to begin at voxel `start` (z, y, x)."""
    moved = affine.copy()
    moved[:3, 3] = to_patient_mm(affine, start)
    return moved


@dataclass(frozen=True, eq=False)
class Volume:
    """One CT series as HU in patient space.

    Attributes:
        hu: `int16`, shape (z, y, x), Hounsfield units; outside the field of view `AIR_HU`.
        affine: 4x4 float64 from (z, y, x, 1) to LPS millimetres.
        patient_id: DICOM Patient ID (0010,0020), or its pseudonym; the unit of splitting.
        series_uid: Series Instance UID (0020,000E), or what stands for it in other formats.
        warnings: what was repaired or should be known.
    """

    hu: NDArray[np.int16]
    affine: NDArray[np.float64]
    patient_id: str
    series_uid: str
    warnings: tuple[ScanWarning, ...] = ()

    @property
    def spacing_mm(self) -> Triple:
        """(z, y, x) in millimetres."""
        return spacing_of(self.affine)

    @property
    def origin_mm(self) -> Triple:
        """Patient (x, y, z) millimetres of the first voxel's centre."""
        x, y, z = self.affine[:3, 3]
        return float(x), float(y), float(z)
