"""Enhanced CT: many slices in one file, placed by functional groups (PS3.3 C.7.6.16)."""

import math
from dataclasses import replace
from typing import Any

from lungnet.errors import Refusal
from lungnet.intake import reasons
from lungnet.intake.containers.source_file import SourceFile
from lungnet.intake.headers.element_values import ElementValues
from lungnet.intake.headers.elements import Elements
from lungnet.intake.headers.parsing import HeaderParser
from lungnet.intake.headers.pydicom_fallback import dataset_of
from lungnet.intake.headers.slice_header import SliceHeader, with_fields
from lungnet.intake.headers.tags import Tag
from lungnet.intake.printable import clean


def frames_of(source: SourceFile, elements: Elements, headers: HeaderParser) -> list[SliceHeader]:
    """One `SliceHeader` per frame; one with a problem where the functional groups do not tell.

    Raises:
        MalformedHeaderError: the header cannot be read.
    """
    values = ElementValues.of(elements)
    identity, encoding = headers.identity(values, elements), headers.encoding(values, elements)
    whole = SliceHeader(
        source.location,
        identity,
        encoding,
        frame_of_reference_uid=headers.once(values.text(Tag.FrameOfReferenceUID)),
        pixel_offset=elements.pixel_offset,
        pixel_length=elements.pixel_length,
        is_lossy=values.text(Tag.LossyImageCompression) == "01",
    )
    number, total = (
        values.word(Tag.InConcatenationNumber),
        values.word(Tag.InConcatenationTotalNumber),
    )
    if number is not None and total is not None:
        whole = with_fields(whole, concatenation=headers.once((number, total)))
    dataset = dataset_of(source)
    try:
        shared = _first(dataset, "SharedFunctionalGroupsSequence")
        frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
        if not frames or len(frames) != encoding.frames:
            text = f"{len(frames)} functional groups for {encoding.frames} frames"
            return [with_fields(whole, refusal=Refusal(reasons.MISSING_TAG, text))]
        made = [_frame(whole, i, frame, shared, headers) for i, frame in enumerate(frames)]
    except Exception as error:
        # Lazy conversion of values may raise anything; the text may quote them.
        return [
            with_fields(
                whole,
                refusal=Refusal(
                    reasons.CORRUPT,
                    f"the functional groups cannot be read ({type(error).__name__})",
                ),
            )
        ]
    return [headers.judged(headers.noted(header, elements), source.size) for header in made]


def _frame(
    whole: SliceHeader, index: int, frame: Any, shared: Any, headers: HeaderParser
) -> SliceHeader:
    def group(name: str, keyword: str) -> Any:
        """A value of the frame's own functional group, or of the one shared by all."""
        for holder in (frame, shared):
            inner = _first(holder, name)
            if inner is not None and inner.get(keyword) not in (None, ""):
                return inner.get(keyword)
        return None

    frame_type = group("CTImageFrameTypeSequence", "FrameType")
    identity = whole.identity
    if frame_type:
        identity = headers.once(
            replace(identity, image_type=tuple(str(value).upper() for value in frame_type))
        )
    return with_fields(
        whole,
        identity=identity,
        frame=index,
        position=_floats(group("PlanePositionSequence", "ImagePositionPatient"), 3),
        orientation=_floats(group("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        pixel_spacing=_floats(group("PixelMeasuresSequence", "PixelSpacing"), 2),
        thickness_mm=_float(group("PixelMeasuresSequence", "SliceThickness")),
        spacing_mm=_float(group("PixelMeasuresSequence", "SpacingBetweenSlices")),
        slope=_float(group("PixelValueTransformationSequence", "RescaleSlope")),
        intercept=_float(group("PixelValueTransformationSequence", "RescaleIntercept")),
        rescale_type=clean(
            str(group("PixelValueTransformationSequence", "RescaleType") or "").encode()
        ).upper()[:16],
    )


def _first(holder: Any, name: str) -> Any:
    sequence = holder.get(name) if holder is not None else None
    return sequence[0] if sequence else None


def _floats(value: Any, count: int) -> tuple[float, ...] | None:
    if (
        value is None
        or isinstance(value, str)
        or not hasattr(value, "__len__")
        or len(value) != count
    ):
        return None
    return tuple(map(_finite, value))


def _float(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number
