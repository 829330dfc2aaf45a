"""From a slice's place in a file to its stored values."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import MalformedHeaderError, UndecodableError, UnreadableError
from lungnet.intake.containers.archives import BROKEN, read_members
from lungnet.intake.containers.source_file import read_range
from lungnet.intake.headers.elements import EXTENDED_OFFSETS, UNDEFINED, inflated, read_elements
from lungnet.intake.headers.slice_header import Encoding, SliceHeader
from lungnet.intake.headers.transfer_syntaxes import DEFLATED, SUPPORTED
from lungnet.intake.pixels.codecs import decode
from lungnet.intake.pixels.rescale import native_values, stored_values

_LARGEST_PACKED, _FRAME_OVERHEAD = 3, 1 << 20  # no codec makes a frame so much larger than it is
_MOST_FRAGMENTS = 10_000  # of a frame; fragments of a few bytes only cost time
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"

Decoded = tuple[int, NDArray[np.generic], frozenset[str]]


def decoded(slices: Sequence[SliceHeader], config: IntakeConfig) -> Iterator[Decoded]:
    """Decode the slices of a series, each file read once, in whatever order is quickest.

    Yields:
        The slice's index in `slices`, its stored values (rows, columns), and what its codestream
        shows: codes of warnings.

    Raises:
        UndecodableError: says which slice and why.
    """
    plain = [i for i, s in enumerate(slices) if not s.location.members]
    file = _File()
    for i in plain:
        yield (i, *_frame(slices[i], file.open(slices[i])))
    packed: dict[Path, list[int]] = {}
    for i, header in enumerate(slices):
        if header.location.members:
            packed.setdefault(header.location.path, []).append(i)
    for members in packed.values():
        yield from _from_archive(slices, members, config)


def _from_archive(
    slices: Sequence[SliceHeader], indices: list[int], config: IntakeConfig
) -> Iterator[Decoded]:
    by_location: dict[object, list[int]] = {}
    for i in indices:
        by_location.setdefault(slices[i].location, []).append(i)
    try:
        for location, data in read_members(
            [slices[frames[0]].location for frames in by_location.values()], config
        ):
            for i in by_location.pop(location):
                yield (i, *_frame(slices[i], _File(data).open(slices[i])))
    except UnreadableError as error:
        raise UndecodableError(str(error)) from error
    except BROKEN as error:
        raise UndecodableError(f"the archive is broken ({type(error).__name__})") from error
    if by_location:
        raise UndecodableError("the archive changed while it was read")


class _File:
    """The pixel data of one file at a time: its bytes, and for encapsulated data its frames."""

    def __init__(self, data: bytes | None = None) -> None:
        self.data = data
        self.header: SliceHeader | None = None
        self._key: object = None
        self._frames: list[bytes] = []
        self._inflated = b""

    def open(self, header: SliceHeader) -> "_File":
        """Turn to the file of a slice."""
        key = header.location
        if key != self._key:
            self._key, self._frames, self._inflated = key, [], b""
        self.header = header
        return self

    def bytes_at(self, offset: int, length: int) -> bytes:
        """A range of the file, of the inflated data set where deflated."""
        assert self.header is not None
        if self.header.encoding.transfer_syntax == DEFLATED:
            if not self._inflated:
                self._inflated = self._inflate(self.header)
            return self._inflated[offset : offset + length]
        return self._range(offset, length)

    def _inflate(self, header: SliceHeader) -> bytes:
        encoding = header.encoding
        try:
            return inflated(
                self._range(0, 1 << 31),
                header.pixel_offset + encoding.frame_bytes * max(encoding.frames, 1),
            )
        except MalformedHeaderError as error:
            raise UndecodableError("the deflated data set is broken") from error

    def _range(self, offset: int, length: int) -> bytes:
        assert self.header is not None
        if self.data is not None:
            return self.data[offset : offset + length]
        try:
            return read_range(self.header.location, offset, length)
        except OSError as error:
            raise UndecodableError(
                f"the file cannot be read any more ({error.strerror})"
            ) from error
        except UnreadableError as error:
            raise UndecodableError(str(error)) from error

    def frame(self, index: int) -> bytes:
        """One encapsulated frame; its fragments joined."""
        assert self.header is not None
        if not self._frames:
            encoding = self.header.encoding
            most = max(encoding.frames, 1) * (
                _LARGEST_PACKED * encoding.frame_bytes + _FRAME_OVERHEAD
            )
            self._frames = _frames(
                self.bytes_at(self.header.pixel_offset, most), encoding, self._offset_table()
            )
        return self._frames[index]

    def _offset_table(self) -> bytes:
        """Extended Offset Table (7FE0,0001), empty where there is none.

        It stands between the header and Pixel Data.
        """
        assert self.header is not None
        head = (
            self.bytes_at(0, self.header.pixel_offset) if self.header.encoding.frames > 1 else b""
        )
        try:
            return read_elements(head, frozenset([EXTENDED_OFFSETS]), is_whole=True).values.get(
                EXTENDED_OFFSETS, b""
            )
        except MalformedHeaderError:
            return b""


def _frames(data: bytes, encoding: Encoding, offset_table: bytes) -> list[bytes]:
    """Split encapsulated Pixel Data into frames (PS3.5 annex A.4)."""
    from pydicom.encaps import generate_frames

    starts = _fragments(data, _MOST_FRAGMENTS * max(encoding.frames, 1))
    # With such a table each frame is one fragment (PS3.3 section C.7.6.3.1.8), so it must repeat
    # what the fragments say.
    stated = [
        int.from_bytes(offset_table[offset : offset + 8], "little")
        for offset in range(0, len(offset_table), 8)
    ]
    if stated and stated != [start - starts[1] for start in starts[1:]]:
        raise UndecodableError(
            "Extended Offset Table (7FE0,0001) and the fragments of the pixel data disagree"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frames = list(generate_frames(data, number_of_frames=max(encoding.frames, 1)))
    except Exception as error:
        raise UndecodableError(
            f"the fragments of the pixel data are broken ({type(error).__name__})"
        ) from error
    if len(frames) != max(encoding.frames, 1):
        raise UndecodableError(
            f"the pixel data holds {len(frames)} frames, the header says {encoding.frames}"
        )
    return frames


def _fragments(data: bytes, most: int) -> list[int]:
    """Where items begin, the first of which is the Basic Offset Table.

    What ends early is refused, as decoders would fill it up.
    """
    offset = 0
    starts: list[int] = []
    while offset + 8 <= len(data):
        tag, length = (
            data[offset : offset + 4],
            int.from_bytes(data[offset + 4 : offset + 8], "little"),
        )
        if tag == _SEQUENCE_END:
            return starts
        if len(starts) > most:
            raise UndecodableError(f"pixel data is in more than {most:,} fragments")
        if tag != _ITEM:
            raise UndecodableError(f"no fragment of pixel data begins at its byte {offset:,}")
        starts.append(offset)
        offset += 8 + length
    if offset > len(data):
        raise UndecodableError(
            f"pixel data is truncated: its fragments promise {offset:,} bytes, {len(data):,} are "
            "there"
        )
    return starts


def _frame(header: SliceHeader, file: _File) -> tuple[NDArray[np.generic], frozenset[str]]:
    encoding = header.encoding
    codes: frozenset[str] = frozenset()
    if SUPPORTED[encoding.transfer_syntax]:
        assert header.pixel_length == UNDEFINED
        stored, codes = decode(file.frame(header.frame), encoding)
    else:
        needed = encoding.frame_bytes
        data = file.bytes_at(
            header.pixel_offset + header.frame * needed, needed + needed % 2 * encoding.is_swapped
        )
        if len(data) < needed:
            raise UndecodableError(f"pixel data is truncated: {len(data):,} of {needed:,} bytes")
        stored = stored_values(native_values(data, encoding), encoding)
    return stored, codes
