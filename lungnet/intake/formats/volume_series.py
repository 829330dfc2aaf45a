"""A volume file as a series: it has no ids, so its name stands for them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.intake import reasons
from lungnet.intake.containers.source_file import SourceFile
from lungnet.intake.formats import VOLUME_FORMATS, VOLUME_SUFFIXES
from lungnet.intake.printable import readable
from lungnet.intake.series import Series, VolumeFileSeries


def format_of(name: str) -> str | None:
    """The format other than DICOM that a file's name (lower case) says it is in."""
    named = (key for key, value in VOLUME_FORMATS.items() if name.endswith(value.suffixes))
    return next(named, None)


def volume_file_series(
    source_file: SourceFile, volume_format: str, config: IntakeConfig
) -> VolumeFileSeries:
    """A volume file as a series, named by its stem."""
    path = source_file.location.path
    stem = _stem(Path(source_file.name).name if source_file.location.members else path.name)
    return VolumeFileSeries(
        path=path,
        config=config,
        patient_id=stem,
        series_uid=stem,
        modality="CT",
        warnings=(reasons.warning_of("no-identity"), reasons.warning_of("assumed-hu")),
        format=volume_format,
        location=source_file.location,
    )


def with_distinct_ids(series_list: Sequence[Series]) -> list[Series]:
    """Put as many folder names before file names that are shared as tell the files apart.

    `a/ct.nii` and `b/ct.nii` are two patients; with one id, one of them would be lost.
    """
    by_name: dict[str, dict[int, VolumeFileSeries]] = {}
    for i, series in enumerate(series_list):
        if isinstance(series, VolumeFileSeries):
            by_name.setdefault(series.series_uid, {})[i] = series
    distinct = list(series_list)
    for name, alike in by_name.items():
        if len(alike) == 1:
            continue
        folders = list(map(_folder_names, alike.values()))
        if len(set(folders)) < len(alike):  # scan.nii and scan.mha in one folder
            folders = [
                (*names, series.format)
                for names, series in zip(folders, alike.values(), strict=True)
            ]
        depths = range(1, max(map(len, folders)))
        depth = next((d for d in depths if len({f[-d:] for f in folders}) == len(alike)), 1)
        for (i, series), names in zip(alike.items(), folders, strict=True):
            unique = "/".join((*names[-depth:], name))
            distinct[i] = replace(series, patient_id=unique, series_uid=unique)
    return distinct


def _folder_names(series: VolumeFileSeries) -> tuple[str, ...]:
    """Names that lead to a volume file: of its folders; of its archive and its place in there."""
    location = series.location
    inside = (location.name, *map(str, location.members)) if location.members else ()
    return (*location.folder.absolute().parts, *inside)


def _stem(name: str) -> str:
    endings = (suffix for suffix in VOLUME_SUFFIXES if name.lower().endswith(suffix))
    ending = max(endings, key=len, default="")
    return readable(name[: len(name) - len(ending)])[:64]
