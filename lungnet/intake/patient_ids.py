"""Whose a series is: ids that many share are told, and folders may stand for missing ids."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lungnet.errors import InputError
from lungnet.intake.printable import readable
from lungnet.intake.series import Series, VolumeFileSeries
from lungnet.volume import ScanWarning

PLACEHOLDER = re.compile(
    r"anon|anonym(ous|i[sz]ed)?|de-?identified|removed|unknown|none|null|n/?a|no ?name|nobody"
    r"|default|test|patient|subject|0+|x+|-+|\.+|\?+",
    re.IGNORECASE,
)
"""Patient ids that anonymizers and export programs write for everybody."""

_ARCHIVE_SUFFIXES = re.compile(r"\.(zip|tar|tgz|tbz2|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)


def with_id_warnings(series_list: Sequence[Series]) -> list[Series]:
    """The series, with a warning where their patient id may be that of several patients.

    Splits by patient are only as good as the ids.
    """
    studies: dict[str, set[str]] = {}
    for series in series_list:
        # A volume file names no study: each may be one.
        study = series.series_uid if isinstance(series, VolumeFileSeries) else series.study_uid
        if series.refusal is None and study:
            studies.setdefault(series.patient_id, set()).add(study)
    counts = {patient_id: len(of_patient) for patient_id, of_patient in studies.items()}
    return [_with_id_warning(s, counts.get(s.patient_id, 0)) for s in series_list]


def _with_id_warning(series: Series, n_studies: int) -> Series:
    warnings = []
    if not series.patient_id or PLACEHOLDER.fullmatch(series.patient_id):
        stated = "empty" if not series.patient_id else "a placeholder"
        text = f"the patient id is {stated}: other patients may bear it too"
        warnings.append(ScanWarning("placeholder-id", f"{text} (see --patient-id-from folder)"))
    if n_studies > 1:
        text = f"the patient id stands in {n_studies} studies or files"
        text = f"{text}: one patient's, or several patients'"
        warnings.append(ScanWarning("id-over-studies", text))
    return replace(series, warnings=(*series.warnings, *warnings)) if warnings else series


def with_folder_ids(series_list: Iterable[Series], paths: Sequence[Path]) -> list[Series]:
    """The series, each with the name of the first folder below the path given as patient id.

    An archive that lies directly below the path stands for a folder.

    Raises:
        InputError: a series lies in no folder below a path.
    """
    return [replace(series, patient_id=_folder_id(series.path, paths)) for series in series_list]


def _folder_id(path: Path, tops: Sequence[Path]) -> str:
    for top in tops:
        if not path.is_relative_to(top) or path == top:
            continue
        first, *rest = path.relative_to(top).parts
        if rest or (top / first).is_dir():
            return readable(first)
        if _ARCHIVE_SUFFIXES.search(first):
            return readable(_ARCHIVE_SUFFIXES.sub("", first))
    raise InputError(
        f"{readable(path)}: lies in no folder below {', '.join(map(readable, tops))}; "
        "--patient-id-from folder needs a folder (or an archive) for each patient"
    )
