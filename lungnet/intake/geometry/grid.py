"""From the headers of slices to the grid they form.

Order, spacing, what is missing, what can be repaired, and the affine.

Only Image Position and Image Orientation (DICOM PS3.3 section C.7.6.2.1.1) are believed.
SliceThickness, SliceLocation, InstanceNumber and the tilt tag say other things or lie, and are only
held against the positions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.geometry.spacing import spacing_along
from lungnet.intake.headers.slice_header import Slice
from lungnet.volume import Warned

Vector = NDArray[np.float64]

DIRECTION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine within a series, and from unit length or a right angle
(0.06 degrees)."""

SAME_PLACE_MM = 0.01
"""Slices closer than this along the normal claim one position."""

LARGEST_CANVAS = 4
"""Slices moved back may take so many times the pixels of one; 35 degrees over half a metre take
twice as many."""

DRIFT_TOLERANCE_PIXELS = 0.25
"""Slices may drift so far sideways over the whole stack before the stack counts as tilted."""

LARGEST_JUMP_MM = 2.0
"""A slice farther than this beside the line through the stack is no part of it."""


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """How slices become a volume.

    Attributes:
        places: for each slice of the series its index in the stack; copies share one.
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

    places: tuple[int, ...]
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
    slices: Sequence[Slice], limits: IntakeConfig
) -> tuple[list[Slice], Grid, list[Warned]]:
    """Order slices by position along their normal and find the grid they form.

    Args:
        slices: of one series, each with position, orientation and pixel spacing.
        limits: what may be repaired.

    Returns:
        The slices from the first along the normal to the last, their grid, and what should be
        known.

    Raises:
        SeriesRefused: they form none; see `lungnet.intake.reasons`.
    """
    _refuse_mixed(slices)
    across, down = _directions(slices)
    normal = np.cross(across, down)
    positions = np.array([s.position for s in slices])
    offsets = positions - positions[0]
    distances = offsets @ normal
    order = np.lexsort(([s.instance_number or 0 for s in slices], distances))
    slices = [slices[i] for i in order]
    positions, distances = positions[order], distances[order]
    warnings: list[Warned] = []

    is_new = np.diff(distances, prepend=-np.inf) > SAME_PLACE_MM
    places = np.cumsum(is_new) - 1
    stops = distances[is_new]
    if len(stops) < limits.fewest_slices:
        _refuse_few(len(slices), len(stops), limits)
    step, planes = spacing_along(stops, slices, limits, warnings)

    spacing = slices[0].pixel_spacing
    assert spacing is not None
    sideways = (positions - positions[0]) @ np.stack([down, across], axis=1)
    shifts, canvas, start = _shear(
        sideways, distances - distances[0], (slices[0], limits), warnings
    )
    origin = positions[0] + start[0] * spacing[0] * down + start[1] * spacing[1] * across
    n_planes = len(stops) if planes is None else len(planes)
    stack = np.eye(4)
    stack[:3, :3] = np.stack([normal * step, down * spacing[0], across * spacing[1]], axis=1)
    stack[:3, 3] = origin
    axes, flips, affine, shape = canonical(stack, (n_planes, *canvas))
    if math.prod(shape) > limits.largest_voxels:
        raise SeriesRefused(
            reasons.TOO_LARGE,
            f"the volume would have {math.prod(shape):,} voxels, at most {limits.largest_voxels:,} "
            "are allowed",
        )
    _note_orientation(axes, flips, warnings)
    _note_tilt_tag(slices[0], shifts is not None, warnings)
    return (
        slices,
        Grid(tuple(places.tolist()), shape, affine, axes, flips, canvas, shifts, planes),
        warnings,
    )


def canonical(
    stack: Vector, shape: tuple[int, int, int]
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool], Vector, tuple[int, int, int]]:
    """Permute and flip array axes to lie closest to (z, y, x) of LPS; no value changes.

    Args:
        stack: 4x4 affine of the array as it is.
        shape: of the array.

    Returns:
        For each array axis the volume axis it becomes; whether it is flipped; the volume's affine;
        the volume's shape.
    """
    directions = stack[:3, :3] / np.linalg.norm(stack[:3, :3], axis=0)
    # Patient axis of volume axis v is 2 - v: z, y, x.
    axes = max(
        permutations(range(3)),
        key=lambda p: sum(abs(directions[2 - v, a]) for a, v in enumerate(p)),
    )
    flips = [bool(directions[2 - v, a] < 0) for a, v in enumerate(axes)]
    affine = np.eye(4)
    affine[:3, 3] = stack[:3, 3]
    out = [0, 0, 0]
    for a, v in enumerate(axes):
        column = stack[:3, a]
        if flips[a]:
            affine[:3, 3] += column * (shape[a] - 1)
        affine[:3, v] = -column if flips[a] else column
        out[v] = shape[a]
    affine[:3] += 0.0  # no negative zeros
    return (
        (axes[0], axes[1], axes[2]),
        (flips[0], flips[1], flips[2]),
        affine,
        (out[0], out[1], out[2]),
    )


def as_stack(
    volume: NDArray[np.int16], axes: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> NDArray[np.int16]:
    """A view of a volume with the axes (slice, row, column) of the stack.

    What is written there lies right in the volume.
    """
    view = volume.transpose(axes)
    return view[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]


def _refuse_mixed(slices: Sequence[Slice]) -> None:
    first = slices[0]
    size = (first.encoding.rows, first.encoding.columns)
    assert first.pixel_spacing is not None
    assert first.orientation is not None
    if odd := [s for s in slices if (s.encoding.rows, s.encoding.columns) != size]:
        found = (odd[0].encoding.rows, odd[0].encoding.columns)
        raise SeriesRefused(
            reasons.MIXED_SIZE,
            f"slices of {size[0]}x{size[1]} and of {found[0]}x{found[1]} pixels in one series",
        )
    orientations = np.array([s.orientation for s in slices])
    if (away := float(np.abs(orientations - orientations[0]).max())) > DIRECTION_TOLERANCE:
        raise SeriesRefused(
            reasons.MIXED_ORIENTATION, f"direction cosines of the slices differ by up to {away:.3f}"
        )
    frames = {s.frame_uid for s in slices if s.frame_uid}
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


def _directions(slices: Sequence[Slice]) -> tuple[Vector, Vector]:
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


def _refuse_few(n_slices: int, n_places: int, limits: IntakeConfig) -> None:
    if n_slices > n_places and (n_places == 1 or n_slices >= limits.fewest_slices):
        raise SeriesRefused(
            reasons.DUPLICATE_POSITION,
            f"{n_slices} slices lie at {n_places} position(s): no volume",
        )
    raise SeriesRefused(
        reasons.TOO_FEW_SLICES,
        f"{n_places} slice(s), at least {limits.fewest_slices} make a volume",
    )


def _shear(
    sideways: Vector, distances: Vector, given: tuple[Slice, IntakeConfig], warnings: list[Warned]
) -> tuple[tuple[tuple[float, float], ...] | None, tuple[int, int], tuple[int, int]]:
    """Where slices that drift sideways land on a common canvas.

    Args:
        sideways: for each slice its offset (down, across) from the first, millimetres.
        distances: for each slice its offset along the normal, millimetres.
        given: a slice, for pixel size and number, and the limits.
        warnings: added to.

    Returns:
        The shifts in pixels or None, the canvas, and where the canvas begins, in whole pixels from
        the first slice's.
    """
    one, limits = given
    size = (one.encoding.rows, one.encoding.columns)
    assert one.pixel_spacing is not None
    pixels = sideways / np.array(one.pixel_spacing)
    if np.abs(pixels).max() <= DRIFT_TOLERANCE_PIXELS:
        return None, size, (0, 0)
    span = float(distances[-1])
    slope = sideways[-1] / span if span > 0 else np.zeros(2)
    beside = float(np.linalg.norm(sideways - np.outer(distances, slope), axis=1).max())
    if beside > LARGEST_JUMP_MM:
        raise SeriesRefused(
            reasons.IRREGULAR_SPACING,
            f"slices lie up to {beside:.1f} mm beside the line through the stack",
        )
    degrees = math.degrees(math.atan(float(np.linalg.norm(slope))))
    if degrees > limits.largest_tilt_degrees:
        raise SeriesRefused(
            reasons.TILTED_GANTRY,
            f"the stack is tilted by {degrees:.1f} degrees, at most "
            f"{limits.largest_tilt_degrees:g} are undone",
        )
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0))
    canvas = (size[0] + int(high[0] - low[0]), size[1] + int(high[1] - low[1]))
    if math.prod(canvas) > LARGEST_CANVAS * math.prod(size):
        raise SeriesRefused(
            reasons.TOO_LARGE,
            f"slices drift so far that they would take a canvas of "
            f"{canvas[0]} x {canvas[1]} pixels",
        )
    text = f"slices stepped {degrees:.1f} degrees off their normal; each was moved within its plane"
    warnings.append(Warned("unsheared", text))
    return tuple((float(v), float(u)) for v, u in pixels - low), canvas, (int(low[0]), int(low[1]))


def _note_orientation(
    axes: tuple[int, int, int], flips: tuple[bool, bool, bool], warnings: list[Warned]
) -> None:
    if axes != (0, 1, 2):
        plane = {0: "axial", 1: "coronal", 2: "sagittal"}[axes[0]]
        warnings.append(
            Warned(
                "reoriented",
                f"slices are {plane}, rows along volume axis {axes[2]}; brought to (z, y, x) LPS",
            )
        )
    elif flips[1] or flips[2]:
        which = " and ".join(
            name for name, flip in (("rows", flips[1]), ("columns", flips[2])) if flip
        )
        warnings.append(
            Warned(
                "flipped",
                f"{which} ran against LPS (a prone or mirrored series) and were turned round",
            )
        )


def _note_tilt_tag(one: Slice, is_sheared: bool, warnings: list[Warned]) -> None:
    tilt = one.tilt_degrees
    if tilt is None or abs(tilt) < 0.1 or is_sheared:
        return
    assert one.orientation is not None
    lean = math.degrees(
        math.acos(min(1.0, max(np.abs(np.cross(one.orientation[:3], one.orientation[3:])))))
    )
    if abs(lean - abs(tilt)) > 0.5:
        text = (
            f"Gantry/Detector Tilt (0018,1120) says {tilt:g} degrees, the positions show none; the "
            "positions were used"
        )
        warnings.append(Warned("tilt-tag", text))
