"""Enhanced CT: many slices in one file, placed by functional groups (PS3.3 C.7.6.16)."""

import math
from dataclasses import replace
from typing import Any

from lungnet.intake import reasons
from lungnet.intake.containers.source_file import Candidate
from lungnet.intake.headers.elements import Elements
from lungnet.intake.headers.parsing import Headers, T
from lungnet.intake.headers.pydicom_fallback import dataset_of
from lungnet.intake.headers.slice_header import Slice, Values, changed, clean


def frames_of(candidate: Candidate, elements: Elements, headers: Headers) -> list[Slice]:
    """One `Slice` per frame; one with a problem where the functional groups do not tell.

    Raises:
        OddHeaderError: the header cannot be read.
    """
    values = Values.of(elements)
    identity, encoding = headers.identity(values), headers.encoding(values, elements)
    whole = Slice(
        candidate.location,
        identity,
        encoding,
        frame_uid=headers.once(values.text(T["frame_uid"])),
        pixel_offset=elements.pixel_offset,
        pixel_length=elements.pixel_length,
        is_lossy=values.text(T["lossy"]) == "01",
    )
    number, total = values.word(T["part"]), values.word(T["parts"])
    if number is not None and total is not None:
        whole = changed(whole, part=headers.once((number, total)))
    dataset = dataset_of(candidate)
    try:
        shared = _first(dataset, "SharedFunctionalGroupsSequence")
        frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
        if not frames or len(frames) != encoding.frames:
            text = f"{len(frames)} functional groups for {encoding.frames} frames"
            return [changed(whole, problem=(reasons.MISSING_TAG, text))]
        made = [_frame(whole, i, frame, shared, headers) for i, frame in enumerate(frames)]
    except Exception as error:
        # Lazy conversion of values may raise anything; the text may quote them.
        return [
            changed(
                whole,
                problem=(
                    reasons.CORRUPT,
                    f"the functional groups cannot be read ({type(error).__name__})",
                ),
            )
        ]
    return [headers.judged(headers.noted(one, elements), candidate.size) for one in made]


def _frame(whole: Slice, index: int, frame: Any, shared: Any, headers: Headers) -> Slice:
    def group(name: str, keyword: str) -> Any:
        """A value of the frame's own functional group, or of the one shared by all."""
        for holder in (frame, shared):
            inner = _first(holder, name)
            if inner is not None and inner.get(keyword) not in (None, ""):
                return inner.get(keyword)
        return None

    kind = group("CTImageFrameTypeSequence", "FrameType")
    identity = whole.identity
    if kind:
        identity = headers.once(
            replace(identity, image_type=tuple(str(part).upper() for part in kind))
        )
    return changed(
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
