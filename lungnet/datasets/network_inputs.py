"""What a network is shown of a prepared scan.

The same code for training from a store and for one new series.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from lungnet.config.model import InputConfig
from lungnet.datasets.view import View, straight
from lungnet.datasets.volume_view import in_view, size_to_cut
from lungnet.preprocessing import Scan
from lungnet.volume import AIR_HU, spacing_of, to_voxels

if TYPE_CHECKING:  # it imports pandas, which prediction does without
    from lungnet.datasets.cohort import Inputs

STRAIGHT = straight(3)


def network_inputs(scan: Scan, input_config: InputConfig, view: View = STRAIGHT) -> "Inputs":
    """The network's inputs for one scan in a view.

    Returns:
        `image`: int16 HU, shape (candidates, *size) for a bag, `size` for a volume; for a bag also
        `present`: float32, shape (candidates,), 1 for a candidate and 0 for filling, and with
        `input.positions` also `positions`: float32, shape (candidates, 3), patient millimetres
        (x, y, z) from the mean of the candidates, 0 for filling.
    """
    if input_config.kind == "volume":
        volume = coarse_volume(scan, input_config.spacing_mm)
        return {"image": centered(volume, input_config.size, view)}
    size = input_config.size[0], input_config.size[1], input_config.size[2]
    image = np.full((input_config.candidates, *size), AIR_HU, np.int16)
    present = np.zeros(input_config.candidates, np.float32)
    positions = np.zeros((input_config.candidates, 3), np.float32)
    best = scan.candidates[: input_config.candidates]
    if best:
        centres_mm = np.array([candidate.centre_mm for candidate in best])
        centres = to_voxels(scan.affine, centres_mm)
        z, y, x = size_to_cut(size, view)
        crops = scan.crops(centres + np.asarray(view.whole_shift), (z, y, x))
        image[: len(best)] = in_view(np.asarray(crops), size, view)
        present[: len(best)] = 1
        positions[: len(best)] = centres_mm - centres_mm.mean(0)
    inputs: Inputs = {"image": image, "present": present}
    return inputs | ({"positions": positions} if input_config.positions else {})


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


def coarse_volume(scan: Scan, spacing_mm: float) -> NDArray[np.int16]:
    """The scan's grid at a coarse spacing, HU `int16`; each voxel is a mean, so nothing aliases."""
    hu = scan.hu
    counts = [
        max(1, round(n * s / spacing_mm))
        for n, s in zip(hu.shape, spacing_of(scan.affine), strict=True)
    ]
    shrunk = _shrink(hu, counts[1:]).transpose(1, 0, 2)
    return _shrink(shrunk, (counts[0], counts[2])).transpose(1, 0, 2)


def centered(volume: NDArray[np.int16], size: Sequence[int], view: View) -> NDArray[np.int16]:
    """A volume in the middle of `size` in a view; air around it, or cut."""
    box = size_to_cut(size, view)
    image = np.full(box, AIR_HU, np.int16)
    target, source = [], []
    for have, want, step in zip(volume.shape, box, view.whole_shift, strict=True):
        start = (want - have) // 2 - step
        target.append(slice(max(0, start), max(0, min(want, start + have))))
        source.append(slice(max(0, -start), max(0, -start) + target[-1].stop - target[-1].start))
    image[tuple(target)] = volume[tuple(source)]
    return in_view(image, size, view)


def _shrink(hu: NDArray[np.int16], shape: Sequence[int]) -> NDArray[np.int16]:
    """Each slice by the mean over the voxels that a coarse one covers, so that nothing aliases."""
    size = (shape[1], shape[0])
    return np.stack(
        [np.rint(cv2.resize(s.astype(np.float32), size, interpolation=cv2.INTER_AREA)) for s in hu]
    ).astype(np.int16)
