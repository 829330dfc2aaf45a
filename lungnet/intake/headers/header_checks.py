"""What a single header already forbids."""

from lungnet.config.intake import IntakeConfig
from lungnet.errors import Refusal
from lungnet.intake import reasons
from lungnet.intake.headers.elements import UNDEFINED
from lungnet.intake.headers.image_type import CT_IMAGE, image_type_doubt, image_type_refusal
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.intake.headers.transfer_syntaxes import DEFLATED, SUPPORTED


def header_refusal(header: SliceHeader, file_bytes: int, config: IntakeConfig) -> Refusal | None:
    """Why a file cannot be a slice of a CT volume, as far as its header alone tells."""
    refusal = _missing(header) or _no_hu(header) or _unreadable(header, file_bytes, config)
    # A derived picture that lacks a tag is refused for what it is, not for what it lacks.
    return image_type_refusal(header) or (refusal and (image_type_doubt(header) or refusal))


OTHER_UNITS = frozenset(["OD", "MGML", "Z_EFF", "ED", "EDW", "PCT"])
"""Rescale Types that are certainly no HU (PS3.3 section C.11.1.1.2)."""


SMALLEST_PIXEL_MM, LARGEST_FIELD_MM = 0.01, 2000.0
"""Bounds of what a Pixel Spacing (0028,0030) can be; scanners make 0.1 to 2 mm, and at most a field
of 1 m."""


LARGEST_POSITION_MM = 1e5
"""No table moves so far."""


def _missing(header: SliceHeader) -> Refusal | None:
    encoding = header.encoding
    if header.pixel_offset < 0:
        return Refusal(reasons.MISSING_TAG, "Pixel Data (7FE0,0010) is absent")
    absent = {
        "Rows (0028,0010)": encoding.rows,
        "Columns (0028,0011)": encoding.columns,
        "Bits Allocated (0028,0100)": encoding.bits_allocated,
        "Bits Stored (0028,0101)": encoding.bits_stored,
        "Pixel Representation (0028,0103)": encoding.is_signed is not None,
        "Image Position (0020,0032)": header.position,
        "Image Orientation (0020,0037)": header.orientation,
        "Pixel Spacing (0028,0030)": header.pixel_spacing,
        "Rescale Intercept (0028,1052)": header.intercept is not None,
        "Rescale Slope (0028,1053)": header.slope is not None,
        "SOP Class UID (0008,0016)": header.identity.sop_class or header.identity.modality == "CT",
        "Series Instance UID (0020,000E)": header.identity.series_uid,
    }
    names = [name for name, value in absent.items() if not value]
    return (
        Refusal(reasons.MISSING_TAG, f"{', '.join(names)} absent, empty or zero") if names else None
    )


def _no_hu(header: SliceHeader) -> Refusal | None:
    if header.rescale_type in OTHER_UNITS:
        return Refusal(
            reasons.IMPLAUSIBLE_HU,
            f"Rescale Type (0028,1054) is {header.rescale_type}: the values are no HU",
        )
    return (
        Refusal(reasons.IMPLAUSIBLE_HU, "Rescale Slope (0028,1053) is 0")
        if header.slope == 0
        else None
    )


def _unreadable(header: SliceHeader, file_bytes: int, config: IntakeConfig) -> Refusal | None:
    encoding = header.encoding
    assert header.pixel_spacing is not None
    if encoding.transfer_syntax not in SUPPORTED:
        return Refusal(
            reasons.UNDECODABLE,
            f"transfer syntax {encoding.transfer_syntax[:64] or 'absent'} is not supported",
        )
    if max(encoding.rows, encoding.columns) > config.largest_rows:
        return Refusal(
            reasons.TOO_LARGE,
            f"{encoding.rows} x {encoding.columns} pixels, at most {config.largest_rows} a side "
            "are read",
        )
    field_mm = max(
        header.pixel_spacing[0] * encoding.rows, header.pixel_spacing[1] * encoding.columns
    )
    if min(header.pixel_spacing) < SMALLEST_PIXEL_MM or field_mm > LARGEST_FIELD_MM:
        text = (
            f"Pixel Spacing (0028,0030) of {header.pixel_spacing[0]:g} x "
            f"{header.pixel_spacing[1]:g} mm"
        )
        return Refusal(
            reasons.CORRUPT, f"{text}: no CT slice has so fine a grid or so wide a field of view"
        )
    if header.position and max(map(abs, header.position)) > LARGEST_POSITION_MM:
        return Refusal(
            reasons.CORRUPT,
            f"Image Position (0020,0032) lies {max(map(abs, header.position)):g} mm away",
        )
    if (
        encoding.bits_allocated not in (8, 16, 32)
        or not 1 <= encoding.bits_stored <= encoding.high_bit + 1 <= encoding.bits_allocated
    ):
        return Refusal(
            reasons.CORRUPT,
            f"{encoding.bits_stored} bits stored up to bit {encoding.high_bit} of "
            f"{encoding.bits_allocated}",
        )
    return _truncated(header, file_bytes, config)


def _truncated(header: SliceHeader, file_bytes: int, config: IntakeConfig) -> Refusal | None:
    encoding = header.encoding
    if encoding.frames < 1 or (encoding.frames > 1 and header.identity.sop_class == CT_IMAGE):
        return Refusal(reasons.CORRUPT, f"Number of Frames (0028,0008) is {encoding.frames}")
    needed = encoding.frame_bytes * encoding.frames
    if needed > max(config.always_allowed_bytes, config.largest_ratio * file_bytes):
        return Refusal(
            reasons.TOO_LARGE,
            f"{needed:,} bytes of pixels are promised by a file of {file_bytes:,}",
        )
    if header.pixel_length == UNDEFINED:
        # Only encapsulated pixels may have no length (PS3.5 annex A.4).
        return (
            None
            if SUPPORTED[encoding.transfer_syntax]
            else Refusal(reasons.CORRUPT, "pixels that are not compressed have an undefined length")
        )
    if SUPPORTED[encoding.transfer_syntax]:
        return Refusal(
            reasons.UNDECODABLE,
            f"transfer syntax {encoding.transfer_syntax} is compressed, the pixel data is not",
        )
    is_deflated = encoding.transfer_syntax == DEFLATED
    there = (
        header.pixel_length
        if is_deflated
        else min(header.pixel_length, file_bytes - header.pixel_offset)
    )
    if there < needed:
        return Refusal(
            reasons.UNDECODABLE, f"pixel data is truncated: {there:,} of {needed:,} bytes"
        )
    return None
