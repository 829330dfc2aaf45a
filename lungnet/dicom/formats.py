"""NIfTI, MetaImage and NRRD by the same door: the file's own geometry, HU by the same rules, the same checks.

nibabel and SimpleITK read them. What they would believe without question is checked first: sizes before memory is
taken, data files that a header names outside its folder, affines that are sheared.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.dicom import reasons
from lungnet.dicom.candidate import Candidate, UnreadableError
from lungnet.dicom.found import Found
from lungnet.dicom.geometry import DIRECTION_TOLERANCE, as_stack, canonical
from lungnet.dicom.nifti import from_ras
from lungnet.dicom.order import check_order
from lungnet.dicom.plausibility import check_values
from lungnet.dicom.slices import Location, readable
from lungnet.dicom.values import to_hu
from lungnet.errors import SeriesRefused
from lungnet.silence import silence
from lungnet.volume import AIR_HU, Volume, spacing_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = {".nii": "nifti", ".nii.gz": "nifti", ".mha": "metaimage", ".mhd": "metaimage", ".nrrd": "nrrd", ".nhdr": "nrrd"}
_ITK_READER = Path(__file__).with_name("itk_reader.py")
_LEAST_TIMEOUT_S, _SLOWEST_BYTES_A_SECOND = 4.0, 20e6  # a header can make the reader count for ever
_SMALLEST_NIFTI_HEADER, _LARGEST_NIFTI_HEADER = 348, 1 << 20
_MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
_HEADER_BYTES = 64 << 10
_KINDS = "iuf"


@dataclass(frozen=True, eq=False)
class RawVolume:
    """What a reader of another format gives.

    Attributes:
        array: stored values, three axes in any order.
        affine: 4x4 from the array's indices to LPS millimetres.
        slope: HU of one unit; `intercept` HU of 0.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0


def format_of(name: str) -> str | None:
    """The format other than DICOM that a file's name says it is in."""
    return next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)


def found_volume(candidate: Candidate, kind: str, limits: IntakeConfig) -> Found:
    """A volume file as a series; it has no ids, so its name stands for them."""
    path = candidate.location.path
    stem = _stem(Path(candidate.name).name if candidate.location.members else path.name)
    warnings = (reasons.warned("no-identity"), reasons.warned("assumed-hu"))
    return Found(path, stem, "", stem, "CT", (), None, None, warnings, kind, limits, candidate.location)


def tell_apart(found: Sequence[Found]) -> list[Found]:
    """Put before names that several volume files share as many of their folders' names as tell them apart.

    `a/ct.nii` and `b/ct.nii` are two patients; with one id, one of them would be lost.
    """
    shared = Counter(one.series_uid for one in found if one.location is not None)
    named = list(found)
    for name in (name for name, count in shared.items() if count > 1):
        alike = [i for i, one in enumerate(found) if one.location is not None and one.series_uid == name]
        folders = [_folders(found[i]) for i in alike]
        if len(set(folders)) < len(alike):  # scan.nii and scan.mha in one folder
            folders = [(*parts, found[i].kind) for i, parts in zip(alike, folders, strict=True)]
        depth = next((d for d in range(1, max(map(len, folders))) if len({f[-d:] for f in folders}) == len(alike)), 1)
        for i, parts in zip(alike, folders, strict=True):
            told = "/".join((*parts[-depth:], name))
            named[i] = replace(found[i], patient_id=told, series_uid=told)
    return named


def _folders(found: Found) -> tuple[str, ...]:
    """Names that lead to a volume file: of its folders; of its archive and its place in there."""
    assert found.location is not None
    inside = (found.location.name, *map(str, found.location.members)) if found.location.members else ()
    return (*found.location.folder.absolute().parts, *inside)


