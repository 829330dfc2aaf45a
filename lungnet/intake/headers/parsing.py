"""From raw header values to a `Slice`, and what a single header already forbids."""

from collections.abc import Hashable
from typing import Any, Final, TypeVar

from lungnet.config.intake import IntakeConfig
from lungnet.intake import reasons
from lungnet.intake.headers.elements import DEFLATED, UNDEFINED, Elements
from lungnet.intake.headers.image_type import CT_IMAGE, kind_problem
from lungnet.intake.headers.slice_header import (
    BadValueError,
    Encoding,
    Identity,
    Location,
    Slice,
    Values,
    changed,
)
from lungnet.intake.pixels.codecs import SUPPORTED

Hashed = TypeVar("Hashed", bound=Hashable)

OTHER_UNITS = frozenset(["OD", "MGML", "Z_EFF", "ED", "EDW", "PCT"])
"""Rescale Types that are certainly no HU (PS3.3 section C.11.1.1.2)."""

T: Final[dict[str, int]] = {
    "character_set": 0x00080005,
    "image_type": 0x00080008,
    "sop_class": 0x00080016,
    "modality": 0x00080060,
    "manufacturer": 0x00080070,
    "patient_id": 0x00100020,
    "body_part": 0x00180015,
    "thickness": 0x00180050,
    "spacing_between": 0x00180088,
    "part": 0x00209162,
    "parts": 0x00209163,
    "tilt": 0x00181120,
    "kernel": 0x00181210,
    "study_uid": 0x0020000D,
    "series_uid": 0x0020000E,
    "acquisition": 0x00200012,
    "instance_number": 0x00200013,
    "position": 0x00200032,
    "orientation": 0x00200037,
    "frame_uid": 0x00200052,
    "acquired": 0x00201002,
    "samples": 0x00280002,
    "photometric": 0x00280004,
    "frames": 0x00280008,
    "rows": 0x00280010,
    "columns": 0x00280011,
    "pixel_spacing": 0x00280030,
    "bits_allocated": 0x00280100,
    "bits_stored": 0x00280101,
    "high_bit": 0x00280102,
    "pixel_representation": 0x00280103,
    "padding": 0x00280120,
    "padding_limit": 0x00280121,
    "intercept": 0x00281052,
    "slope": 0x00281053,
    "rescale_type": 0x00281054,
    "lossy": 0x00282110,
}
"""The tags that intake reads; of a person only the id."""

WANTED: Final = frozenset(T.values())

SMALLEST_PIXEL_MM, LARGEST_FIELD_MM = 0.01, 2000.0
"""Bounds of what a Pixel Spacing (0028,0030) can be; scanners make 0.1 to 2 mm, and at most a field
of 1 m."""

LARGEST_POSITION_MM = 1e5
"""No table moves so far."""


