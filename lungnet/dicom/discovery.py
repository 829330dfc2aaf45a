"""From paths to one `Found` per series: files are told apart, headers read once, slices grouped and judged."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.dicom import reasons
from lungnet.dicom.elements import DEFLATED, Elements, OddHeaderError, ShortHeaderError, is_part_10, looks_like_a_data_set, read_elements
from lungnet.dicom.formats import format_of, found_volume
from lungnet.dicom.found import Found
from lungnet.dicom.geometry import build_grid
from lungnet.dicom.headers import WANTED, Headers, T
from lungnet.dicom.kinds import DICOMDIR, ENHANCED_CT
from lungnet.dicom.multiframe import frames_of
from lungnet.dicom.slices import Slice
from lungnet.dicom.sources import Candidate, candidates, read_range
from lungnet.errors import SeriesRefused
from lungnet.volume import Warned

SET_ASIDE = frozenset([reasons.LOCALIZER, reasons.DERIVED, reasons.NOT_CT])
"""Problems of kind: such files are left out when enough slices remain; any other problem refuses the series."""

FILE_SET_ID = 0x00041130  # only a DICOMDIR has it
SCANNED = WANTED | {FILE_SET_ID}


def find_series(paths: Sequence[Path], limits: IntakeConfig | None = None) -> list[Found]:
    """Find every series at or below some paths.

    Folders of any depth, zip and tar files, single files, with or without extensions; what is no image is passed over.
    Headers are read once; pixels are not read.

    Args:
        paths: folders, archives, files, DICOMDIRs.
        limits: bounds of intake; the defaults where None.

    Returns:
        One `Found` per series, the refused and the unreadable ones too, ordered by patient, series and path.

    Raises:
        InputError: a path does not exist.
    """
    limits = limits or IntakeConfig()
    headers = Headers(limits)
    groups: dict[tuple[str, str, str], list[Slice]] = {}
    found: list[Found] = []
    remains: Counter[Path] = Counter()
    for candidate in candidates([Path(path) for path in paths], limits):
        if not candidate.head.strip(b"\0") and candidate.refusal is None:
            remains[candidate.location.path.parent] += 1
            continue
        for one in _read(candidate, headers, found):
            who = one.identity
            alone = str(one.location) if not who.series_uid else ""
            groups.setdefault((who.patient_id, who.study_uid, who.series_uid or alone), []).append(one)
    found.extend(judge(slices, limits) for slices in groups.values())
    remains.update(f.path.parent for f in found if _may_be_a_lost_slice(f))
    found = [_beside(one, remains) for one in found]
    return sorted(found, key=lambda f: (f.patient_id, f.study_uid, f.series_uid, str(f.path)))


def judge(slices: list[Slice], limits: IntakeConfig) -> Found:
    """The verdict on the slices of one series, as far as headers tell."""
    fit = [s for s in slices if s.problem is None or s.problem[0] not in SET_ASIDE]
    if not fit or (len(fit) < len(slices) and len(fit) < limits.fewest_slices):
        return _refused(slices, *_most_common(slices), limits)
    warnings: list[Warned] = []
    if len(fit) < len(slices):
        reason = _most_common([s for s in slices if s.problem])[0]
        warnings.append(Warned("set-aside", f"{len(slices) - len(fit)} file(s) of the series are no slices ({reason}) and were left out"))
    broken = [s for s in fit if s.problem is not None]
    if broken:
        reason, detail = _most_common(broken)
        return _refused(fit, reason, detail if len(fit) == 1 else f"{len(broken)} of {len(fit)} slices: {detail}", limits)
    try:
        ordered, grid, noted = build_grid(fit, limits)
    except SeriesRefused as refusal:
        return _refused(fit, refusal.reason, refusal.detail, limits)
    warnings += noted + list(_header_warnings(ordered))
    who = ordered[0].identity
    return Found(
        _common_path(ordered),
        who.patient_id,
        who.study_uid,
        who.series_uid,
        who.modality,
        tuple(ordered),
        grid,
        None,
        tuple(warnings),
        "dicom",
        limits,
    )


def _may_be_a_lost_slice(found: Found) -> bool:
    """Whether this is one broken file, maybe cut before it says which series it belongs to."""
    if found.refusal is None or len(found.slices) > 1:
        return False
    return not found.series_uid or found.refusal[0] in (reasons.CORRUPT, reasons.MISSING_TAG, reasons.UNDECODABLE)


def _beside(found: Found, remains: Counter[Path]) -> Found:
    """Tell a series of files in its folders that cannot be read: they may be slices lost from its ends."""
    lost = sum(remains[folder] for folder in {s.location.path.parent for s in found.slices}) if found.grid else 0
    if not lost:
        return found
    said = Warned("unreadable-beside", f"{lost} file(s) beside the slices cannot be used and may have been slices")
    return replace(found, warnings=(*found.warnings, said))


def _read(candidate: Candidate, headers: Headers, found: list[Found]) -> Iterable[Slice]:
    """The slices of one file; what is no DICOM goes to `found` where it is a volume or broken, or nowhere."""
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


def _slices(candidate: Candidate, headers: Headers) -> Iterable[Slice]:
    """The slices of one DICOM file; none of a DICOMDIR."""
    elements = _elements(candidate, headers.limits)
    kind = elements.values.get(T["sop_class"], b"").rstrip(b"\0 ").decode("ascii", "replace")
    if kind == DICOMDIR or FILE_SET_ID in elements.values:
        return ()
    size = -1 if elements.transfer_syntax == DEFLATED else candidate.size
    if kind in ENHANCED_CT:
        return frames_of(candidate, elements, headers)
    return [headers.slice_of(elements, candidate.location, size)]


def _elements(candidate: Candidate, limits: IntakeConfig) -> Elements:
    head = candidate.head
    while True:
        is_whole = len(head) >= candidate.size
        try:
            return read_elements(head, SCANNED, is_whole=is_whole)
        except ShortHeaderError:
            if is_whole or len(head) >= limits.largest_header_bytes:
                raise OddHeaderError("the header does not end") from None
            head = read_range(candidate.location.path, 0, min(len(head) * 16, limits.largest_header_bytes, candidate.size))
        except OddHeaderError:
            from lungnet.dicom.fallback import elements_by_pydicom

            return elements_by_pydicom(candidate, SCANNED)


def _header_warnings(slices: list[Slice]) -> Iterable[Warned]:
    who, count = slices[0].identity, len(slices)
    if who.image_type[:1] == ("DERIVED",):
        yield Warned("derived", "Image Type (0008,0008) says derived; the pixels are taken as a CT's")
    if any(s.is_lossy for s in slices):
        yield Warned("lossy", "Lossy Image Compression (0028,2110) says the pixels lost information")
    for code in sorted({note for s in slices for note in s.notes}):
        yield Warned(code, reasons.WARNINGS[code])
    if len({s.identity.frame_uid for s in slices}) > 1:
        yield Warned(
            "frame-per-slice",
            "every slice has a Frame of Reference UID of its own (an anonymizer's doing); positions were compared all the same",
        )
    steps = {abs(s.slope or 0) for s in slices}
    if max(steps) > 4:
        yield Warned("coarse-values", f"one grey level is worth {max(steps):g} HU")
    kinds = {s.rescale_type for s in slices} - {"HU", ""}
    if kinds:
        yield Warned("rescale-type", "Rescale Type (0028,1054) is not HU but " + ", ".join(sorted(kinds)))
    promised = max((s.acquired or 0 for s in slices), default=0)
    if promised > count:
        yield Warned("slice-count", f"Images in Acquisition (0020,1002) promises {promised} images, {count} are here")
    yield from _numbering(slices)


def _numbering(slices: list[Slice]) -> Iterable[Warned]:
    """Instance numbers carry no geometry, but where they break their own run something was swapped or lost."""
    numbers = [s.instance_number for s in slices]
    if len(numbers) < 3 or None in numbers:
        return
    steps = [b - a for a, b in pairwise(numbers) if a is not None and b is not None]
    rising = sum(step > 0 for step in steps)
    falling = sum(step < 0 for step in steps)
    minority = min(rising, falling)
    if minority and minority <= 0.2 * len(steps):
        yield Warned("slice-order", f"instance numbers run against the positions at {minority} place(s)")
    elif not minority and len({abs(step) for step in steps if step}) > 1:
        yield Warned("slice-count", "instance numbers skip some values: slices may be missing, the positions show no gap")


def _most_common(slices: Sequence[Slice]) -> tuple[str, str]:
    problems = [s.problem for s in slices if s.problem is not None]
    reason = max({p[0] for p in problems}, key=lambda r: (sum(p[0] == r for p in problems), r))
    return next(p for p in problems if p[0] == reason)


def _refused(slices: list[Slice], reason: str, detail: str, limits: IntakeConfig) -> Found:
    who = slices[0].identity
    return Found(
        _common_path(slices),
        who.patient_id,
        who.study_uid,
        who.series_uid,
        who.modality,
        tuple(slices),
        None,
        (reason, detail),
        (),
        "dicom",
        limits,
    )


def _unreadable(candidate: Candidate, reason: str, detail: str, limits: IntakeConfig) -> Found:
    return Found(candidate.location.path, "", "", "", "", (), None, (reason, detail), (), "dicom", limits)


def _common_path(slices: Sequence[Slice]) -> Path:
    paths = {s.location.path for s in slices}
    if len(paths) == 1:
        return next(iter(paths))
    return Path(os.path.commonpath([str(path) for path in paths]))
