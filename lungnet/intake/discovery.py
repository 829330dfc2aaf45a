"""From paths to one `Found` per series.

Files are told apart, headers read once, slices grouped and judged.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.intake import reasons
from lungnet.intake.checks.verdicts import judge
from lungnet.intake.containers.source_file import Candidate, UnreadableError
from lungnet.intake.containers.walk import candidates
from lungnet.intake.formats.volume_reading import format_of, found_volume, tell_apart
from lungnet.intake.headers.elements import (
    PREAMBLE,
    Elements,
    OddHeaderError,
    ShortHeaderError,
    is_part_10,
    looks_like_a_data_set,
    read_elements,
)
from lungnet.intake.headers.image_type import DICOMDIR, ENHANCED_CT
from lungnet.intake.headers.multiframe import frames_of
from lungnet.intake.headers.parsing import WANTED, Headers, T
from lungnet.intake.headers.slice_header import Slice
from lungnet.intake.series import Found
from lungnet.volume import Warned

FILE_SET_ID = 0x00041130  # only a DICOMDIR has it
SCANNED = WANTED | {FILE_SET_ID}


def find_series(paths: Sequence[Path], limits: IntakeConfig | None = None) -> list[Found]:
    """Find every series at or below some paths.

    Folders of any depth, zip and tar files, single files, with or without extensions; what is no
    image is passed over. Headers are read once; pixels are not read.

    Args:
        paths: folders, archives, files, DICOMDIRs.
        limits: bounds of intake; the defaults where None.

    Returns:
        One `Found` per series, the refused and the unreadable ones too, ordered by patient, series
        and path.

    Raises:
        InputError: a path does not exist.
    """
    limits = limits or IntakeConfig()
    headers = Headers(limits)
    groups: dict[tuple[str, str], list[Slice]] = {}
    found: list[Found] = []
    remains: Counter[Path] = Counter()
    for candidate in candidates([Path(path) for path in paths], limits):
        if _is_remnant(candidate):
            remains[candidate.location.folder] += 1
            continue
        for one in _read(candidate, headers, found):
            who = one.identity
            alone = str(one.location) if not who.series_uid else ""
            groups.setdefault((who.patient_id, who.series_uid or alone), []).append(one)
    found = tell_apart(found)
    found.extend(judge(slices, limits) for slices in groups.values())
    remains.update(f.path.parent for f in found if _may_be_a_lost_slice(f))
    found = [_beside(one, remains) for one in found]
    return sorted(found, key=lambda f: (f.patient_id, f.study_uid, f.series_uid, str(f.path)))


def _is_remnant(candidate: Candidate) -> bool:
    """Whether this is what a failed copy leaves.

    Nothing, zeros, or an empty preamble after which nothing says that this is DICOM.
    """
    if candidate.refusal is not None or format_of(candidate.name) is not None:
        return False
    return not candidate.head[: PREAMBLE - 4].strip(b"\0") and not is_part_10(candidate.head)


def _may_be_a_lost_slice(found: Found) -> bool:
    """Whether this is one broken file, maybe cut before it says which series it belongs to."""
    if found.refusal is None or len(found.slices) > 1:
        return False
    return not found.series_uid or found.refusal[0] in (
        reasons.CORRUPT,
        reasons.MISSING_TAG,
        reasons.UNDECODABLE,
    )


def _beside(found: Found, remains: Counter[Path]) -> Found:
    """Tell a series of files in its folders that cannot be read.

    They may be slices lost from its ends.
    """
    lost = (
        sum(remains[folder] for folder in {s.location.folder for s in found.slices})
        if found.grid
        else 0
    )
    if not lost:
        return found
    said = Warned(
        "unreadable-beside",
        f"{lost} file(s) beside the slices cannot be used and may have been slices",
    )
    return replace(found, warnings=(*found.warnings, said))


def _read(candidate: Candidate, headers: Headers, found: list[Found]) -> Iterable[Slice]:
    """The slices of one file.

    What is no DICOM goes to `found` where it is a volume or broken, or nowhere.
    """
    if candidate.refusal is not None:
        found.append(_unreadable(candidate, *candidate.refusal, headers.limits))
        return ()
    if not is_part_10(candidate.head):
        kind = format_of(candidate.name)
        if kind is not None:
            found.append(found_volume(candidate, kind, headers.limits))
        if kind is not None or not looks_like_a_data_set(candidate.head):
            return ()
    try:
        return _slices(candidate, headers)
    except OddHeaderError as odd:
        if is_part_10(candidate.head):
            found.append(_unreadable(candidate, reasons.CORRUPT, str(odd), headers.limits))
        return ()
    except UnreadableError as error:
        found.append(_unreadable(candidate, *error.refusal, headers.limits))
        return ()


def _slices(candidate: Candidate, headers: Headers) -> Iterable[Slice]:
    """The slices of one DICOM file; none of a DICOMDIR."""
    elements = _elements(candidate, headers.limits)
    kind = elements.values.get(T["sop_class"], b"").rstrip(b"\0 ").decode("ascii", "replace")
    if kind == DICOMDIR or FILE_SET_ID in elements.values:
        return ()
    if kind in ENHANCED_CT:
        return frames_of(candidate, elements, headers)
    one = headers.slice_of(elements, candidate.location, candidate.size)
    who = one.identity
    if not (who.modality or who.sop_class or who.series_uid):
        raise OddHeaderError(
            "the header names neither modality, SOP class nor series: it is cut, or in another "
            "transfer syntax"
        )
    return [one]


def _elements(candidate: Candidate, limits: IntakeConfig) -> Elements:
    head = candidate.head
    while True:
        is_whole = len(head) >= candidate.size
        try:
            return read_elements(head, SCANNED, is_whole=is_whole)
        except ShortHeaderError:
            if is_whole or len(head) >= limits.largest_header_bytes:
                raise OddHeaderError("the header does not end") from None
            head = candidate.first(min(len(head) * 16, limits.largest_header_bytes, candidate.size))
        except OddHeaderError:
            from lungnet.intake.headers.pydicom_fallback import elements_by_pydicom

            return elements_by_pydicom(candidate, SCANNED)


def _unreadable(candidate: Candidate, reason: str, detail: str, limits: IntakeConfig) -> Found:
    return Found(
        candidate.location.path, "", "", "", "", (), None, (reason, detail), (), "dicom", limits
    )