def read_volume(found: Found) -> Volume:
    """Read a volume file.

    Raises:
        SeriesRefused: it is broken, too large, sheared, or holds no CT volume.
    """
    assert found.location is not None
    reader: Callable[[Path, IntakeConfig], RawVolume] = _read_nifti if found.kind == "nifti" else _read_itk
    try:
        with silence(), _on_disk(found.location, found) as path:
            raw = reader(path, found.limits)
            return _volume(raw, found)
    except SeriesRefused:
        raise
    except UnreadableError as error:
        raise SeriesRefused(*error.refusal) from error
    except MemoryError:
        raise SeriesRefused(reasons.TOO_LARGE, "the volume does not fit the memory") from None
    except Exception as error:
        # Readers of foreign formats raise anything; SimpleITK's texts quote paths.
        raise SeriesRefused(reasons.CORRUPT, f"the {found.kind} file cannot be read ({type(error).__name__})") from error


def _volume(raw: RawVolume, found: Found) -> Volume:
    warnings = list(found.warnings)
    shape = (raw.array.shape[0], raw.array.shape[1], raw.array.shape[2])
    if min(shape) < 1 or shape[_slowest(raw)] < found.limits.fewest_slices:
        raise SeriesRefused(reasons.TOO_FEW_SLICES, f"{min(shape)} slice(s), at least {found.limits.fewest_slices} make a volume")
    axes, flips, affine, final_shape = canonical(raw.affine, shape)
    hu = np.empty(final_shape, np.int16)
    stack = as_stack(hu, axes, flips)
    seen = [
        to_hu(np.nan_to_num(plane) if plane.dtype.kind == "f" else plane, raw.slope, raw.intercept, out)
        for plane, out in zip(raw.array, stack, strict=True)
    ]
    if raw.array.dtype.kind == "f":
        stack[np.isnan(raw.array)] = AIR_HU
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


def _read_nifti(path: Path, limits: IntakeConfig) -> RawVolume:
    import nibabel

    image: Any = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti2Image):
        raise SeriesRefused(reasons.CORRUPT, "no single-file NIfTI")
    header = image.header
    shape = [int(n) for n in image.shape]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    _check_size(shape, header.get_data_dtype(), path, limits)
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise SeriesRefused(reasons.MISSING_TAG, "the NIfTI header has neither sform nor qform: nothing says where the patient lies")
    if not _SMALLEST_NIFTI_HEADER <= image.dataobj.offset <= _LARGEST_NIFTI_HEADER:
        raise SeriesRefused(reasons.CORRUPT, f"the values begin after {image.dataobj.offset:,} bytes")
    to_mm = np.diag([*[_MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)] * 3, 1.0])
    affine = _checked(to_mm @ from_ras(np.asarray(image.affine, np.float64)))
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    array = np.asarray(image.dataobj.get_unscaled()).reshape(shape)
    return RawVolume(array.transpose(2, 1, 0), affine, float(slope), float(intercept))


def _read_itk(path: Path, limits: IntakeConfig) -> RawVolume:
    packed = sum(f.stat().st_size for f in (path, _data_file(path)) if f is not None)
    timeout_s = _LEAST_TIMEOUT_S + packed / _SLOWEST_BYTES_A_SECOND
    with tempfile.TemporaryDirectory(prefix="lungnet-") as folder:
        values = Path(folder) / "values"
        bounds = str(limits.largest_voxels), str(_most_bytes(packed, limits))
        command = [sys.executable, "-I", str(_ITK_READER), str(path.absolute()), *bounds, str(values)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=True)  # noqa: S603 - our own program, no shell
        except subprocess.TimeoutExpired:
            raise SeriesRefused(reasons.CORRUPT, "the file cannot be read (its reader did not end)") from None
        except subprocess.CalledProcessError as error:
            raise SeriesRefused(reasons.CORRUPT, f"the file cannot be read (its reader ended with {error.returncode})") from None
        told = json.loads(done.stdout)
        if "refused" in told:
            raise SeriesRefused(*told["refused"])
        array = np.fromfile(values, np.dtype(told["kind"])).reshape(told["shape"])
    return RawVolume(array, _checked(np.array(told["affine"])))


