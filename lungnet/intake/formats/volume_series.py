"""A volume file as a series: it has no ids, so names stand for them."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from lungnet.config.intake import IntakeConfig
from lungnet.intake import reasons
from lungnet.intake.containers.source_file import SourceFile
from lungnet.intake.formats import VOLUME_FORMATS, VOLUME_SUFFIXES
from lungnet.intake.printable import readable
from lungnet.intake.series import VolumeFileSeries

GENERIC_WORDS = frozenset(
    [
        "image",
        "images",
        "imaging",
        "img",
        "ct",
        "cta",
        "scan",
        "scans",
        "series",
        "volume",
        "vol",
        "data",
        "dicom",
        "dcm",
        "nifti",
        "nii",
        "input",
        "original",
        "orig",
        "chest",
        "thorax",
        "thoracic",
        "lung",
        "lungs",
        "axial",
        "hu",
        "patient",
        "case",
        "raw",
    ]
)
"""A stem of such words alone names no patient: the folder above it does."""

_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


def format_of(name: str) -> str | None:
    """The format other than DICOM that a file's name (lower case) says it is in."""
    named = (key for key, value in VOLUME_FORMATS.items() if name.endswith(value.suffixes))
    return next(named, None)


def volume_file_series(
    source_file: SourceFile, volume_format: str, config: IntakeConfig
) -> VolumeFileSeries:
    """A volume file as a series, whose ids are the same whatever lies beside it.

    The patient's id is the file's stem; where that is a word that any file may have
    (`imaging.nii.gz`), the nearest folder above it with a name of its own. The series' has a hash
    of the file's size and beginning too, as two files of one name may lie in two folders.
    """
    location = source_file.location
    inside = PurePosixPath(source_file.member_name) if location.members else None
    name = inside.name if inside else location.name
    folders = [*location.folder.absolute().parts]
    if inside:
        folders = [_stem(location.name, _ARCHIVE_SUFFIXES), *inside.parent.parts]
    stem = _stem(name, VOLUME_SUFFIXES)
    specific = (part for part in (stem, *reversed(folders)) if not _is_generic(part))
    patient_id = readable(next(specific, stem))[:64]
    digest = hashlib.sha256(f"{source_file.size}\0".encode() + source_file.head).hexdigest()
    return VolumeFileSeries(
        path=location.path,
        config=config,
        patient_id=patient_id,
        series_uid=f"{stem}.{digest[:12]}",
        modality="CT",
        warnings=(reasons.warning_of("no-identity"), reasons.warning_of("assumed-hu")),
        format=volume_format,
        location=location,
    )


def _is_generic(stem: str) -> bool:
    """Whether every word of a stem is one that any file may have."""
    words = re.split(r"[\W_]+", stem.lower())
    return all(word in GENERIC_WORDS or not word for word in words)


def _stem(name: str, suffixes: Sequence[str]) -> str:
    endings = (suffix for suffix in suffixes if name.lower().endswith(suffix))
    ending = max(endings, key=len, default="")
    return readable(name[: len(name) - len(ending)])[:64]
