"""What does not look like two whole lungs: their volume, their sides, where the scan cuts them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lungnet.preprocessing.lungs.gas import AIR_BELOW_HU
from lungnet.preprocessing.warning_codes import LUNG_CUT, LUNG_VOLUME, ONE_LUNG
from lungnet.volume import ScanWarning, Volume

PLAUSIBLE_LITRES = (0.8, 12.0)
"""Both lungs of an adult with what lies in them, from full expiration to emphysema, in litres."""

SMALLER_SIDE = 0.2
"""A half of the body that holds less of the lung holds a tip of the other one."""

LOWEST_CUT_CM2, HIGHEST_CUT_CM2 = 60.0, 5.0
"""So much lung in the first or last slice is cut: below the domes of the diaphragm thin recesses
go on, above the apices nothing does."""

SIDE_CUT_CM2 = 3.0
"""So much lung at the sides of the image, or at the rim of a round field of view, is cut."""

Bools = NDArray[np.bool_]
Triple = tuple[float, float, float]


def doubts(mask: Bools, padding: Bools, coarse: Volume, litres: float) -> Iterator[ScanWarning]:
    """What of an outline does not look like two whole lungs.

    Args:
        mask: the closed lungs, shape (z, y, x).
        padding: what pads a round field of view that cuts the lungs, same shape.
        coarse: HU on the same lattice.
        litres: volume of the mask.
    """
    low, high = PLAUSIBLE_LITRES
    if not low <= litres <= high:
        text = f"the lungs hold {litres:.1f} litres, expected {low:g} to {high:g}"
        yield ScanWarning(LUNG_VOLUME, text)
    right = _share_on_the_right(mask, coarse.hu)
    if not SMALLER_SIDE <= right <= 1 - SMALLER_SIDE:
        text = f"{max(right, 1 - right):.0%} of the lung lies in one half of the body"
        yield ScanWarning(ONE_LUNG, text)
    yield from _cuts(mask, padding, coarse.spacing_mm)


def _share_on_the_right(mask: Bools, hu: NDArray[np.int16]) -> float:
    # Half of the body, not of the lungs, tells right from left: one lung alone must not be halved.
    columns = np.flatnonzero((hu > AIR_BELOW_HU).any(axis=(0, 1)))
    middle = (int(columns[0]) + int(columns[-1]) + 1) // 2 if len(columns) else mask.shape[2] // 2
    return float(mask[:, :, :middle].sum()) / max(1.0, float(mask.sum()))


def _cuts(mask: Bools, padding: Bools, spacing_mm: Triple) -> Iterator[ScanWarning]:
    """Where the scan ends in the lung: at its first or last slice, its sides, its round field."""
    _, y_mm, x_mm = spacing_mm
    ends = ((mask[0], "lowest", LOWEST_CUT_CM2), (mask[-1], "highest", HIGHEST_CUT_CM2))
    for face, name, least_cm2 in ends:
        area_cm2 = float(face.sum()) * y_mm * x_mm / 100
        if area_cm2 > least_cm2:
            text = (
                f"the {name} slice still shows {area_cm2:.0f} square centimetres of lung: the "
                "scan may not hold all of it"
            )
            yield ScanWarning(LUNG_CUT, text)
    area_cm2 = shared_faces_mm2(mask, padding, spacing_mm) / 100
    if area_cm2 > SIDE_CUT_CM2:
        text = (
            f"the field of view ends in the lung over {area_cm2:.0f} square centimetres: "
            "the scan does not hold all of it"
        )
        yield ScanWarning(LUNG_CUT, text)


def shared_faces_mm2(mask: Bools, beyond: Bools, spacing_mm: Triple) -> float:
    """Area that a mask shares in axial planes with what lies beyond it, or the image's sides.

    Args:
        mask: shape (z, y, x).
        beyond: same shape.
        spacing_mm: (z, y, x).
    """
    z_mm, y_mm, x_mm = spacing_mm
    count = np.count_nonzero  # of booleans several times as quick as their sum
    rows = count(mask[:, 1:] & beyond[:, :-1]) + count(mask[:, :-1] & beyond[:, 1:])
    columns = count(mask[..., 1:] & beyond[..., :-1]) + count(mask[..., :-1] & beyond[..., 1:])
    rows += count(mask[:, [0, -1]])
    columns += count(mask[..., [0, -1]])
    return float(rows * z_mm * x_mm + columns * z_mm * y_mm)
