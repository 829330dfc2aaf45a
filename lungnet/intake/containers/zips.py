"""The files in a zip.

Its directory is counted before it is read, as one that was cut or swollen shows in no other way.
"""

import struct
import zipfile
from collections.abc import Iterator
from typing import IO

from lungnet.errors import UnreadableError
from lungnet.intake import reasons
from lungnet.intake.containers.unpacking_budget import Budget

BEGINNINGS = (b"PK\3\4", b"PK\5\6")
"""Of a zip with files, of an empty one."""

_ENCRYPTED = 1  # bit 0 of a file's flags
_LARGEST_DIRECTORY = 256 << 20
# A header's fields, its extra field and a data descriptor take some 100 bytes, a slice more
_LARGEST_GAP = 1024
_PACKED_NOTHING = 2  # what deflate makes of no bytes

# PKWARE's APPNOTE.TXT, sections 4.3.12 (directory header), 4.3.16 (end record), 4.3.15 and 4.3.14
# (locator and end record of zip64).
_HEADER, _END, _LOCATOR, _END_64 = (
    struct.Struct(form) for form in ("<28x3H12x", "<4s6xHLLH", "<4s16x", "<4s28xQQQ")
)
_LONGEST_TAIL = _END_64.size + _LOCATOR.size + _END.size + 0xFFFF


def zip_files(source: IO[bytes], budget: Budget) -> Iterator[tuple[int, str, IO[bytes], int]]:
    """The index, name, opened file and size of each file.

    Raises:
        UnreadableError: it has more files than the budget allows, or is packed in a way that is not
            read.
        zipfile.BadZipFile: it is broken, or its directory tells of fewer files than it should.
    """
    _check_directory(source, budget)
    with zipfile.ZipFile(source) as archive:
        for index, info in enumerate(archive.infolist()):
            if info.flag_bits & _ENCRYPTED:
                raise UnreadableError(
                    reasons.UNDECODABLE,
                    "the archive is encrypted; unpack it with its password first",
                )
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnreadableError(
                    reasons.UNDECODABLE, "the archive is packed by another method than deflate"
                )
            if info.file_size == 0 and info.compress_size > _PACKED_NOTHING:
                raise zipfile.BadZipFile("an empty file that takes bytes")
            if info.file_size or not info.is_dir():
                with archive.open(info) as file:
                    yield index, info.filename, file, info.file_size
        _check_gaps(archive)


def _check_gaps(archive: zipfile.ZipFile) -> None:
    """Notice bytes that no entry claims, as of a file that was taken out of the directory."""
    position = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset - position > _LARGEST_GAP:
            raise zipfile.BadZipFile("bytes that no file claims")
        position = (
            info.header_offset
            + len(info.filename.encode("utf-8", "surrogateescape"))
            + info.compress_size
        )
    if archive.start_dir - position > _LARGEST_GAP:
        raise zipfile.BadZipFile("bytes that no file claims")


def _check_directory(source: IO[bytes], budget: Budget) -> None:
    """Walk the headers of the directory, before `zipfile` takes memory for them."""
    start, end, promised, modulus = _directory(source)
    if end - start > _LARGEST_DIRECTORY:
        raise UnreadableError(
            reasons.TOO_LARGE, f"the directory of the archive has {end - start:,} bytes"
        )
    position, count = start, 0
    while position < end:
        source.seek(position)
        position += _HEADER.size + sum(_HEADER.unpack(_whole(source.read(_HEADER.size), _HEADER)))
        count += 1
        budget.allow_members(count)
    if position != end or (count - promised) % modulus:
        raise zipfile.BadZipFile("the directory is damaged")


def _directory(source: IO[bytes]) -> tuple[int, int, int, int]:
    """The directory's begin and end, its number of entries, and the modulus of that number."""
    beginning = max(0, source.seek(0, 2) - _LONGEST_TAIL)
    source.seek(beginning)
    tail = source.read(_LONGEST_TAIL)
    position = tail.rfind(BEGINNINGS[1])
    if position < 0:
        raise zipfile.BadZipFile("no end record")
    _, promised, length, offset, _ = _END.unpack(
        _whole(tail[position : position + _END.size], _END)
    )
    modulus = 1 << 16  # old writers let the count run over
    if tail[max(0, position - _LOCATOR.size) : position].startswith(b"PK\6\7"):
        position -= _LOCATOR.size + _END_64.size
        signature, promised, length, offset = _END_64.unpack(
            _whole(tail[max(0, position) : position + _END_64.size], _END_64)
        )
        modulus = 1 << 64
        if signature != b"PK\6\6":
            raise zipfile.BadZipFile("no zip64 end record before its locator")
    end = beginning + position
    if end - length != offset:
        raise zipfile.BadZipFile("bytes before the first file or after the directory")
    return offset, end, promised, modulus


def _whole(data: bytes, form: struct.Struct) -> bytes:
    if len(data) != form.size:
        raise zipfile.BadZipFile("ends in the middle")
    return data
