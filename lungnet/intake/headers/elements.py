"""From a file's first bytes to the raw values of the tags that intake needs, quickly.

A full parser spends most of its time on elements nobody asks for. This one walks over them by their
lengths (DICOM PS3.5 section 7) and keeps raw bytes. What it does not understand it says
(`MalformedHeaderError`), and the caller turns to pydicom.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from lungnet.errors import IncompleteHeaderError, MalformedHeaderError
from lungnet.intake.containers.source_file import PREAMBLE_BYTES, is_part_10
from lungnet.intake.headers.transfer_syntaxes import DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE

PIXEL_DATA = 0x7FE00010
EXTENDED_OFFSETS = 0x7FE00001
TRANSFER_SYNTAX = 0x00020010
MEDIA_STORAGE_SOP_CLASS = 0x00020002
UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

# Of these the length takes four bytes after two reserved ones (PS3.5 section 7.1.2).
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_UID = re.compile(r"[0-9.]{1,64}")
_EXPLICIT = {order: struct.Struct(f"{order}HH2sH") for order in "<>"}
_IMPLICIT = struct.Struct("<HHL")
_LONG_LENGTH = {order: struct.Struct(f"{order}L") for order in "<>"}
_TAG = {order: struct.Struct(f"{order}HHL") for order in "<>"}
_LARGEST_INFLATED_HEADER = 32 << 20
_DEEPEST_SEQUENCE = 16
_META_TAGS = frozenset([TRANSFER_SYNTAX, MEDIA_STORAGE_SOP_CLASS])


@dataclass(frozen=True, slots=True)
class Elements:
    """Raw values of a header.

    Attributes:
        values: tag to value bytes, as stored.
        order: "<" little endian or ">" big endian, of binary values.
        transfer_syntax: UID; where the file names none or a wrong one, the one found from the data.
        is_guessed: whether the transfer syntax was found from the data.
        pixel_offset: of the first byte of Pixel Data's value (in the inflated data set if
            deflated); -1 where there is none.
        pixel_length: in bytes; `UNDEFINED` for encapsulated data.
        pixel_vr: of Pixel Data, empty where implicit.
        media_sop_class: Media Storage SOP Class UID (0002,0002) of the file meta information.
    """

    values: dict[int, bytes]
    order: str
    transfer_syntax: str
    is_guessed: bool
    pixel_offset: int
    pixel_length: int
    pixel_vr: bytes = b""
    media_sop_class: str = ""


def looks_like_a_data_set(head: bytes) -> bool:
    """Whether bytes without preamble begin like a data set.

    A low group, an element, a value representation or a sane length.
    """
    if len(head) < 16:
        return False
    group, element, vr, _ = _EXPLICIT["<"].unpack_from(head, 0)
    if group not in (2, 8):
        return False
    if vr in _SHORT or vr in _LONG:
        return True
    return bool(element in (0, 1, 5, 8, 0x12, 0x16) and _IMPLICIT.unpack_from(head, 0)[2] <= 256)


def read_elements(head: bytes, tags: frozenset[int], *, is_whole: bool) -> Elements:
    """Walk a header up to Pixel Data.

    Args:
        head: the file's first bytes.
        tags: tags whose values are kept.
        is_whole: whether `head` is the whole file.

    Raises:
        MalformedHeaderError: no plain header.
        IncompleteHeaderError: `head` ends before Pixel Data and the file goes on.
    """
    try:
        return _read(head, tags)
    except (struct.error, IncompleteHeaderError):
        if not is_whole:
            raise IncompleteHeaderError from None
        raise MalformedHeaderError("the header ends in the middle of an element") from None


def _read(head: bytes, tags: frozenset[int]) -> Elements:
    start = PREAMBLE_BYTES if is_part_10(head) else 0
    values: dict[int, bytes] = {}
    if head[start : start + 2] == b"\x02\x00":
        start = _walk_explicit(head, start, "<", _META_TAGS, values, stop_at=0x00030000)[0]
    named = uid_of(values.pop(TRANSFER_SYNTAX, b""))
    media_sop_class = uid_of(values.pop(MEDIA_STORAGE_SOP_CLASS, b""))
    data = head
    if named == DEFLATED:
        data, start = (
            _inflate(head[start:], min(len(head) * 64 + (1 << 16), _LARGEST_INFLATED_HEADER)),
            0,
        )
    syntax = _recognize(data[start : start + 8], named)
    order = ">" if syntax == EXPLICIT_BE else "<"
    if syntax == IMPLICIT_LE:
        offset, length = _walk_implicit(data, start, tags, values)
    else:
        offset, length = _walk_explicit(data, start, order, tags, values, stop_at=PIXEL_DATA)
    vr = b"" if syntax == IMPLICIT_LE or length < 0 else data[offset - 8 : offset - 6]
    return Elements(
        values,
        order,
        syntax,
        syntax != named,
        offset if length >= 0 else -1,
        max(length, 0),
        vr,
        media_sop_class,
    )


def uid_of(raw: bytes) -> str:
    """A UID, empty where the value is none (PS3.5 section 9.1).

    A wrong length may have run into a person's name.
    """
    text = raw.rstrip(b"\0 ").decode("ascii", "replace")
    return text if _UID.fullmatch(text) else ""


def inflated(data: bytes, largest: int = _LARGEST_INFLATED_HEADER) -> bytes:
    """The data set of a deflated file, inflated: at most `largest` bytes, enough for any header.

    Raises:
        MalformedHeaderError: it cannot be inflated.
    """
    return _inflate(data[data_set_offset(data) :], largest)


def data_set_offset(head: bytes) -> int:
    """Where the data set begins after preamble and file meta information."""
    start = PREAMBLE_BYTES if is_part_10(head) else 0
    if head[start : start + 2] == b"\x02\x00":
        start = _walk_explicit(head, start, "<", frozenset(), {}, stop_at=0x00030000)[0]
    return start


def _recognize(first: bytes, named: str) -> str:
    """The transfer syntax the data set is written in.

    Believe the file unless its first element shows otherwise.
    """
    vr_is_explicit = first[4:6] in _SHORT or first[4:6] in _LONG
    if named in ("", IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE) and vr_is_explicit:
        return (
            EXPLICIT_BE if first[:1] == b"\0" else EXPLICIT_LE
        )  # the group of the first element is small
    if named in ("", IMPLICIT_LE):
        return IMPLICIT_LE
    if not vr_is_explicit and len(first) == 8 and _IMPLICIT.unpack(first)[2] < 1 << 16:
        return IMPLICIT_LE
    return named


def _inflate(data: bytes, largest: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, largest)
    except zlib.error as error:
        raise MalformedHeaderError("the deflated data set cannot be inflated") from error


def _walk_explicit(
    data: bytes,
    offset: int,
    order: str,
    tags: frozenset[int],
    values: dict[int, bytes],
    *,
    stop_at: int,
) -> tuple[int, int]:
    """Walk explicit elements.

    Returns (offset of Pixel Data's value, its length), or (offset of what follows, -1).
    """
    unpack, size, end = _EXPLICIT[order].unpack_from, _LONG_LENGTH[order].unpack_from, len(data)
    last = -1
    while offset + 8 <= end:
        group, element, vr, length = unpack(data, offset)
        tag = (group << 16) | element
        value = offset + 8
        if vr in _LONG:
            length = size(data, value)[0]
            value += 4
        elif vr not in _SHORT and tag < stop_at:
            raise MalformedHeaderError(f"an element at byte {offset} has no value representation")
        if tag >= stop_at:
            return (value, length) if tag == PIXEL_DATA else (offset, -1)
        if tag <= last:
            raise MalformedHeaderError(f"elements are out of order at byte {offset}")
        last = tag
        offset = (
            value + length
            if length != UNDEFINED
            else _skip_sequence(data, value, order, vr != b"UN", 0)
        )
        if tag in tags and length != UNDEFINED:
            values[tag] = data[value:offset]
    if offset != end:
        raise IncompleteHeaderError
    return offset, -1


def _walk_implicit(
    data: bytes, offset: int, tags: frozenset[int], values: dict[int, bytes]
) -> tuple[int, int]:
    unpack, end = _IMPLICIT.unpack_from, len(data)
    last = -1
    while offset + 8 <= end:
        group, element, length = unpack(data, offset)
        tag = (group << 16) | element
        value = offset + 8
        if tag >= PIXEL_DATA:
            return (value, length) if tag == PIXEL_DATA else (offset, -1)
        if tag <= last:
            raise MalformedHeaderError(f"elements are out of order at byte {offset}")
        last = tag
        offset = (
            value + length if length != UNDEFINED else _skip_sequence(data, value, "<", False, 0)
        )
        if tag in tags and length != UNDEFINED:
            values[tag] = data[value:offset]
    if offset != end:
        raise IncompleteHeaderError
    return offset, -1


def _skip_sequence(data: bytes, offset: int, order: str, is_explicit: bool, depth: int) -> int:
    """The offset after a sequence of undefined length (PS3.5 section 7.5)."""
    if depth > _DEEPEST_SEQUENCE:
        raise MalformedHeaderError("sequences are nested too deep")
    while True:
        group, element, length = _TAG[order].unpack_from(data, offset)
        tag = (group << 16) | element
        offset += 8
        if tag == _SEQUENCE_END:
            return offset
        if tag != _ITEM:
            raise MalformedHeaderError(f"a sequence holds no item at byte {offset}")
        offset = (
            offset + length
            if length != UNDEFINED
            else _skip_item(data, offset, order, is_explicit, depth)
        )


def _skip_item(data: bytes, offset: int, order: str, is_explicit: bool, depth: int) -> int:
    while True:
        group, element, length = _TAG[order].unpack_from(data, offset)
        tag = (group << 16) | element
        if tag == _ITEM_END:
            return offset + 8
        value = offset + 8
        vr = data[offset + 4 : offset + 6]
        if is_explicit:
            if vr in _LONG:
                length = _LONG_LENGTH[order].unpack_from(data, value)[0]
                value += 4
            elif vr in _SHORT:
                length = _EXPLICIT[order].unpack_from(data, offset)[3]
            else:
                raise MalformedHeaderError(
                    f"an element at byte {offset} has no value representation"
                )
        offset = (
            value + length
            if length != UNDEFINED
            else _skip_sequence(data, value, order, is_explicit and vr != b"UN", depth + 1)
        )
