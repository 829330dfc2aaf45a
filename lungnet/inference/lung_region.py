"""A volume in; where its lungs are, quickly, for the question whether a place lies in them, out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.preprocessing.lungs import LATTICE_MM, find_lungs
from lungnet.preprocessing.resample import resample
from lungnet.preprocessing.warning_codes import NO_LUNGS
from lungnet.volume import ScanWarning, Triple, Volume, spacing_of, to_voxels


@dataclass(frozen=True, eq=False)
class LungRegion:
    """The lungs, closed over nodules, vessels and masses.

    Attributes:
        mask: `uint8` 0 or 1, shape (z, y, x).
        affine: of the mask's grid.
    """

    mask: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def is_within(self, centre_mm: Triple, reach_mm: float) -> bool:
        """Whether any of it lies within a distance of a patient's point."""
        spacing_mm = np.array(spacing_of(self.affine))
        middle = to_voxels(self.affine, centre_mm)
        steps = np.ceil(reach_mm / spacing_mm)
        shape = np.array(self.mask.shape)
        low = np.clip(np.floor(middle - steps), 0, shape).astype(int)
        high = np.clip(np.ceil(middle + steps) + 1, 0, shape).astype(int)
        box = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
        distances_mm = np.linalg.norm(
            (np.argwhere(self.mask[box]) + low - middle) * spacing_mm, axis=1
        )
        return bool((distances_mm <= reach_mm).any())


def find_lung_region(volume: Volume) -> tuple[LungRegion | None, tuple[ScanWarning, ...]]:
    """The lungs of a volume, and what is doubtful about them; None where there are none to find."""
    coarse = resample(volume, (LATTICE_MM,) * 3)
    lungs = find_lungs(coarse)
    has_lungs = all(warning.code != NO_LUNGS for warning in lungs.warnings)
    return (LungRegion(lungs.mask, coarse.affine) if has_lungs else None), lungs.warnings
