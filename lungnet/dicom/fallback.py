"""Headers that the quick walk does not understand, read by pydicom, which forgives more."""

import io
import warnings
from typing import Any

from pydicom import config, dcmread
from pydicom.dataset import Dataset

from lungnet.dicom.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, UNDEFINED, Elements, OddHeaderError, is_part_10
from lungnet.dicom.sources import Candidate, read_range

_FORGIVEN_HEADER_BYTES = 4 << 20


def dataset_of(candidate: Candidate) -> Dataset:
    """The header as pydicom reads it, pixels left out.

    Raises:
        OddHeaderError: pydicom cannot read it either.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            return dcmread(_stream(candidate), stop_before_pixels=True, force=not is_part_10(candidate.head))
    except Exception as error:
        # pydicom raises whatever its parts raise; nothing of the text may be shown, it may quote the header.
        raise OddHeaderError(f"the header cannot be read ({type(error).__name__})") from error


def elements_by_pydicom(candidate: Candidate, wanted: frozenset[int]) -> Elements:
    """Raw values by pydicom's parser."""
    dataset = dataset_of(candidate)
    meta = getattr(dataset, "file_meta", None)
    named = str(meta.get("TransferSyntaxUID", "")) if meta is not None else ""
    values: dict[int, bytes] = {}
    for tag in wanted:
        if tag in dataset:
            raw = _raw(dataset, tag)
            if raw is not None:
                values[tag] = raw
    implicit, little = dataset.original_encoding
    order = ">" if little is False else "<"
    guessed = named or (IMPLICIT_LE if implicit else EXPLICIT_LE if order == "<" else EXPLICIT_BE)
    offset, length = _pixels(candidate, order, bool(implicit))
    return Elements(values, order, guessed, not named, offset, length)


def _raw(dataset: Dataset, tag: int) -> bytes | None:
    element: Any = dataset.get_item(tag)
    value = element.value
    return value if isinstance(value, bytes) else None


def _stream(candidate: Candidate) -> io.BytesIO:
    if candidate.data is not None:
        return io.BytesIO(candidate.data)
    return io.BytesIO(read_range(candidate.location.path, 0, min(candidate.size, _FORGIVEN_HEADER_BYTES)))


def _pixels(candidate: Candidate, order: str, is_implicit: bool) -> tuple[int, int]:
    """Where Pixel Data begins and how long it says to be: the last such tag in the header that reads sensibly."""
    data = _stream(candidate).getvalue()
    tag = b"\xe0\x7f\x10\x00" if order == "<" else b"\x7f\xe0\x00\x10"
    name = "little" if order == "<" else "big"
    at = data.find(tag)
    while at >= 0:
        if is_implicit:
            return at + 8, int.from_bytes(data[at + 4 : at + 8], name)  # type: ignore[arg-type]
        if data[at + 4 : at + 6] in (b"OW", b"OB"):
            return at + 12, int.from_bytes(data[at + 8 : at + 12], name)  # type: ignore[arg-type]
        at = data.find(tag, at + 4)
    return -1, 0


assert UNDEFINED
assert config is not None
