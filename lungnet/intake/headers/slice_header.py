"""One slice as its header describes it.

Where its bytes lie, how they are stored, where the slice lies in the patient.
"""

import hashlib
import itertools
import math
import os
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungnet.intake.headers.elements import Elements

Triple = tuple[float, float, float]

_LONGEST_TEXTS = 1024  # sixty values of Image Type
_PADDING = b" \0\t\r\n"


@dataclass(frozen=True, slots=True)
class Location:
    """A file, or a member of an archive (its index at each level of nesting).

    Folder and name are kept apart: files share the first, and an archive has tens of millions of
    files. The stamp tells whether the file is still the one that was met; 0 where nobody asks.
    """

    folder: Path
    name: str
    members: tuple[int, ...] = ()
    stamp: int = 0

    @classmethod
    def of(cls, path: Path) -> "Location":
        """Of a file by its path."""
        return cls(path.parent, path.name)

    @property
    def path(self) -> Path:
        """Of the file, or of the outermost archive."""
        return self.folder / self.name

    def is_changed(self, about: os.stat_result) -> bool:
        """Whether the file was written again since it was met.

        Offsets and indices of then would read something else.
        """
        return self.stamp not in (0, stamp_of(about))


def stamp_of(about: os.stat_result) -> int:
    """Size and time of the last change as one number; the same in every process."""
    return hash((about.st_size, about.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who and what a file belongs to; identical for the slices of a series, so stored once."""

    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    sop_class: str
    image_type: tuple[str, ...]
    manufacturer: str
    kernel: str
    body_part: str


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the pixels are stored (DICOM PS3.3 section C.7.6.3).

    Identical for most slices of a series.

    Attributes:
        is_signed: None where Pixel Representation (0028,0103) is absent; `bits_stored` 0 where Bits
            Stored (0028,0101) is.
        is_swapped: bytes of one pixel each, stored as words of two in big endian order (PS3.5
            section 8.1.1 and annex A.3).
        padding: raw value of Pixel Padding Value (0028,0120), already in the sign of the pixels;
            `padding_limit` likewise.
    """

    transfer_syntax: str
    order: str
    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool | None
    is_swapped: bool
    frames: int
    padding: int | None
    padding_limit: int | None

    @property
    def padding_range(self) -> tuple[int, int]:
        """Lowest and highest padding value; only where there is one."""
        assert self.padding is not None
        limit = self.padding if self.padding_limit is None else self.padding_limit
        return min(self.padding, limit), max(self.padding, limit)

    @property
    def frame_bytes(self) -> int:
        """Of one uncompressed frame."""
        return (self.rows * self.columns * self.samples * self.bits_allocated + 7) // 8


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of a series.

    Attributes:
        frame_uid: Frame of Reference UID (0020,0052): positions of one frame of reference can be
            compared.
        frame: index within the file.
        pixel_offset: of Pixel Data's value, -1 where there is none; `pixel_length` its length.
        position: Image Position (Patient), (x, y, z) of the first pixel's centre, millimetres.
        orientation: Image Orientation (Patient): direction along a row, then along a column.
        pixel_spacing: between rows, then between columns, millimetres.
        part: In-concatenation Number (0020,9162) and In-concatenation Total Number (0020,9163) of
            an enhanced file.
        acquired: Images in Acquisition (0020,1002); `acquisition` Acquisition Number (0020,0012).
        thickness_mm: Slice Thickness (0018,0050); `spacing_mm` Spacing Between Slices (0018,0088):
            they inform, positions decide.
        problem: (reason, detail) that only this file shows.
        notes: codes of warnings that only this file shows.
    """

    location: Location
    identity: Identity
    encoding: Encoding
    frame_uid: str = ""
    frame: int = 0
    pixel_offset: int = -1
    pixel_length: int = 0
    position: Triple | None = None
    orientation: tuple[float, ...] | None = None
    pixel_spacing: tuple[float, float] | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    instance_number: int | None = None
    part: tuple[int, int] | None = None
    acquired: int | None = None
    acquisition: int | None = None
    tilt_degrees: float | None = None
    thickness_mm: float | None = None
    spacing_mm: float | None = None
    is_lossy: bool = False
    problem: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()


def changed(one: Slice, **changes: Any) -> Slice:
    """A slice with some fields replaced.

    `dataclasses.replace` takes four times as long, and this is the scan's inner loop.
    """
    fields = {name: getattr(one, name) for name in Slice.__slots__}
    fields.update(changes)
    return Slice(**fields)


class BadValueError(Exception):
    """A value that cannot be what its tag says; names the tag."""


class Values:
    """Typed access to raw element values.

    Every answer is checked, none quotes text that might identify someone.
    """

    def __init__(self, raw: Mapping[int, bytes], order: str) -> None:
        self.raw = raw
        self.order = order

    @classmethod
    def of(cls, elements: Elements) -> "Values":
        """Access to a header."""
        return cls(elements.values, elements.order)

    def text(self, tag: int) -> str:
        """One text, without padding and control characters; empty where absent."""
        return clean(self.raw.get(tag, b""))

    def named(self, tag: int, character_set: int) -> str:
        """One text in the characters that Specific Character Set (0008,0005) names.

        Ids of two patients must not become one.
        """
        raw, sets = self.raw.get(tag, b"").strip(_PADDING), self.raw.get(character_set, b"")
        text = raw.decode() if raw.isascii() and b"\x1b" not in raw else _decoded(raw, sets)
        is_cut = any(map(_is_control, text.strip(_PADDING.decode())))
        return printable(text) + (f"~{hashlib.sha256(raw).hexdigest()[:8]}" if is_cut else "")

    def texts(self, tag: int) -> tuple[str, ...]:
        """A multi-valued text."""
        raw = self.raw.get(tag, b"")[:_LONGEST_TEXTS]
        return tuple(clean(part) for part in raw.split(b"\\")) if raw.strip(b" \0") else ()

    def word(self, tag: int) -> int | None:
        """An unsigned 16-bit number (US)."""
        raw = self.raw.get(tag, b"")
        return None if len(raw) < 2 else int(struct.unpack_from(f"{self.order}H", raw)[0])

    def number(self, tag: int, name: str) -> float | None:
        """A finite decimal string (DS); None where absent or empty."""
        numbers = self.numbers(tag, name, 1)
        return numbers[0] if numbers else None

    def numbers(self, tag: int, name: str, count: int = 0) -> tuple[float, ...] | None:
        """Finite decimal strings (DS), exactly `count` where that is given.

        None where absent or empty.

        Raises:
            BadValueError: a part is no finite number, or there are more or fewer.
        """
        raw = self.raw.get(tag, b"").strip(b" \0")
        if not raw:
            return None
        try:
            numbers = tuple([float(part) for part in raw.rstrip(b"\\").split(b"\\")])
        except ValueError:
            raise BadValueError(f"{name} is not a number") from None
        if not all(map(math.isfinite, numbers)) or b"_" in raw:
            raise BadValueError(f"{name} is not a finite number")
        if count and len(numbers) != count:
            raise BadValueError(f"{name} has {len(numbers)} values, expected {count}")
        return numbers

    def integer(self, tag: int) -> int | None:
        """An integer string (IS) that only informs: None where absent or broken."""
        try:
            return int(self.raw.get(tag, b"").strip(b" \0"))
        except ValueError:
            return None


def _decoded(raw: bytes, sets: bytes) -> str:
    """Text by the character sets of PS3.3 C.12.1.1.2, or as it looks without them."""
    from pydicom.charset import convert_encodings, decode_bytes
    from pydicom.valuerep import TEXT_VR_DELIMS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error"
            )  # pydicom goes on with another set, and its warnings quote the value
            return decode_bytes(
                raw,
                convert_encodings([part.strip() for part in sets.decode("ascii").split("\\")]),
                TEXT_VR_DELIMS,
            )
    except (UnicodeError, LookupError, Warning):
        return _as_it_looks(raw)


def _is_control(character: str) -> bool:
    return character < " " or character == "\x7f"


def _as_it_looks(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def clean(raw: bytes) -> str:
    """Printable text of raw bytes as they look; see `printable`."""
    return printable(_as_it_looks(raw))


def printable(text: str) -> str:
    """Printable text of at most 64 characters, the bound of these values (PS3.5 section 6.2).

    It ends at the first control character: beyond it a wrong length has run into the next
    element, maybe a person's name.
    What else cannot be printed is spelled by its number, as two ids must not become one.
    """
    text = text.strip(_PADDING.decode())
    if not text.isprintable():
        text = "".join(itertools.takewhile(lambda c: not _is_control(c), text)).strip(" ")
        text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text[:64]


def readable(name: str | Path) -> str:
    """A file's name as text that can be printed.

    It may be no UTF-8, forge a line of a table or command a terminal.
    """
    text = os.fsencode(name).decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
