"""Members of zip and tar files, nested ones too, read in memory and bounded before unpacking.

Nothing is extracted, so a member's name (`../../etc/passwd`, a link, a device) can do no harm.
"""

import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from lungnet.config.intake import IntakeConfig
from lungnet.errors import Refusal, UnreadableError
from lungnet.intake import reasons
from lungnet.intake.containers import tars, zips
from lungnet.intake.containers.location import Location
from lungnet.intake.containers.source_file import (
    HEAD_BYTES,
    SourceFile,
    is_part_10,
    refuse_changed,
)
from lungnet.intake.containers.unpacking_budget import Budget

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


def is_archive(head: bytes, name: str) -> bool:
    """Whether a file is a zip or tar, by content; tars packed by bzip2 and xz by name."""
    if is_part_10(head):  # whose preamble may be anything
        return False
    return head[:4] in zips.BEGINNINGS or tars.is_tar(head, name)


def members(archive: SourceFile, config: IntakeConfig) -> Iterator[SourceFile]:
    """Every file in an archive, or one refused candidate where it cannot be read further."""
    try:
        with archive.location.path.open("rb") as source:
            yield from _members(source, archive, Budget(archive.size, config), 1)
    except UnreadableError as error:
        yield replace(archive, head=b"", refusal=error.refusal)
    except BROKEN as error:
        yield replace(
            archive,
            head=b"",
            refusal=Refusal(reasons.CORRUPT, f"the archive is broken ({type(error).__name__})"),
        )


def read_member(location: Location, config: IntakeConfig) -> bytes:
    """The bytes of one member; prefer `read_members` for many."""
    return next(data for _, data in read_members([location], config))


def read_members(
    locations: list[Location], config: IntakeConfig
) -> Iterator[tuple[Location, bytes]]:
    """The bytes of members of one archive, in the order they are stored.

    A compressed tar is passed once.

    Raises:
        UnreadableError: a member is broken, or the archive asks for too much.
    """
    locations_by_member = {location.members: location for location in locations}
    first = locations[0]
    indices = frozenset(
        index[:depth] for index in locations_by_member for depth in range(1, len(index) + 1)
    )
    with first.path.open("rb") as source:
        about = os.fstat(source.fileno())
        refuse_changed(first, about)
        archive = SourceFile(replace(first, members=()), first.name.lower(), b"", about.st_size)
        for source_file in _members(source, archive, Budget(archive.size, config), 1, indices):
            if source_file.location.members in locations_by_member:
                yield (
                    locations_by_member.pop(source_file.location.members),
                    source_file.first(source_file.size),
                )
            if not locations_by_member:
                return


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
            raise UnreadableError(
                reasons.CORRUPT, f"a file in the archive is broken ({type(error).__name__})"
            ) from error
        return self._data[:length]


def _members(
    source: IO[bytes],
    archive: SourceFile,
    budget: Budget,
    depth: int,
    only: frozenset[tuple[int, ...]] | None = None,
) -> Iterator[SourceFile]:
    """Members as candidates.

    Where `only` is given, only those places (of archives that hold wanted members too).
    """
    location = archive.location
    # By its beginning: `zipfile.is_zipfile` looks at the end, where a tar may hold a zip.
    opened = (
        zips.zip_files(source, budget)
        if source.read(4) in zips.BEGINNINGS
        else tars.tar_files(source, budget)
    )
    for index, name, file, size in opened:
        member_index = (*location.members, index)
        if only is not None and member_index not in only:
            continue
        budget.spend_member(size)
        member = _Member(file)
        source_file = SourceFile(
            Location(location.folder, location.name, member_index, location.stamp),
            name.lower(),
            b"",
            size,
            member.first,
            member_name=name,
        )
        try:
            yield from _opened(source_file, budget, depth, only)
        except UnreadableError as error:
            if only is not None:
                raise
            yield replace(source_file, refusal=error.refusal)


def _opened(
    source_file: SourceFile, budget: Budget, depth: int, only: frozenset[tuple[int, ...]] | None
) -> Iterator[SourceFile]:
    """A member with its first bytes, or the members of the archive that it is."""
    config = budget.config
    if source_file.size > config.largest_member_bytes:
        text = (
            f"a file in the archive has {source_file.size:,} bytes, at most "
            f"{config.largest_member_bytes:,} are read"
        )
        raise UnreadableError(reasons.TOO_LARGE, text)
    source_file = replace(source_file, head=source_file.first(HEAD_BYTES))
    if not source_file.head or not is_archive(source_file.head[:512], source_file.name):
        yield source_file
    elif depth >= config.deepest_nesting:
        raise UnreadableError(reasons.TOO_LARGE, f"archives are nested deeper than {depth}")
    else:
        yield from _members(
            io.BytesIO(source_file.first(source_file.size)), source_file, budget, depth + 1, only
        )
