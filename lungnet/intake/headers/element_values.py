"""Typed, checked access to the raw values of a header."""

import hashlib
import math
import struct
import warnings
from collections.abc import Mapping

from lungnet.errors import MalformedValueError
from lungnet.intake.headers.elements import Elements
from lungnet.intake.printable import PADDING, as_it_looks, clean, is_control, printable

_LONGEST_TEXTS = 1024  # sixty values of Image Type


class ElementValues:
    """Typed access to raw element values.

    Every answer is checked, none quotes text that might identify someone.
    """

    def __init__(self, raw: Mapping[int, bytes], order: str) -> None:
        self.raw = raw
        self.order = order

    @classmethod
    def of(cls, elements: Elements) -> "ElementValues":
        """Access to a header."""
        return cls(elements.values, elements.order)

    def text(self, tag: int) -> str:
        """One text, without padding and control characters; empty where absent."""
        return clean(self.raw.get(tag, b""))

    def named(self, tag: int, character_set: int) -> str:
        """One text in the characters that Specific Character Set (0008,0005) names.

        Ids of two patients must not become one.
        """
        raw, sets = self.raw.get(tag, b"").strip(PADDING), self.raw.get(character_set, b"")
        text = raw.decode() if raw.isascii() and b"\x1b" not in raw else _decoded(raw, sets)
        is_cut = any(map(is_control, text.strip(PADDING.decode())))
        return printable(text) + (f"~{hashlib.sha256(raw).hexdigest()[:8]}" if is_cut else "")

    def texts(self, tag: int) -> tuple[str, ...]:
        """A multi-valued text."""
        raw = self.raw.get(tag, b"")[:_LONGEST_TEXTS]
        return tuple(clean(value) for value in raw.split(b"\\")) if raw.strip(b" \0") else ()

    def date(self, tag: int) -> str:
        """A date (DA) as YYYYMMDD, also of the older YYYY.MM.DD; empty where it is neither."""
        text = self.text(tag).replace(".", "")
        return text if len(text) == 8 and text.isascii() and text.isdigit() else ""

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
            MalformedValueError: a part is no finite number, or there are more or fewer.
        """
        raw = self.raw.get(tag, b"").strip(b" \0")
        if not raw:
            return None
        try:
            numbers = tuple([float(text) for text in raw.rstrip(b"\\").split(b"\\")])
        except ValueError:
            raise MalformedValueError(f"{name} is not a number") from None
        if not all(map(math.isfinite, numbers)) or b"_" in raw:
            raise MalformedValueError(f"{name} is not a finite number")
        if count and len(numbers) != count:
            raise MalformedValueError(f"{name} has {len(numbers)} values, expected {count}")
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
                convert_encodings([name.strip() for name in sets.decode("ascii").split("\\")]),
                TEXT_VR_DELIMS,
            )
    except (UnicodeError, LookupError, Warning):
        return as_it_looks(raw)
