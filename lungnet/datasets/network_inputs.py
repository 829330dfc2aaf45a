"""What a network is shown of a prepared scan.

The same code for training from a store and for one new series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lungnet.config.model import InputConfig
from lungnet.datasets.cohort import Inputs
from lungnet.preprocessing import Candidate, PreparedScan
from lungnet.store import first_voxels
from lungnet.volume import AIR_HU, spacing_of, to_voxels


class Scan(Protocol):
    """A prepared scan, stored or fresh."""

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4 from (z, y, x, 1) to LPS millimetres."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Ranked, best first."""

    def hu(self) -> NDArray[np.int16]:
        """The whole grid, (z, y, x)."""

    def crops(
        self, centres_voxel: ArrayLike, size_voxels: tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """Boxes around (fractional) voxels, (n, *size_voxels), `AIR_HU` outside the grid."""


def network_inputs(
    scan: Scan, input_config: InputConfig, offset: Sequence[int] = (0, 0, 0)
) -> Inputs:
    """The network's inputs for one scan, moved by `offset` voxels.

    Returns:
        `image`: int16 HU, shape (candidates, *size) for a bag, `size` for a volume; for a bag also
            `present`: float32,
        shape (candidates,), 1 for a candidate and 0 for filling.
    """
    if input_config.kind == "volume":
        return {"image": _volume(scan, input_config, offset)}
    size = input_config.size[0], input_config.size[1], input_config.size[2]
    image = np.full((input_config.candidates, *size), AIR_HU, np.int16)
    present = np.zeros(input_config.candidates, np.float32)
    best = scan.candidates[: input_config.candidates]
    if best:
        centres = to_voxels(scan.affine, [candidate.centre_mm for candidate in best])
        image[: len(best)] = scan.crops(centres + np.asarray(offset), size)
        present[: len(best)] = 1
    return {"image": image, "present": present}


@dataclass(frozen=True, eq=False)
class FreshScan:
    """A prepared scan that is in no store, read as one that is."""

    prepared: PreparedScan

    @property
    def affine(self) -> NDArray[np.float64]:
        """Of the prepared grid."""
        return self.prepared.affine

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Ranked, best first."""
        return self.prepared.candidates

    def hu(self) -> NDArray[np.int16]:
        """The whole grid."""
        return self.prepared.hu

    def crops(
        self, centres_voxel: ArrayLike, size_voxels: tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """Boxes around voxels, the same as a store gives."""
        firsts = first_voxels(centres_voxel, size_voxels)
        reach = max(size_voxels)
        padded = np.pad(self.prepared.hu, reach, constant_values=AIR_HU)
        starts = np.clip(firsts + reach, 0, np.array(padded.shape) - size_voxels)
        return np.stack(
            [
                padded[tuple(slice(a, a + n) for a, n in zip(start, size_voxels, strict=True))]
                for start in starts
            ]
        )


def largest_diameter_mm(scan: Scan, input_config: InputConfig) -> float:
    """Diameter of the largest candidate that the network sees, in millimetres.

    NaN where there is none.
    """
    candidates = (
        scan.candidates[: input_config.candidates]
        if input_config.kind == "bag"
        else scan.candidates
    )
    return max((2 * candidate.radius_mm for candidate in candidates), default=float("nan"))


def _volume(scan: Scan, input_config: InputConfig, offset: Sequence[int]) -> NDArray[np.int16]:
    """The scan's grid at a coarse spacing, in the middle of `size`, with air around it or cut."""
    hu = scan.hu()
    counts = [
        max(1, round(n * s / input_config.spacing_mm))
        for n, s in zip(hu.shape, spacing_of(scan.affine), strict=True)
    ]
    coarse = _shrink(_shrink(hu, counts[1:]).transpose(1, 0, 2), (counts[0], counts[2])).transpose(
        1, 0, 2
    )
    image = np.full(input_config.size, AIR_HU, np.int16)
    target, source = [], []
    for have, want, step in zip(coarse.shape, input_config.size, offset, strict=True):
        start = (want - have) // 2 + step
        target.append(slice(max(0, start), max(0, min(want, start + have))))
        source.append(slice(max(0, -start), max(0, -start) + target[-1].stop - target[-1].start))
    image[tuple(target)] = coarse[tuple(source)]
    return image


def _shrink(hu: NDArray[np.int16], shape: Sequence[int]) -> NDArray[np.int16]:
    """Each slice by the mean over the voxels that a coarse one covers, so that nothing aliases."""
    size = (shape[1], shape[0])
    return np.stack(
        [np.rint(cv2.resize(s.astype(np.float32), size, interpolation=cv2.INTER_AREA)) for s in hu]
    ).astype(np.int16)
