"""Members of zip and tar files, nested ones too, read in memory and bounded before they are unpacked.

Nothing is extracted, so a member's name (`../../etc/passwd`, a link, a device) can do no harm.
"""

import bz2
import gzip
import io
import itertools
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, cast

from lungnet.config.intake import IntakeConfig
from lungnet.dicom import reasons
from lungnet.dicom.candidate import HEAD_BYTES, Candidate, UnreadableError
from lungnet.dicom.elements import is_part_10
from lungnet.dicom.slices import Location

_ZIP_BEGINNINGS = (b"PK\3\4", b"PK\5\6")  # of a file, of an empty archive
_GZIP = b"\x1f\x8b"
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    ArithmeticError,
    MemoryError,
)
_LARGEST_TAR_HEADER = 16 << 10
_MEMBER_BYTES = 4096  # what meeting a member costs, in bytes of unpacking: a million empty ones are a bomb too
_ENCRYPTED = 1  # bit 0 of a file's flags


def is_archive(head: bytes, name: str) -> bool:
    """Whether a file is a zip or tar, by content; tars packed by bzip2 and xz by name."""
    if is_part_10(head):  # whose preamble may be anything
        return False
    if head[:4] in _ZIP_BEGINNINGS:
        return True
    return _is_tar(head) or name.endswith(_TAR_ENDINGS) or (head[:2] == _GZIP and _is_tar(_inflated(head)))


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _inflated(head: bytes) -> bytes:
    """The first block of a gzip file."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, tarfile.BLOCKSIZE)
    except zlib.error:
        return b""


def members(archive: Candidate, limits: IntakeConfig) -> Iterator[Candidate]:
    """Every file in an archive, or one refused candidate where it cannot be read further."""
    try:
        with archive.location.path.open("rb") as source:
            yield from _members(source, archive, _Budget(archive.size, limits), 1)
    except UnreadableError as error:
        yield replace(archive, head=b"", refusal=error.refusal)
    except BROKEN as error:
        yield replace(archive, head=b"", refusal=(reasons.CORRUPT, f"the archive is broken ({type(error).__name__})"))


def read_member(location: Location, limits: IntakeConfig) -> bytes:
    """The bytes of one member; prefer `read_members` for many."""
    return next(data for _, data in read_members([location], limits))


def read_members(locations: list[Location], limits: IntakeConfig) -> Iterator[tuple[Location, bytes]]:
    """The bytes of members of one archive, in the order they are stored: a compressed tar is passed once.

    Raises:
        UnreadableError: a member is broken, or the archive asks for too much.
    """
    wanted = {location.members: location for location in locations}
    path = locations[0].path
    places = frozenset(place[:depth] for place in wanted for depth in range(1, len(place) + 1))
    archive = Candidate(Location.of(path), path.name.lower(), b"", path.stat().st_size)
    with path.open("rb") as source:
        for candidate in _members(source, archive, _Budget(archive.size, limits), 1, places):
            if candidate.location.members in wanted:
                yield wanted.pop(candidate.location.members), candidate.first(candidate.size)
            if not wanted:
                return


class _Budget:
    """What one outer archive may still unpack."""

    def __init__(self, packed: int, limits: IntakeConfig) -> None:
        self.limits = limits
        self.bytes_left = max(packed * limits.largest_ratio, limits.always_allowed_bytes)
        self.members_left = limits.most_members

    def spend(self, size: int) -> None:
        """Count a member by the size it declares: more than that is never read of it."""
        self.members_left -= 1
        self.bytes_left -= max(size, 0) + _MEMBER_BYTES
        if self.members_left < 0:
            raise UnreadableError(reasons.TOO_LARGE, f"more than {self.limits.most_members:,} files in one archive")
        if self.bytes_left < 0:
            raise UnreadableError(reasons.TOO_LARGE, f"the archive unpacks to more than {self.limits.largest_ratio} times its size")


class _Member:
    """A file in an archive that is read from its beginning as far as is asked for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._data = b""

    def first(self, length: int) -> bytes:
        """The first bytes, fewer where the member ends."""
        try:
            if length > len(self._data):
                self._data += self._file.read(length - len(self._data))
        except BROKEN as error:
            raise UnreadableError(reasons.CORRUPT, f"a file in the archive is broken ({type(error).__name__})") from error
        return self._data[:length]


