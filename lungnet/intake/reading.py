"""From a found series to a `Volume`: each pixel is read once and lands at its final place."""

import numpy as np
from numpy.typing import NDArray

from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.checks.plausibility import check_values, deep_part, refuse_deep
from lungnet.intake.checks.slice_order import check_order
from lungnet.intake.formats.volume_reading import read_volume
from lungnet.intake.geometry.grid import Grid, as_stack
from lungnet.intake.geometry.interpolation import put_shifted, resample_planes
from lungnet.intake.headers.slice_header import Slice
from lungnet.intake.pixels.codecs import UndecodableError
from lungnet.intake.pixels.frames import decoded
from lungnet.intake.pixels.rescale import mark_padding, to_hu
from lungnet.intake.series import Found
from lungnet.volume import Volume, Warned, spacing_of


def read_series(found: Found) -> Volume:
    """Read a series as exact HU on an orthogonal grid, (z, y, x) LPS.

    Args:
        found: a series from `find_series`, usable as far as its headers show.

    Returns:
        The volume, with all warnings of headers and pixels.

    Raises:
        SeriesRefused: the headers refuse it already, or its pixels do.
    """
    if found.refusal is not None:
        raise SeriesRefused(*found.refusal)
    if found.kind != "dicom":
        return read_volume(found)
    assert found.grid is not None
    warnings = list(found.warnings)
    hu = _read_slices(found, found.grid, warnings)
    grid, who = found.grid, found.slices[0].identity
    warnings += check_values(hu, spacing_of(grid.affine), who.body_part)
    warnings += check_order(
        as_stack(hu, grid.axes, grid.flips), with_blocks=grid.is_axial and grid.shifts is None
    )
    return Volume(hu, found.grid.affine, found.patient_id, found.series_uid, tuple(warnings))


def _read_slices(found: Found, grid: Grid, warnings: list[Warned]) -> NDArray[np.int16]:
    """Fill the volume; uneven slices go to a stack of their own first."""
    hu = np.empty(grid.shape, np.int16)
    final = as_stack(hu, grid.axes, grid.flips)
    stack = (
        final if grid.planes is None else np.empty((max(grid.places) + 1, *grid.canvas), np.int16)
    )
    noticed: set[str] = {warning.code for warning in warnings}
    known = frozenset(noticed)
    deep: list[float] = []
    filled = np.zeros(len(stack), bool)
    copies = 0
    try:
        for index, stored, shown in decoded(found.slices, found.limits):
            place = grid.places[index]
            target = np.empty_like(stack[place]) if filled[place] else stack[place]
            shift = None if grid.shifts is None else grid.shifts[index]
            noticed |= shown | _place(stored, found.slices[index], target, shift)
            deep.append(deep_part(stored, found.slices[index]))
            if filled[place] and not np.array_equal(target, stack[place]):
                raise SeriesRefused(
                    reasons.DUPLICATE_POSITION,
                    f"two different slices lie at position {place + 1} of {len(stack)}",
                )
            copies += bool(filled[place])
            filled[place] = True
    except UndecodableError as broken:
        raise SeriesRefused(reasons.UNDECODABLE, str(broken)) from broken
    refuse_deep(deep)
    if copies:
        warnings.append(
            Warned(
                "duplicate-dropped",
                f"{copies} exact {'copy' if copies == 1 else 'copies'} of slices dropped",
            )
        )
    warnings += [reasons.warned(code) for code in sorted(noticed - known)]
    if grid.planes is not None:
        resample_planes(stack, grid.planes, final)
    return hu


def _place(
    stored: NDArray[np.generic],
    one: Slice,
    target: NDArray[np.int16],
    shift: tuple[float, float] | None,
) -> set[str]:
    """Write the HU of one slice where it belongs; returns the codes of what should be known."""
    assert one.slope is not None
    assert one.intercept is not None
    plane = target if shift is None else np.empty(stored.shape, np.int16)
    rounded, clipped = to_hu(stored, one.slope, one.intercept, plane)
    ambiguous = mark_padding(stored, one.encoding, (one.slope, one.intercept), plane)
    if shift is not None:
        put_shifted(plane, shift, target)
    return {
        code
        for code, is_so in (("rounded", rounded), ("clipped", clipped), ("padding", ambiguous))
        if is_so
    }
