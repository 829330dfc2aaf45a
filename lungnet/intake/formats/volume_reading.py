"""Volume files become `Volume`s: the file's own geometry, HU and checks as for DICOM.

Their readers give the stored values and what the header makes of them; here they become HU of a
`Volume`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused, UnreadableError
from lungnet.intake import reasons
from lungnet.intake.checks.plausibility import check_values
from lungnet.intake.checks.slice_order import check_order
from lungnet.intake.containers.archives import read_member
from lungnet.intake.containers.location import Location
from lungnet.intake.formats import VOLUME_FORMATS
from lungnet.intake.formats.raw_volume import OpenedVolumeFile, RawVolume
from lungnet.intake.geometry.orientation import as_stack, canonical
from lungnet.intake.pixels.rescale import to_hu
from lungnet.intake.series import VolumeFileSeries
from lungnet.processes.native_stderr import suppressed_stderr
from lungnet.volume import AIR_HU, Volume, spacing_of

LARGEST_LABEL, MOST_LABELS = 255, 24
"""A CT has hundreds of values, negative ones among them; a segmentation a few from 0 up."""


def read_volume_file(series: VolumeFileSeries) -> Volume:
    """Read a volume file.

    Raises:
        SeriesRefused: it is broken, too large, sheared, or holds no CT volume.
    """
    try:
        with suppressed_stderr(), _opened(series.location, series.config) as source:
            return _volume(VOLUME_FORMATS[series.format].read(source, series.config), series)
    except SeriesRefused:
        raise
    except UnreadableError as error:
        raise SeriesRefused(*error.refusal) from error
    except MemoryError:
        raise SeriesRefused(reasons.TOO_LARGE, "the volume does not fit the memory") from None
    except Exception as error:
        # nibabel raises anything, and texts of numbers that are none quote the header.
        raise SeriesRefused(
            reasons.CORRUPT, f"the {series.format} file cannot be read ({type(error).__name__})"
        ) from error


def _volume(raw: RawVolume, series: VolumeFileSeries) -> Volume:
    warnings = [*series.warnings, *raw.warnings]
    shape = (raw.array.shape[0], raw.array.shape[1], raw.array.shape[2])
    if shape[_slowest(raw)] < series.config.fewest_slices:
        raise SeriesRefused(
            reasons.TOO_FEW_SLICES,
            f"{min(shape)} slice(s), at least {series.config.fewest_slices} make a volume",
        )
    _refuse_label_map(raw)
    axes, flips, affine, final_shape = canonical(raw.affine, shape)
    hu = np.empty(final_shape, np.int16)
    stack = as_stack(hu, axes, flips)
    conversions = []
    for plane, out in zip(raw.array, stack, strict=True):
        if plane.dtype.kind == "f":
            conversions.append(to_hu(np.nan_to_num(plane), raw.slope, raw.intercept, out))
            out[np.isnan(plane)] = AIR_HU
        else:
            conversions.append(to_hu(plane, raw.slope, raw.intercept, out))
    if raw.slope < 0:
        warnings.append(reasons.warning_of("negative-slope"))
    if any(rounded for rounded, _ in conversions):
        warnings.append(reasons.warning_of("rounded"))
    if any(clipped for _, clipped in conversions):
        warnings.append(reasons.warning_of("clipped"))
    warnings += check_values(hu, spacing_of(affine))
    warnings += check_order(hu)
    return Volume(hu, affine, series.patient_id, series.series_uid, tuple(warnings))


def _refuse_label_map(raw: RawVolume) -> None:
    """Name what a segmentation is: few small whole numbers, and nothing else."""
    steps = [max(1, n // 64) for n in raw.array.shape]
    sample = raw.array[:: steps[0], :: steps[1], :: steps[2]]
    values = np.unique(sample)
    is_small = values[0] >= 0 and values[-1] <= LARGEST_LABEL and len(values) <= MOST_LABELS
    if is_small and (values == np.rint(values)).all() and not np.isnan(values).any():
        listed = ", ".join(f"{value:g}" for value in values[:5])
        raise SeriesRefused(
            reasons.NOT_CT, f"a label map: it holds the values {listed} and none of a CT"
        )


def _slowest(raw: RawVolume) -> int:
    """The array axis closest to the body axis."""
    directions = raw.affine[:3, :3] / np.linalg.norm(raw.affine[:3, :3], axis=0)
    return int(np.abs(directions[2]).argmax())


@contextmanager
def _opened(location: Location, config: IntakeConfig) -> Iterator[OpenedVolumeFile]:
    if location.members:
        yield OpenedVolumeFile.of_bytes(read_member(location, config))
        return
    with location.path.open("rb") as file:
        yield OpenedVolumeFile(file, os.fstat(file.fileno()).st_size, location.folder)