def _members(
    source: IO[bytes], archive: Candidate, budget: _Budget, depth: int, wanted: frozenset[tuple[int, ...]] | None = None
) -> Iterator[Candidate]:
    """Members as candidates; where `wanted` is given, only those places (of archives that hold wanted members too)."""
    # By its beginning: `zipfile.is_zipfile` looks at the end, where a tar may hold a zip.
    opened = _zip_files(source) if source.read(4) in _ZIP_BEGINNINGS else _tar_files(source, budget)
    for index, name, file, size in opened:
        place = (*archive.location.members, index)
        if wanted is not None and place not in wanted:
            continue
        budget.spend(size)
        member = _Member(file)
        candidate = Candidate(Location(archive.location.folder, archive.location.name, place), name, b"", size, member.first)
        try:
            yield from _looked_into(candidate, budget, depth, wanted)
        except UnreadableError as error:
            if wanted is not None:
                raise
            yield replace(candidate, refusal=error.refusal)


def _looked_into(candidate: Candidate, budget: _Budget, depth: int, wanted: frozenset[tuple[int, ...]] | None) -> Iterator[Candidate]:
    """A member with its first bytes, or the members of the archive that it is."""
    limits = budget.limits
    if candidate.size > limits.largest_member_bytes:
        text = f"a file in the archive has {candidate.size:,} bytes, at most {limits.largest_member_bytes:,} are read"
        raise UnreadableError(reasons.TOO_LARGE, text)
    candidate = replace(candidate, head=candidate.first(HEAD_BYTES))
    if not candidate.head:
        return
    if not is_archive(candidate.head[:512], candidate.name):
        yield candidate
    elif depth >= limits.deepest_nesting:
        raise UnreadableError(reasons.TOO_LARGE, f"archives are nested deeper than {depth}")
    else:
        yield from _members(io.BytesIO(candidate.first(candidate.size)), candidate, budget, depth + 1, wanted)


def _zip_files(source: IO[bytes]) -> Iterator[tuple[int, str, IO[bytes], int]]:
    with zipfile.ZipFile(source) as archive:
        for index, info in enumerate(archive.infolist()):
            if info.flag_bits & _ENCRYPTED:
                raise UnreadableError(reasons.UNDECODABLE, "the archive is encrypted; unpack it with its password first")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnreadableError(reasons.UNDECODABLE, "the archive is packed by another method than deflate")
            if not info.is_dir():
                with archive.open(info) as file:
                    yield index, info.filename.lower(), file, info.file_size


def _tar_files(source: IO[bytes], budget: _Budget) -> Iterator[tuple[int, str, IO[bytes], int]]:
    metered = _Metered(_unpacked(source))
    with metered.for_a_header():
        archive = tarfile.open(fileobj=metered, mode="r:")  # noqa: SIM115 - reads the first header already
    with archive:
        for index in itertools.count():
            with metered.for_a_header():
                info = archive.next()
            if info is None:
                _check_end(metered, archive.offset)
                return
            file = archive.extractfile(info) if info.isreg() else None
            if file is None:
                budget.spend(info.size)
                continue
            with file:
                yield index, info.name.lower(), file, info.size


def _check_end(file: "_Metered", offset: int) -> None:
    """A tar ends in blocks of zeros; `tarfile` takes a damaged header for the end, and what follows would be lost in silence."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) != tarfile.BLOCKSIZE:
        raise tarfile.ReadError("ends in the middle")
    while block:
        if block.strip(b"\0"):
            raise tarfile.ReadError("goes on after its end")
        block = file.read(1 << 16)


def _unpacked(source: IO[bytes]) -> IO[bytes]:
    source.seek(0)
    magic = source.read(6)
    source.seek(0)
    if magic[:2] == _GZIP:
        return cast("IO[bytes]", gzip.GzipFile(fileobj=source))
    if magic[:3] == b"BZh":
        return cast("IO[bytes]", bz2.BZ2File(source))
    return cast("IO[bytes]", lzma.LZMAFile(source)) if magic == b"\xfd7zXZ\0" else source


class _Metered(io.BufferedIOBase):
    """A tar's bytes; what its headers take is bounded, as `tarfile` reads names and maps of any length into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left: int | None = None

    @contextmanager
    def for_a_header(self) -> Iterator[None]:
        """Bound what is read until the end of the block."""
        self._left = _LARGEST_TAR_HEADER
        yield
        self._left = None

    def read(self, size: int | None = -1) -> bytes:
        """Bytes from here on."""
        size = -1 if size is None else size
        if self._left is not None:
            self._left -= size
            if size < 0 or self._left < 0:
                raise UnreadableError(reasons.TOO_LARGE, f"a header in the archive takes more than {_LARGEST_TAR_HEADER:,} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where we are."""
        return self._file.tell()
