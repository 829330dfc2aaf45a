"""From the headers of slices to the grid they form.

Order, spacing, what is missing, what can be repaired, and the affine.

Only Image Position and Image Orientation (DICOM PS3.3 section C.7.6.2.1.1) are believed.
SliceThickness, SliceLocation, InstanceNumber and the tilt tag say other things or lie, and are only
held against the positions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.geometry.gantry_tilt import find_shear, tilt_warnings
from lungnet.intake.geometry.orientation import canonical, orientation_warnings
from lungnet.intake.geometry.spacing import find_spacing
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.volume import ScanWarning

Vector = NDArray[np.float64]

DIRECTION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine within a series, and from unit length or a right angle
(0.06 degrees)."""

SAME_PLACE_MM = 0.01
"""Slices closer than this along the normal claim one position."""


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """How slices become a volume.

    Attributes:
        stack_indices: for each slice of the series its index in the stack; copies share one.
        shape: of the volume, (z, y, x).
        affine: 4x4 from (z, y, x, 1) to LPS millimetres.
        axes: which volume axis the stack's (slice, row, column) axes become.
        flips: whether the stack's axes run against the volume's.
        canvas: (rows, columns) of a slice after it was shifted; larger than the slice's where the
            stack was sheared.
        shifts: for each slice where its first pixel lands on the canvas, in (fractional) pixels;
            None where none moves.
        planes: for each plane of the even grid its fractional index in the stack; None where the
            stack is even already.
    """

    stack_indices: tuple[int, ...]
    shape: tuple[int, int, int]
    affine: Vector
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    canvas: tuple[int, int]
    shifts: tuple[tuple[float, float], ...] | None
    planes: tuple[float, ...] | None

    @property
    def is_axial(self) -> bool:
        """Whether slices were acquired across the body axis."""
        return self.axes[0] == 0


def build_grid(
    slices: Sequence[SliceHeader], config: IntakeConfig
) -> tuple[list[SliceHeader], Grid, list[ScanWarning]]:
    """Order slices by position along their normal and find the grid they form.

    Args:
        slices: of one series, each with position, orientation and pixel spacing.
        config: what may be repaired.

    Returns:
        The slices from the first along the normal to the last, their grid, and what should be
        known.

    Raises:
        SeriesRefused: they form none; see `lungnet.intake.reasons`.
    """
    _refuse_mixed(slices)
    across, down = _directions(slices)
    normal = np.cross(across, down)
    ordered, positions, distances = _ordered(slices, normal)
    is_new = np.diff(distances, prepend=-np.inf) > SAME_PLACE_MM
    n_positions = int(is_new.sum())
    if n_positions < config.fewest_slices:
        _refuse_few(len(slices), n_positions, config)
    along = find_spacing(distances[is_new], ordered, config)
    sideways = (positions - positions[0]) @ np.stack([down, across], axis=1)
    heights = distances - distances[0]
    shear = find_shear(sideways, heights, ordered[0], config)
    spacing = ordered[0].pixel_spacing
    assert spacing is not None
    stack = np.eye(4)
    steps = [normal * along.step_mm, down * spacing[0], across * spacing[1]]
    stack[:3, :3] = np.stack(steps, axis=1)
    start = shear.start[0] * spacing[0] * down + shear.start[1] * spacing[1] * across
    stack[:3, 3] = positions[0] + start
    n_planes = n_positions if along.planes is None else len(along.planes)
    axes, flips, affine, shape = canonical(stack, (n_planes, *shear.canvas))
    _refuse_large(shape, config)
    indices = tuple((np.cumsum(is_new) - 1).tolist())
    grid = Grid(indices, shape, affine, axes, flips, shear.canvas, shear.shifts, along.planes)
    tilt = tilt_warnings(ordered[0], sideways, heights, is_sheared=shear.shifts is not None)
    return ordered, grid, [*along.warnings, *tilt, *orientation_warnings(axes, flips)]


def _ordered(
    slices: Sequence[SliceHeader], normal: Vector
) -> tuple[list[SliceHeader], Vector, Vector]:
    """Slices by their distance along the normal, copies by instance number.

    Their positions and distances, these from the slice that was met first, go with them.
    """
    positions = np.array([s.position for s in slices])
    distances = (positions - positions[0]) @ normal
    order = np.lexsort(([s.instance_number or 0 for s in slices], distances))
    return [slices[i] for i in order], positions[order], distances[order]


def _refuse_large(shape: tuple[int, int, int], config: IntakeConfig) -> None:
    if math.prod(shape) > config.largest_voxels:
        raise SeriesRefused(
            reasons.TOO_LARGE,
            f"the volume would have {math.prod(shape):,} voxels, at most "
            f"{config.largest_voxels:,} are allowed",
        )


def _refuse_mixed(slices: Sequence[SliceHeader]) -> None:
    first = slices[0]
    size = (first.encoding.rows, first.encoding.columns)
    assert first.pixel_spacing is not None
    assert first.orientation is not None
    if odd := [s for s in slices if (s.encoding.rows, s.encoding.columns) != size]:
        odd_size = (odd[0].encoding.rows, odd[0].encoding.columns)
        raise SeriesRefused(
            reasons.MIXED_SIZE,
            f"slices of {size[0]}x{size[1]} and of {odd_size[0]}x{odd_size[1]} pixels "
            "in one series",
        )
    orientations = np.array([s.orientation for s in slices])
    if (deviation := float(np.abs(orientations - orientations[0]).max())) > DIRECTION_TOLERANCE:
        raise SeriesRefused(
            reasons.MIXED_ORIENTATION,
            f"direction cosines of the slices differ by up to {deviation:.3f}",
        )
    frames = {s.frame_of_reference_uid for s in slices if s.frame_of_reference_uid}
    # About as many frames of reference as slices is what some anonymizers leave behind (LIDC-IDRI);
    # it says nothing.
    if 1 < len(frames) <= len({s.position for s in slices}) / 2:
        raise SeriesRefused(
            reasons.MIXED_FRAME,
            "slices come from different frames of reference; their positions cannot be compared",
        )
    spacings = np.array([s.pixel_spacing for s in slices])
    if np.abs(spacings / spacings[0] - 1).max() > DIRECTION_TOLERANCE:
        low, high = spacings.min(), spacings.max()
        raise SeriesRefused(
            reasons.MIXED_SIZE, f"pixel spacings between {low:g} and {high:g} mm in one series"
        )


def _directions(slices: Sequence[SliceHeader]) -> tuple[Vector, Vector]:
    """Unit vectors along a row and down a column."""
    across, down = np.array(slices[0].orientation).reshape(2, 3)
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(across @ down)) > DIRECTION_TOLERANCE:
        raise SeriesRefused(
            reasons.CORRUPT,
            "Image Orientation (0020,0037) is not two unit vectors at a right angle",
        )
    across = across / lengths[0]
    down = down - (across @ down) * across
    return across, down / np.linalg.norm(down)


def _refuse_few(n_slices: int, n_places: int, config: IntakeConfig) -> None:
    if n_slices > n_places and (n_places == 1 or n_slices >= config.fewest_slices):
        raise SeriesRefused(
            reasons.DUPLICATE_POSITION,
            f"{n_slices} slices lie at {n_places} position(s): no volume",
        )
    raise SeriesRefused(
        reasons.TOO_FEW_SLICES,
        f"{n_places} slice(s), at least {config.fewest_slices} make a volume",
    )