class Headers:
    """Makes `Slice`s; equal values of different slices are stored once.

    An archive has tens of millions of slices.
    """

    def __init__(self, limits: IntakeConfig) -> None:
        self.limits = limits
        self._known: dict[Any, Any] = {}

    def once(self, value: Hashed) -> Hashed:
        """An equal value met before, or this one."""
        known: Hashed = self._known.setdefault(value, value)
        return known

    def slice_of(self, elements: Elements, location: Location, file_bytes: int) -> Slice:
        """Describe one file.

        Args:
            elements: its raw header.
            location: where it lies.
            file_bytes: its length.
        """
        values = Values.of(elements)
        identity = self.identity(values)
        encoding = self.encoding(values, elements)
        common = Slice(
            location,
            identity,
            encoding,
            frame_uid=self.once(values.text(T["frame_uid"])),
            pixel_offset=elements.pixel_offset,
            pixel_length=elements.pixel_length,
        )
        try:
            placed = self._placed(common, values)
        except BadValueError as bad:
            return _with_problem(common, *(kind_problem(common) or (reasons.CORRUPT, str(bad))))
        return self.judged(self.noted(placed, elements), file_bytes)

    def noted(self, one: Slice, elements: Elements) -> Slice:
        """The slice, with what its header alone makes odd."""
        notes = ["transfer-syntax"] if elements.is_guessed else []
        # One byte more is the padding to an even length (PS3.5 section 8.1.1).
        if UNDEFINED != one.pixel_length > one.encoding.frame_bytes * one.encoding.frames + 1:
            notes.append("trailing-data")
        return changed(one, notes=tuple(notes)) if notes else one

    def identity(self, values: Values) -> Identity:
        """Who and what, stored once."""
        text = values.text
        made = Identity(
            values.named(T["patient_id"], T["character_set"]),
            text(T["study_uid"]),
            text(T["series_uid"]),
            text(T["modality"]).upper(),
            text(T["sop_class"]),
            tuple([part.upper() for part in values.texts(T["image_type"])]),
            text(T["manufacturer"]),
            text(T["kernel"]),
            text(T["body_part"]).upper(),
        )
        return self.once(made)

    def encoding(self, values: Values, elements: Elements) -> Encoding:
        """How the pixels are stored, stored once."""
        allocated = values.word(T["bits_allocated"]) or 0
        stored = values.word(T["bits_stored"]) or 0
        high_bit = values.word(T["high_bit"])
        representation = values.word(T["pixel_representation"])
        is_signed = None if representation is None else representation == 1
        is_swapped = elements.order == ">" and allocated == 8 and elements.pixel_vr == b"OW"
        made = Encoding(
            elements.transfer_syntax,
            elements.order,
            values.word(T["rows"]) or 0,
            values.word(T["columns"]) or 0,
            values.word(T["samples"]) or 1,
            values.text(T["photometric"]).upper(),
            allocated,
            stored,
            stored - 1 if high_bit is None else high_bit,
            is_signed,
            is_swapped,
            1 if values.integer(T["frames"]) is None else values.integer(T["frames"]) or 0,
            _in_sign(values.word(T["padding"]), is_signed, stored or allocated),
            _in_sign(values.word(T["padding_limit"]), is_signed, stored or allocated),
        )
        return self.once(made)

    def judged(self, one: Slice, file_bytes: int) -> Slice:
        """The slice, with the problem that its header alone shows."""
        problem = (
            kind_problem(one)
            or _missing(one)
            or _no_hu(one)
            or _unreadable(one, file_bytes, self.limits)
        )
        return one if problem is None else _with_problem(one, *problem)

    def _placed(self, one: Slice, values: Values) -> Slice:
        position = values.numbers(T["position"], "Image Position (0020,0032)", 3)
        orientation = values.numbers(T["orientation"], "Image Orientation (0020,0037)", 6)
        spacing = values.numbers(T["pixel_spacing"], "Pixel Spacing (0028,0030)", 2)
        return changed(
            one,
            position=(position[0], position[1], position[2]) if position else None,
            orientation=self.once(orientation),
            pixel_spacing=self.once((spacing[0], spacing[1])) if spacing else None,
            slope=self.once(values.number(T["slope"], "Rescale Slope (0028,1053)")),
            intercept=self.once(values.number(T["intercept"], "Rescale Intercept (0028,1052)")),
            rescale_type=self.once(values.text(T["rescale_type"]).upper()),
            instance_number=values.integer(T["instance_number"]),
            acquired=values.integer(T["acquired"]),
            acquisition=values.integer(T["acquisition"]),
            tilt_degrees=self.once(_lenient(values, T["tilt"])),
            thickness_mm=self.once(_lenient(values, T["thickness"])),
            spacing_mm=self.once(_lenient(values, T["spacing_between"])),
            is_lossy=values.text(T["lossy"]) == "01",
        )


def _missing(one: Slice) -> tuple[str, str] | None:
    how = one.encoding
    if one.pixel_offset < 0:
        return reasons.MISSING_TAG, "Pixel Data (7FE0,0010) is absent"
    absent = {
        "Rows (0028,0010)": how.rows,
        "Columns (0028,0011)": how.columns,
        "Bits Allocated (0028,0100)": how.bits_allocated,
        "Bits Stored (0028,0101)": how.bits_stored,
        "Pixel Representation (0028,0103)": how.is_signed is not None,
        "Image Position (0020,0032)": one.position,
        "Image Orientation (0020,0037)": one.orientation,
        "Pixel Spacing (0028,0030)": one.pixel_spacing,
        "Rescale Intercept (0028,1052)": one.intercept is not None,
        "Rescale Slope (0028,1053)": one.slope is not None,
        "SOP Class UID (0008,0016)": one.identity.sop_class,
        "Series Instance UID (0020,000E)": one.identity.series_uid,
    }
    names = [name for name, value in absent.items() if not value]
    return (reasons.MISSING_TAG, f"{', '.join(names)} absent, empty or zero") if names else None


