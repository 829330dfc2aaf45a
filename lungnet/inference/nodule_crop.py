"""A place in a scan in; the crop around it, cut by the recipe of training, out.

Or one line that says why it cannot be cut.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lungnet.datasets.crop_recipe import NATIVE_PIXELS
from lungnet.datasets.view import View, cut_plane
from lungnet.errors import Refusal
from lungnet.preprocessing.resample import cropped, resample
from lungnet.volume import Triple, Volume, to_patient_mm, to_voxels

OUTSIDE_SCAN: Final = "outside-scan"
OUTSIDE_LUNGS: Final = "outside-lungs"
OBLIQUE: Final = "oblique"
PIXEL_SPACING: Final = "pixel-spacing"

PLACE_REASONS: Final[dict[str, str]] = {
    OUTSIDE_SCAN: "the place lies outside the scan",
    OUTSIDE_LUNGS: "the place lies farther than 10 mm from the lungs and the masses in them",
    OBLIQUE: "the slices lie more than 20 degrees off axial, and readers rated axial ones",
    PIXEL_SPACING: "the pixels are smaller than 0.3 mm or larger than 2 mm",
}
"""Every reason to refuse a place, with its meaning."""

MOST_TILT_DEGREES = 20.0
"""Of the slices' normal against the patient's axis: a gantry is tilted by up to some 20 degrees,
and a round nodule's section changes little."""

SPACINGS_MM = (0.3, 2.0)
"""Of a CT's pixels, as of those that nodules' files may hold."""

SQUARE_WITHIN = 5e-3
"""Pixels whose edges differ by a smaller share are taken as square: over a crop of 32 mm that is
less than a fifth of a millimetre."""


@dataclass(frozen=True, eq=False)
class NoduleCrop:
    """What the network is shown of a place.

    Attributes:
        hu: int16 at 1 mm, shape (y, x).
        middle_mm: patient (x, y, z) of its middle, on the slice that it was cut from.
        axes: unit vectors along its y and x in patient space, shape (2, 3).
    """

    hu: NDArray[np.int16]
    middle_mm: NDArray[np.float64]
    axes: NDArray[np.float64]

    def to_patient(self, offsets_mm: NDArray[np.float64]) -> tuple[Triple, ...]:
        """Patient (x, y, z) of points (y, x) in millimetres from the middle, shape (n, 2)."""
        points = self.middle_mm + offsets_mm @ self.axes
        return tuple((float(x), float(y), float(z)) for x, y, z in np.round(points, 2))


def cut_crop(volume: Volume, centre_mm: Triple, size: tuple[int, int]) -> NoduleCrop | Refusal:
    """Cut the crop around a place from the axial slice nearest to it.

    A place between pixels is met by moving the view. Pixels that are no squares are made squares of
    their longer edge first.

    Args:
        volume: HU on the scanner's own grid.
        centre_mm: (x, y, z) in LPS millimetres.
        size: (y, x) of the crop in voxels of 1 mm.
    """
    refusal = _refusal(volume, centre_mm)
    if refusal is not None:
        return refusal
    volume = _with_square_pixels(volume, centre_mm)
    voxel = to_voxels(volume.affine, centre_mm)
    nearest = np.clip(np.rint(voxel).astype(int), 0, np.array(volume.hu.shape) - 1)
    slice_number, row, column = map(int, nearest)
    spacing_mm = volume.spacing_mm[2]
    shift = (voxel - nearest)[1:] * spacing_mm
    pixels = _native_pixels(volume.hu[slice_number], row, column)
    hu = cut_plane(pixels, spacing_mm, size, View((float(shift[0]), float(shift[1]))))
    return NoduleCrop(
        hu.astype(np.int16, copy=False),
        to_patient_mm(volume.affine, (slice_number, voxel[1], voxel[2])),
        (volume.affine[:3, 1:3] / spacing_mm).T,
    )


def _native_pixels(plane: NDArray[np.int16], row: int, column: int) -> NDArray[np.int16]:
    """The square of the scanner's own pixels around one; beyond the edge those at the edge."""
    reach = np.arange(NATIVE_PIXELS) - NATIVE_PIXELS // 2
    rows = np.clip(row + reach, 0, plane.shape[0] - 1)
    columns = np.clip(column + reach, 0, plane.shape[1] - 1)
    return np.ascontiguousarray(plane[np.ix_(rows, columns)])


def _with_square_pixels(volume: Volume, centre_mm: Triple) -> Volume:
    """The volume, or where its pixels are no squares the slice nearest to a place with squares."""
    z_mm, y_mm, x_mm = volume.spacing_mm
    if abs(y_mm - x_mm) <= SQUARE_WITHIN * max(y_mm, x_mm):
        return volume
    slices, rows, columns = volume.hu.shape
    nearest = int(np.clip(np.rint(to_voxels(volume.affine, centre_mm)[0]), 0, slices - 1))
    plane = cropped(volume, ((nearest, nearest + 1), (0, rows), (0, columns)))
    edge_mm = max(y_mm, x_mm)
    return resample(plane, (z_mm, edge_mm, edge_mm))


def _refusal(volume: Volume, centre_mm: Triple) -> Refusal | None:
    voxel, shape = to_voxels(volume.affine, centre_mm), np.array(volume.hu.shape)
    if (voxel < -0.5).any() or (voxel > shape - 0.5).any():
        corners = to_patient_mm(volume.affine, np.array([np.full(3, -0.5), shape - 0.5]))
        (x, y, z), (x_end, y_end, z_end) = corners.min(0), corners.max(0)
        return Refusal(
            OUTSIDE_SCAN,
            f"the scan reaches from {x:.1f},{y:.1f},{z:.1f} to {x_end:.1f},{y_end:.1f},{z_end:.1f} "
            "mm; expected a place in it, in LPS (x and y of RAS have the other sign)",
        )
    normal = volume.affine[:3, 0] / volume.spacing_mm[0]
    tilt = float(np.degrees(np.arccos(np.clip(abs(normal[2]), 0, 1))))
    if tilt > MOST_TILT_DEGREES:
        return Refusal(
            OBLIQUE,
            f"the slices lie {tilt:.0f} degrees off axial; at most {MOST_TILT_DEGREES:.0f} are "
            "answered",
        )
    edge_mm = max(volume.spacing_mm[1:])
    if not SPACINGS_MM[0] <= edge_mm <= SPACINGS_MM[1]:
        return Refusal(
            PIXEL_SPACING,
            f"pixels of {edge_mm:.2f} mm; expected {SPACINGS_MM[0]} to {SPACINGS_MM[1]} mm",
        )
    return None