def _most_bytes(packed: int, limits: IntakeConfig) -> int:
    """How many bytes of values a file of `packed` bytes may promise."""
    return min(max(packed * limits.largest_ratio, limits.always_allowed_bytes), limits.largest_voxels * 4)


def _check_size(shape: list[int], kind: np.dtype[Any], path: Path, limits: IntakeConfig) -> None:
    if len(shape) != 3:
        raise SeriesRefused(reasons.NOT_CT, f"{len(shape)} dimensions, a CT volume has 3")
    if kind.kind not in _KINDS:
        raise SeriesRefused(reasons.NOT_CT, "the values are no plain numbers")
    voxels, packed = int(np.prod([max(n, 0) for n in shape], dtype=object)), path.stat().st_size
    if voxels > limits.largest_voxels:
        raise SeriesRefused(reasons.TOO_LARGE, f"{voxels:,} voxels, at most {limits.largest_voxels:,} are read")
    if voxels * kind.itemsize > _most_bytes(packed, limits):
        raise SeriesRefused(reasons.TOO_LARGE, f"the header promises {voxels:,} voxels of {kind.itemsize} bytes, the file has {packed:,}")


def _checked(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine, if it has right angles and finite lengths."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or lengths.min() <= 0 or lengths.max() > 100:
        raise SeriesRefused(reasons.CORRUPT, "voxel sizes are not positive millimetres")
    cosines = (affine[:3, :3] / lengths).T @ (affine[:3, :3] / lengths)
    if np.abs(cosines - np.eye(3)).max() > DIRECTION_TOLERANCE:
        raise SeriesRefused(
            reasons.TILTED_GANTRY, "the axes are not at right angles; convert from DICOM, where a tilted stack is sheared back"
        )
    return affine


def _data_file(path: Path) -> Path | None:
    """The data file that a header names, or None where the values follow it: only one file beside it is read.

    Raises:
        SeriesRefused: it names another, several, or says nothing within its first bytes.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if path.suffix.lower() in (".nrrd", ".nhdr"):
        head, blank_line, _ = head.replace(b"\r\n", b"\n").partition(b"\n\n")
        targets = _named(head, b":", (b"datafile", b"data file"))
        if not targets and blank_line and path.suffix.lower() == ".nrrd":
            return None
    else:
        targets = _named(head, b"=", (b"elementdatafile",))
    if not targets:
        raise SeriesRefused(reasons.CORRUPT, "the header does not say where the values are")
    if {target.upper() for target in targets} == {"LOCAL"}:
        return None
    target = targets.pop()
    is_odd = targets or any(part in target for part in "/\\%") or target.upper().startswith("LIST")
    if is_odd or not (path.parent / target).is_file():
        raise SeriesRefused(reasons.CORRUPT, "the header names a data file that is not one file beside it")
    return path.parent / target


def _named(head: bytes, separator: bytes, keys: tuple[bytes, ...]) -> set[str]:
    """The values of a header's lines with one of the keys."""
    lines = [line.partition(separator) for line in head.splitlines()]
    return {value.strip().decode("latin-1") for name, found, value in lines if found and name.strip().lower() in keys}


@contextmanager
def _on_disk(location: Location, found: Found) -> "Iterator[Path]":
    """The file, or a copy of it where it lies in an archive: the readers want files."""
    if not location.members:
        yield location.path
        return
    from lungnet.dicom.archives import read_member

    endings = {"nifti": ".nii", "metaimage": ".mha", "nrrd": ".nrrd"}
    data = read_member(location, found.limits)
    ending = endings[found.kind] + (".gz" if data[:2] == b"\x1f\x8b" else "")
    with tempfile.TemporaryDirectory(prefix="lungnet-") as folder:
        path = Path(folder) / f"volume{ending}"
        path.write_bytes(data)
        yield path


def _stem(name: str) -> str:
    ending = max((e for e in _ENDINGS if name.lower().endswith(e)), key=len, default="")
    return readable(name[: len(name) - len(ending)])[:64]
