"""One series made ready.

HU in cubes around the lungs, the lung region, and the candidates, all in patient space.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lungnet.config.preparation import PreparationConfig
from lungnet.preprocessing import lungs
from lungnet.preprocessing.blocks import bounding_box
from lungnet.preprocessing.boxes import cut_boxes
from lungnet.preprocessing.candidates import Candidate, find_candidates
from lungnet.preprocessing.lungs import find_lungs
from lungnet.preprocessing.resample import Ranges, cropped, mask_on, resample
from lungnet.preprocessing.warning_codes import NO_LUNGS
from lungnet.volume import ScanWarning, Volume


class Scan(Protocol):
    """A prepared scan, fresh or from a store."""

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4 from (z, y, x, 1) to LPS millimetres."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Ranked, best first."""

    @property
    def hu(self) -> NDArray[np.int16]:
        """The whole grid, (z, y, x)."""

    def crops(
        self, centres_voxel: ArrayLike, size_voxels: tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """Boxes around (fractional) voxels, (n, *size_voxels), `AIR_HU` outside the grid."""


@dataclass(frozen=True, eq=False)
class PreparedScan:
    """What preparation hands on.

    Attributes:
        hu: `int16`, shape (z, y, x), Hounsfield units on an isotropic grid that holds the lungs and
            a margin.
        mask: `uint8` 0 or 1, same shape: the lungs, closed over nodules and vessels, without the
            airway.
        affine: 4x4 float64 from (z, y, x, 1) to LPS millimetres.
        candidates: best first.
        lung_litres: volume of the closed lungs; None where none were found.
        patient_id: the unit of splitting.
        series_uid: the unit of preparation.
        warnings: of intake and of preparation.
    """

    hu: NDArray[np.int16]
    mask: NDArray[np.uint8]
    affine: NDArray[np.float64]
    candidates: tuple[Candidate, ...]
    lung_litres: float | None
    patient_id: str
    series_uid: str
    warnings: tuple[ScanWarning, ...]

    def crops(
        self, centres_voxel: ArrayLike, size_voxels: tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """Boxes around (fractional) voxels, the same as a store gives."""
        return cut_boxes(self.hu, centres_voxel, size_voxels)


def prepare(volume: Volume, config: PreparationConfig) -> PreparedScan:
    """Turn a series into a prepared scan; never fails on a volume with values.

    Args:
        volume: HU on any grid, also oblique.
        config: spacing, margin, candidates.

    Returns:
        The scan on a grid parallel to the source's, cut to the lungs and a margin.
    """
    return with_candidates(around_lungs(volume, config), config)


def around_lungs(volume: Volume, config: PreparationConfig) -> PreparedScan:
    """The first half of `prepare`: all but the candidates.

    Who drops the volume after it has the source's memory back for the second half.
    """
    coarse = resample(volume, (lungs.LATTICE_MM,) * 3)
    outlined = find_lungs(coarse)
    box = _box_around(outlined.mask, coarse, volume, config.margin_mm)
    fine = resample(cropped(volume, box), (config.spacing_mm,) * 3)
    mask = mask_on(outlined.mask, coarse.affine, fine.hu.shape, fine.affine)
    if not mask.any():  # a scan of a few voxels, none of whose centres lies in the coarse mask
        mask[:] = 1
    warnings = volume.warnings + outlined.warnings
    has_lungs = all(warning.code != NO_LUNGS for warning in outlined.warnings)
    return PreparedScan(
        fine.hu,
        mask,
        fine.affine,
        (),
        outlined.litres if has_lungs else None,
        volume.patient_id,
        volume.series_uid,
        warnings,
    )


def with_candidates(scan: PreparedScan, config: PreparationConfig) -> PreparedScan:
    """The second half of `prepare`: the scan with the candidates that its own grid shows."""
    fine = Volume(scan.hu, scan.affine, scan.patient_id, scan.series_uid, scan.warnings)
    return replace(scan, candidates=find_candidates(fine, scan.mask, config))


def _box_around(
    mask: NDArray[np.uint8], coarse: Volume, volume: Volume, margin_mm: float
) -> Ranges:
    """The lungs' box and the margin, in voxels of the source."""
    ranges = []
    for axis, lungs_along in enumerate(bounding_box(mask.view(np.bool_))):
        # Edges of voxels, not centres, are where both grids agree: edge 0 of one is edge 0 of the
        # other.
        first_mm = lungs_along.start * coarse.spacing_mm[axis] - margin_mm
        stop_mm = lungs_along.stop * coarse.spacing_mm[axis] + margin_mm
        spacing, n = volume.spacing_mm[axis], volume.hu.shape[axis]
        ranges.append(
            (max(0, int(np.floor(first_mm / spacing))), min(n, int(np.ceil(stop_mm / spacing))))
        )
    return ranges[0], ranges[1], ranges[2]
