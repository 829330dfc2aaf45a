"""Headers that the quick walk does not understand, read by pydicom, which forgives more."""

import io
import warnings
from typing import TYPE_CHECKING, Any, Literal

from lungnet.errors import MalformedHeaderError
from lungnet.intake.containers.source_file import PREAMBLE_BYTES, SourceFile, is_part_10
from lungnet.intake.headers.elements import Elements, inflated, uid_of
from lungnet.intake.headers.transfer_syntaxes import DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FORGIVEN_HEADER_BYTES = (
    8 << 20
)  # 5,000 frames of 1.5 KB; a million empty elements take pydicom 4 s
_ITEMS, _MOST_ITEMS = (
    (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"),
    200_000,
)  # pydicom takes 17 microseconds for an empty one


def dataset_of(source: SourceFile) -> "Dataset":
    """The header as pydicom reads it, pixels left out.

    Raises:
        MalformedHeaderError: pydicom cannot read it either.
    """
    data = _bytes(source)
    return _parse(inflated(data, _FORGIVEN_HEADER_BYTES) if _is_deflated(data) else data)[0]


def elements_by_pydicom(source: SourceFile, tags: frozenset[int]) -> Elements:
    """Raw values by pydicom's parser.

    Raises:
        MalformedHeaderError: pydicom cannot read it either.
    """
    data = _bytes(source)
    if _is_deflated(data):
        raise MalformedHeaderError("the deflated data set has an odd header")
    dataset, end = _parse(data)
    try:
        meta = getattr(dataset, "file_meta", None)
        named, media_sop_class = (
            uid_of(str((meta or {}).get(keyword, "")).encode())
            for keyword in ("TransferSyntaxUID", "MediaStorageSOPClassUID")
        )
        values = {
            tag: raw for tag in tags if tag in dataset and (raw := _raw(dataset, tag)) is not None
        }
    except Exception as error:
        # Values are converted when they are asked for, and raise what they please.
        raise MalformedHeaderError(f"the header cannot be read ({type(error).__name__})") from error
    is_implicit, is_little = dataset.original_encoding
    order = ">" if is_little is False else "<"
    guessed = named or (
        IMPLICIT_LE if is_implicit else EXPLICIT_LE if order == "<" else EXPLICIT_BE
    )
    offset, length = _pixels(data, end, order, bool(is_implicit))
    if offset < 0 and end < len(data):
        raise MalformedHeaderError(f"the header cannot be read on from its byte {end:,}")
    is_guessed = not named
    return Elements(
        values, order, guessed, is_guessed, offset, length, media_sop_class=media_sop_class
    )


def _parse(data: bytes) -> "tuple[Dataset, int]":
    """The data set, and the offset at which the parser stopped.

    Of Pixel Data where there is any.
    """
    from pydicom import dcmread

    if sum(map(data.count, _ITEMS)) > _MOST_ITEMS:
        raise MalformedHeaderError(f"the header holds more than {_MOST_ITEMS:,} items of sequences")
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            dataset = dcmread(stream, stop_before_pixels=True, force=not is_part_10(data))
            return dataset, stream.tell()
    except Exception as error:
        # pydicom raises whatever its parts raise; nothing of the text may be shown, it may quote
        # the header.
        raise MalformedHeaderError(f"the header cannot be read ({type(error).__name__})") from error


def _is_deflated(data: bytes) -> bool:
    """Whether the data set is deflated: pydicom would inflate it without bound."""
    return DEFLATED.encode() in data[: PREAMBLE_BYTES + 1024]


def _raw(dataset: "Dataset", tag: int) -> bytes | None:
    element: Any = dataset.get_item(tag)
    return element.value if isinstance(element.value, bytes) else None


def _bytes(source: SourceFile) -> bytes:
    return source.first(min(source.size, _FORGIVEN_HEADER_BYTES))


def _pixels(data: bytes, offset: int, order: str, is_implicit: bool) -> tuple[int, int]:
    """Offset and length of Pixel Data's value, if its tag is where the parser stopped.

    (-1, 0) otherwise.
    """
    name: Literal["little", "big"] = "little" if order == "<" else "big"
    if data[offset : offset + 4] != (b"\xe0\x7f\x10\x00" if order == "<" else b"\x7f\xe0\x00\x10"):
        return -1, 0
    if is_implicit:
        return offset + 8, int.from_bytes(data[offset + 4 : offset + 8], name)
    return offset + 12, int.from_bytes(data[offset + 8 : offset + 12], name)
