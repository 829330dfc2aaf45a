"""NIfTI, MetaImage and NRRD by the same door.

The file's own geometry, HU by the same rules, the same checks.

Their readers give the stored values and what the header makes of them; here they become HU of a
`Volume`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.checks.plausibility import check_values
from lungnet.intake.checks.slice_order import check_order
from lungnet.intake.containers.archives import read_member
from lungnet.intake.containers.source_file import VOLUME_ENDINGS, Candidate, UnreadableError
from lungnet.intake.formats.metaimage import read_metaimage
from lungnet.intake.formats.nifti import read_nifti
from lungnet.intake.formats.nrrd import read_nrrd
from lungnet.intake.formats.volume_file import RawVolume, VolumeFile
from lungnet.intake.geometry.grid import as_stack, canonical
from lungnet.intake.headers.slice_header import Location, readable
from lungnet.intake.pixels.rescale import to_hu
from lungnet.intake.series import Found
from lungnet.native_stderr import silence
from lungnet.volume import AIR_HU, Volume, spacing_of

_READERS: Final[dict[str, Callable[[VolumeFile, IntakeConfig], RawVolume]]] = {
    "nifti": read_nifti,
    "metaimage": read_metaimage,
    "nrrd": read_nrrd,
}


def format_of(name: str) -> str | None:
    """The format other than DICOM that a file's name says it is in."""
    return next((kind for ending, kind in VOLUME_ENDINGS.items() if name.endswith(ending)), None)


def found_volume(candidate: Candidate, kind: str, limits: IntakeConfig) -> Found:
    """A volume file as a series; it has no ids, so its name stands for them."""
    path = candidate.location.path
    stem = _stem(Path(candidate.name).name if candidate.location.members else path.name)
    warnings = (reasons.warned("no-identity"), reasons.warned("assumed-hu"))
    return Found(
        path, stem, "", stem, "CT", (), None, None, warnings, kind, limits, candidate.location
    )


def tell_apart(found: Sequence[Found]) -> list[Found]:
    """Put as many folder names before file names that are shared as tell the files apart.

    `a/ct.nii` and `b/ct.nii` are two patients; with one id, one of them would be lost.
    """
    by_name: dict[str, list[int]] = {}
    for i, one in enumerate(found):
        if one.location is not None:
            by_name.setdefault(one.series_uid, []).append(i)
    named = list(found)
    for name, alike in by_name.items():
        if len(alike) == 1:
            continue
        folders = [_folders(found[i]) for i in alike]
        if len(set(folders)) < len(alike):  # scan.nii and scan.mha in one folder
            folders = [(*parts, found[i].kind) for i, parts in zip(alike, folders, strict=True)]
        depth = next(
            (
                d
                for d in range(1, max(map(len, folders)))
                if len({f[-d:] for f in folders}) == len(alike)
            ),
            1,
        )
        for i, parts in zip(alike, folders, strict=True):
            told = "/".join((*parts[-depth:], name))
            named[i] = replace(found[i], patient_id=told, series_uid=told)
    return named


def _folders(found: Found) -> tuple[str, ...]:
    """Names that lead to a volume file: of its folders; of its archive and its place in there."""
    assert found.location is not None
    inside = (
        (found.location.name, *map(str, found.location.members)) if found.location.members else ()
    )
    return (*found.location.folder.absolute().parts, *inside)


def read_volume(found: Found) -> Volume:
    """Read a volume file.

    Raises:
        SeriesRefused: it is broken, too large, sheared, or holds no CT volume.
    """
    assert found.location is not None
    try:
        with silence(), _opened(found.location, found.limits) as source:
            return _volume(_READERS[found.kind](source, found.limits), found)
    except SeriesRefused:
        raise
    except UnreadableError as error:
        raise SeriesRefused(*error.refusal) from error
    except MemoryError:
        raise SeriesRefused(reasons.TOO_LARGE, "the volume does not fit the memory") from None
    except Exception as error:
        # nibabel raises anything, and texts of numbers that are none quote the header.
        raise SeriesRefused(
            reasons.CORRUPT, f"the {found.kind} file cannot be read ({type(error).__name__})"
        ) from error


def _volume(raw: RawVolume, found: Found) -> Volume:
    warnings = [*found.warnings, *raw.warnings]
    shape = (raw.array.shape[0], raw.array.shape[1], raw.array.shape[2])
    if shape[_slowest(raw)] < found.limits.fewest_slices:
        raise SeriesRefused(
            reasons.TOO_FEW_SLICES,
            f"{min(shape)} slice(s), at least {found.limits.fewest_slices} make a volume",
        )
    axes, flips, affine, final_shape = canonical(raw.affine, shape)
    hu = np.empty(final_shape, np.int16)
    stack = as_stack(hu, axes, flips)
    seen = []
    for plane, out in zip(raw.array, stack, strict=True):
        if plane.dtype.kind == "f":
            seen.append(to_hu(np.nan_to_num(plane), raw.slope, raw.intercept, out))
            out[np.isnan(plane)] = AIR_HU
        else:
            seen.append(to_hu(plane, raw.slope, raw.intercept, out))
    if raw.slope < 0:
        warnings.append(reasons.warned("negative-slope"))
    if any(rounded for rounded, _ in seen):
        warnings.append(reasons.warned("rounded"))
    if any(clipped for _, clipped in seen):
        warnings.append(reasons.warned("clipped"))
    warnings += check_values(hu, spacing_of(affine))
    warnings += check_order(hu)
    return Volume(hu, affine, found.patient_id, found.series_uid, tuple(warnings))


def _slowest(raw: RawVolume) -> int:
    """The array axis closest to the body axis."""
    directions = raw.affine[:3, :3] / np.linalg.norm(raw.affine[:3, :3], axis=0)
    return int(np.abs(directions[2]).argmax())


@contextmanager
def _opened(location: Location, limits: IntakeConfig) -> Iterator[VolumeFile]:
    if location.members:
        yield VolumeFile.of_bytes(read_member(location, limits))
        return
    with location.path.open("rb") as file:
        yield VolumeFile(file, os.fstat(file.fileno()).st_size, location.folder)


def _stem(name: str) -> str:
    ending = max((e for e in VOLUME_ENDINGS if name.lower().endswith(e)), key=len, default="")
    return readable(name[: len(name) - len(ending)])[:64]
