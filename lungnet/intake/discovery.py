"""From paths to one `Series` each: files are told apart, headers read once, slices judged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from lungnet.config.intake import IntakeConfig
from lungnet.errors import IncompleteHeaderError, MalformedHeaderError, Refusal, UnreadableError
from lungnet.intake import reasons
from lungnet.intake.checks.verdicts import judge
from lungnet.intake.containers.source_file import PREAMBLE_BYTES, SourceFile, is_part_10
from lungnet.intake.containers.walk import source_files
from lungnet.intake.formats import VOLUME_SUFFIXES
from lungnet.intake.formats.volume_series import format_of, volume_file_series
from lungnet.intake.headers.elements import Elements, looks_like_a_data_set, read_elements
from lungnet.intake.headers.image_type import DICOMDIR, ENHANCED_CT
from lungnet.intake.headers.multiframe import frames_of
from lungnet.intake.headers.parsing import HeaderParser
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.intake.headers.tags import READ_TAGS, Tag
from lungnet.intake.patient_ids import with_folder_ids, with_id_warnings
from lungnet.intake.series import DicomSeries, Series
from lungnet.volume import ScanWarning

PatientIdSource = Literal["tag", "folder"]

FILE_SET_ID = 0x00041130  # only a DICOMDIR has it
SCANNED_TAGS = READ_TAGS | {FILE_SET_ID}


def find_series(
    paths: Sequence[Path],
    config: IntakeConfig | None = None,
    patient_id_from: PatientIdSource = "tag",
) -> list[Series]:
    """Find every series at or below some paths.

    Folders of any depth, zip and tar files, single files, with or without extensions; what is no
    image is passed over. Headers are read once; pixels are not read.

    Args:
        paths: folders, archives, files, DICOMDIRs.
        config: bounds of intake; the defaults where None.
        patient_id_from: "tag", or "folder" for the first folder below each path.

    Returns:
        One series each, the refused and the unreadable ones too, ordered by patient, series and
        path.

    Raises:
        InputError: a path does not exist, or has no folder where one stands for the patient.
    """
    headers = HeaderParser(config or IntakeConfig())
    groups: dict[tuple[str, str], list[SliceHeader]] = {}
    volume_files: list[Series] = []
    remnants: Counter[Path] = Counter()
    paths = [Path(path) for path in paths]
    for source_file in source_files(paths, headers.config):
        if _is_remnant(source_file):
            remnants[source_file.location.folder] += _may_be_of_an_image(source_file.name)
            continue
        contents = _contents(source_file, headers)
        if isinstance(contents, Series):
            volume_files.append(contents)
            continue
        for header in contents:
            identity = header.identity
            alone = str(header.location) if not identity.series_uid else ""
            key = identity.patient_id, identity.series_uid or alone
            groups.setdefault(key, []).append(header)
    series_list = volume_files
    for slices in groups.values():
        series_list += judge(slices, headers.config)
    remnants.update(s.path.parent for s in series_list if _may_be_a_lost_slice(s))
    series_list = [_with_remnants(series, remnants) for series in series_list]
    if patient_id_from == "folder":
        series_list = with_folder_ids(series_list, paths)
    series_list = with_id_warnings(series_list)
    return sorted(series_list, key=_order)


def _order(series: Series) -> tuple[str, ...]:
    return series.patient_id, series.study_uid, series.series_uid, series.stack, str(series.path)


def _is_remnant(source_file: SourceFile) -> bool:
    """Whether this is what a failed copy leaves of a file other than a volume file.

    Nothing, zeros, or an empty preamble after which nothing says that this is DICOM.
    """
    head = source_file.head
    if source_file.refusal is not None or format_of(source_file.name) is not None:
        return False
    return not head[: PREAMBLE_BYTES - 4].strip(b"\0") and not is_part_10(head)


def _may_be_of_an_image(name: str) -> bool:
    """Whether an empty file of this name (lower case) may be left of a slice or a volume."""
    base = name.rpartition("/")[2]
    return base.endswith((".dcm", *VOLUME_SUFFIXES)) or "." not in base


def _may_be_a_lost_slice(series: Series) -> bool:
    """Whether this is one broken file, maybe cut before it says which series it belongs to."""
    if series.refusal is None or series.n_slices > 1:
        return False
    return not series.series_uid or series.refusal.reason in (
        reasons.CORRUPT,
        reasons.MISSING_TAG,
        reasons.UNDECODABLE,
    )


def _with_remnants(series: Series, remnants: Counter[Path]) -> Series:
    """The series, with a warning where files in its folders cannot be read.

    They may be slices lost from its ends.
    """
    if not isinstance(series, DicomSeries) or series.grid is None:
        return series
    lost = sum(remnants[folder] for folder in {s.location.folder for s in series.slices})
    if not lost:
        return series
    warning = ScanWarning(
        "unreadable-beside",
        f"{lost} file(s) beside the slices cannot be used and may have been slices",
    )
    return replace(series, warnings=(*series.warnings, warning))


def _contents(source_file: SourceFile, headers: HeaderParser) -> list[SliceHeader] | Series:
    """The slices of a DICOM file, none of what is no image; a series where it is one by itself."""
    if source_file.refusal is not None:
        return _unreadable(source_file, source_file.refusal, headers.config)
    is_dicom = is_part_10(source_file.head)
    volume_format = None if is_dicom else format_of(source_file.name)
    if volume_format is not None:
        return volume_file_series(source_file, volume_format, headers.config)
    if not is_dicom and not looks_like_a_data_set(source_file.head):
        return []
    try:
        return _slices(source_file, headers)
    except MalformedHeaderError as error:
        refusal = Refusal(reasons.CORRUPT, str(error))
        return _unreadable(source_file, refusal, headers.config) if is_dicom else []
    except UnreadableError as error:
        return _unreadable(source_file, error.refusal, headers.config)


def _slices(source_file: SourceFile, headers: HeaderParser) -> list[SliceHeader]:
    """The slices of one DICOM file; none of a DICOMDIR."""
    elements = _elements(source_file, headers.config)
    sop_class = elements.values.get(Tag.SOPClassUID, b"").rstrip(b"\0 ").decode("ascii", "replace")
    if sop_class == DICOMDIR or FILE_SET_ID in elements.values:
        return []
    if sop_class in ENHANCED_CT:
        return frames_of(source_file, elements, headers)
    header = headers.slice_of(elements, source_file.location, source_file.size)
    identity = header.identity
    if not (identity.modality or identity.sop_class or identity.series_uid):
        raise MalformedHeaderError(
            "the header names neither modality, SOP class nor series: it is cut, or in another "
            "transfer syntax"
        )
    return [header]


def _elements(source_file: SourceFile, config: IntakeConfig) -> Elements:
    head = source_file.head
    while True:
        is_whole = len(head) >= source_file.size
        try:
            return read_elements(head, SCANNED_TAGS, is_whole=is_whole)
        except IncompleteHeaderError:
            if is_whole or len(head) >= config.largest_header_bytes:
                raise MalformedHeaderError("the header does not end") from None
            head = source_file.first(
                min(len(head) * 16, config.largest_header_bytes, source_file.size)
            )
        except MalformedHeaderError:
            from lungnet.intake.headers.pydicom_fallback import elements_by_pydicom

            return elements_by_pydicom(source_file, SCANNED_TAGS)


def _unreadable(source_file: SourceFile, refusal: Refusal, config: IntakeConfig) -> Series:
    return Series(path=source_file.location.path, config=config, refusal=refusal)
