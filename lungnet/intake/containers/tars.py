"""The files in a tar, packed or not.

What its headers take is bounded, and it must end as a tar ends.
"""

import bz2
import gzip
import io
import itertools
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from lungnet.errors import UnreadableError
from lungnet.intake import reasons
from lungnet.intake.containers.unpacking_budget import Budget

_GZIP = b"\x1f\x8b"
_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_LARGEST_HEADER = 16 << 10
_WITHOUT_DATA = (
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
)


def is_tar(head: bytes, name: str) -> bool:
    """Whether a file is a tar, by its first 512 bytes.

    One that is packed by bzip2 or xz by its name, in lower case.
    """
    return (
        _begins(head) or name.endswith(_ENDINGS) or (head[:2] == _GZIP and _begins(_inflated(head)))
    )


def _begins(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _inflated(head: bytes) -> bytes:
    """The first block of a gzip file."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, tarfile.BLOCKSIZE)
    except zlib.error:
        return b""


def tar_files(source: IO[bytes], budget: Budget) -> Iterator[tuple[int, str, IO[bytes], int]]:
    """The index, name, opened file and size of each regular file.

    Raises:
        UnreadableError: a header takes too much.
        tarfile.TarError: it is broken, or goes on after its end; what unpacking raises too.
    """
    metered = _Metered(_unpacked(source))
    with metered.for_a_header():
        # SIM115 - reads the first header already
        archive = tarfile.open(fileobj=metered, mode="r:")  # noqa: SIM115
    with archive:
        for index in itertools.count():
            with metered.for_a_header():
                info = archive.next()
            # tarfile keeps all members that it met, and copies what was said of all to each.
            archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined]
            if info is None:
                _check_end(metered, archive.offset, budget)
                return
            if info.type not in tarfile.SUPPORTED_TYPES or (
                info.size and info.type in _WITHOUT_DATA
            ):
                raise tarfile.ReadError("a member of an unknown kind")
            file = archive.extractfile(info) if info.isreg() else None
            if file is None:
                budget.spend_member(info.size)
                continue
            with file:
                yield index, info.name, file, info.size


def _check_end(file: "_Metered", offset: int, budget: Budget) -> None:
    """A tar ends in blocks of zeros.

    `tarfile` takes a damaged header for the end, and what follows would be lost in silence.
    """
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) != tarfile.BLOCKSIZE:
        raise tarfile.ReadError("ends in the middle")
    while block:
        if block.strip(b"\0"):
            raise tarfile.ReadError("goes on after its end")
        budget.spend(len(block))
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
    """A tar's bytes; what its headers take is bounded.

    `tarfile` reads names and maps of any length into memory.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left: int | None = None

    @contextmanager
    def for_a_header(self) -> Iterator[None]:
        """Bound what is read until the end of the block."""
        self._left = _LARGEST_HEADER
        yield
        self._left = None

    def read(self, size: int | None = -1) -> bytes:
        """Bytes from here on."""
        size = -1 if size is None else size
        if self._left is not None:
            self._left -= size
            if size < 0 or self._left < 0:
                raise UnreadableError(
                    reasons.TOO_LARGE,
                    f"a header in the archive takes more than {_LARGEST_HEADER:,} bytes",
                )
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where we are."""
        return self._file.tell()
