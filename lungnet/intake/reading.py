"""From a found series to a `Volume`: each pixel is read once and lands at its final place."""

import numpy as np
from numpy.typing import NDArray

from lungnet.errors import SeriesRefused, UndecodableError
from lungnet.intake import reasons
from lungnet.intake.checks.plausibility import check_values, deep_share, refuse_deep
from lungnet.intake.checks.slice_order import check_order
from lungnet.intake.formats.volume_reading import read_volume_file
from lungnet.intake.geometry.grid import Grid
from lungnet.intake.geometry.interpolation import put_shifted, resample_planes
from lungnet.intake.geometry.orientation import as_stack
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.intake.pixels.frames import decoded
from lungnet.intake.pixels.rescale import mark_padding, to_hu
from lungnet.intake.series import DicomSeries, Series, VolumeFileSeries
from lungnet.volume import ScanWarning, Volume, spacing_of


def read_series(series: Series) -> Volume:
    """Read a series as exact HU on an orthogonal grid, (z, y, x) LPS.

    Args:
        series: a series from `find_series`, usable as far as its headers show.

    Returns:
        The volume, with all warnings of headers and pixels.

    Raises:
        SeriesRefused: the headers refuse it already, or its pixels do.
    """
    if series.refusal is not None:
        raise SeriesRefused(*series.refusal)
    if isinstance(series, VolumeFileSeries):
        return read_volume_file(series)
    assert isinstance(series, DicomSeries)
    assert series.grid is not None
    warnings, grid = list(series.warnings), series.grid
    hu = _read_slices(series, grid, warnings)
    warnings += check_values(hu, spacing_of(grid.affine), series.slices[0].identity.body_part)
    warnings += check_order(
        as_stack(hu, grid.axes, grid.flips), with_blocks=grid.is_axial and grid.shifts is None
    )
    return Volume(hu, grid.affine, series.patient_id, series.series_uid, tuple(warnings))


def _read_slices(series: DicomSeries, grid: Grid, warnings: list[ScanWarning]) -> NDArray[np.int16]:
    """Fill the volume; uneven slices go to a stack of their own first."""
    hu = np.empty(grid.shape, np.int16)
    final = as_stack(hu, grid.axes, grid.flips)
    n_positions = max(grid.stack_indices) + 1
    stack = final if grid.planes is None else np.empty((n_positions, *grid.canvas), np.int16)
    codes: set[str] = set()
    deep: list[float] = []
    is_filled = np.zeros(len(stack), bool)
    copies = 0
    try:
        for index, stored, frame_codes in decoded(series.slices, series.config):
            header, position = series.slices[index], grid.stack_indices[index]
            plane = np.empty_like(stack[position]) if is_filled[position] else stack[position]
            shift = None if grid.shifts is None else grid.shifts[index]
            codes |= frame_codes | _place(stored, header, plane, shift)
            deep.append(deep_share(stored, header))
            if is_filled[position]:
                _refuse_different(plane, stack, position)
                copies += 1
            is_filled[position] = True
    except UndecodableError as broken:
        raise SeriesRefused(reasons.UNDECODABLE, str(broken)) from broken
    refuse_deep(deep)
    if copies:
        text = f"{copies} exact {'copy' if copies == 1 else 'copies'} of slices dropped"
        warnings.append(ScanWarning("duplicate-dropped", text))
    known = {warning.code for warning in warnings}
    warnings += [reasons.warning_of(code) for code in sorted(codes - known)]
    if grid.planes is not None:
        resample_planes(stack, grid.planes, final)
    return hu


def _refuse_different(plane: NDArray[np.int16], stack: NDArray[np.int16], position: int) -> None:
    if not np.array_equal(plane, stack[position]):
        raise SeriesRefused(
            reasons.DUPLICATE_POSITION,
            f"two different slices lie at position {position + 1} of {len(stack)}",
        )


def _place(
    stored: NDArray[np.generic],
    header: SliceHeader,
    target: NDArray[np.int16],
    shift: tuple[float, float] | None,
) -> set[str]:
    """Write the HU of one slice where it belongs; returns the codes of what should be known."""
    assert header.slope is not None
    assert header.intercept is not None
    plane = target if shift is None else np.empty(stored.shape, np.int16)
    rounded, clipped = to_hu(stored, header.slope, header.intercept, plane)
    ambiguous = mark_padding(stored, header.encoding, (header.slope, header.intercept), plane)
    if shift is not None:
        put_shifted(plane, shift, target)
    return {
        code
        for code, is_so in (("rounded", rounded), ("clipped", clipped), ("padding", ambiguous))
        if is_so
    }