def _no_hu(one: Slice) -> tuple[str, str] | None:
    if one.rescale_type in OTHER_UNITS:
        return (
            reasons.IMPLAUSIBLE_HU,
            f"Rescale Type (0028,1054) is {one.rescale_type}: the values are no HU",
        )
    return (reasons.IMPLAUSIBLE_HU, "Rescale Slope (0028,1053) is 0") if one.slope == 0 else None


def _unreadable(one: Slice, file_bytes: int, limits: IntakeConfig) -> tuple[str, str] | None:
    how = one.encoding
    assert one.pixel_spacing is not None
    if how.transfer_syntax not in SUPPORTED:
        return (
            reasons.UNDECODABLE,
            f"transfer syntax {how.transfer_syntax[:64] or 'absent'} is not supported",
        )
    if max(how.rows, how.columns) > limits.largest_rows:
        return (
            reasons.TOO_LARGE,
            f"{how.rows} x {how.columns} pixels, at most {limits.largest_rows} a side are read",
        )
    field_mm = max(one.pixel_spacing[0] * how.rows, one.pixel_spacing[1] * how.columns)
    if min(one.pixel_spacing) < SMALLEST_PIXEL_MM or field_mm > LARGEST_FIELD_MM:
        text = (
            f"Pixel Spacing (0028,0030) of {one.pixel_spacing[0]:g} x {one.pixel_spacing[1]:g} mm"
        )
        return reasons.CORRUPT, f"{text}: no CT slice has so fine a grid or so wide a field of view"
    if one.position and max(map(abs, one.position)) > LARGEST_POSITION_MM:
        return (
            reasons.CORRUPT,
            f"Image Position (0020,0032) lies {max(map(abs, one.position)):g} mm away",
        )
    if (
        how.bits_allocated not in (8, 16, 32)
        or not 1 <= how.bits_stored <= how.high_bit + 1 <= how.bits_allocated
    ):
        return (
            reasons.CORRUPT,
            f"{how.bits_stored} bits stored up to bit {how.high_bit} of {how.bits_allocated}",
        )
    return _truncated(one, file_bytes, limits)


def _truncated(one: Slice, file_bytes: int, limits: IntakeConfig) -> tuple[str, str] | None:
    how = one.encoding
    if how.frames < 1 or (how.frames > 1 and one.identity.sop_class == CT_IMAGE):
        return reasons.CORRUPT, f"Number of Frames (0028,0008) is {how.frames}"
    needed = how.frame_bytes * how.frames
    if needed > max(limits.always_allowed_bytes, limits.largest_ratio * file_bytes):
        return (
            reasons.TOO_LARGE,
            f"{needed:,} bytes of pixels are promised by a file of {file_bytes:,}",
        )
    if one.pixel_length == UNDEFINED:
        # Only encapsulated pixels may have no length (PS3.5 annex A.4).
        return (
            None
            if SUPPORTED[how.transfer_syntax]
            else (reasons.CORRUPT, "pixels that are not compressed have an undefined length")
        )
    if SUPPORTED[how.transfer_syntax]:
        return (
            reasons.UNDECODABLE,
            f"transfer syntax {how.transfer_syntax} is compressed, the pixel data is not",
        )
    is_deflated = how.transfer_syntax == DEFLATED
    there = (
        one.pixel_length if is_deflated else min(one.pixel_length, file_bytes - one.pixel_offset)
    )
    if there < needed:
        return reasons.UNDECODABLE, f"pixel data is truncated: {there:,} of {needed:,} bytes"
    return None


def _with_problem(one: Slice, reason: str, detail: str) -> Slice:
    return changed(one, problem=(reason, detail))


def _lenient(values: Values, tag: int) -> float | None:
    """A number that only informs."""
    try:
        return values.number(tag, "")
    except BadValueError:
        return None


def _in_sign(word: int | None, is_signed: bool | None, stored: int) -> int | None:
    """A padding value in the sign of the pixels.

    Pixel Padding Value is often written unsigned in a signed image (63536 for -2000), or in more
    bits than are stored: take the bits.
    """
    if word is None or not stored:
        return word
    bits = min(stored, 16)
    word &= (1 << bits) - 1
    return word - (1 << bits) if is_signed and word >> (bits - 1) else word
