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
from lungnet.intake import reasons
from lungnet.intake.containers import tars, zips
from lungnet.intake.containers.source_file import (
    HEAD_BYTES,
    Candidate,
    UnreadableError,
    may_be_a_remnant,
    refuse_changed,
)
from lungnet.intake.containers.unpacking_budget import Budget
from lungnet.intake.headers.elements import is_part_10
from lungnet.intake.headers.slice_header import Location

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


def members(archive: Candidate, limits: IntakeConfig) -> Iterator[Candidate]:
    """Every file in an archive, or one refused candidate where it cannot be read further."""
    try:
        with archive.location.path.open("rb") as source:
            yield from _members(source, archive, Budget(archive.size, limits), 1)
    except UnreadableError as error:
        yield replace(archive, head=b"", refusal=error.refusal)
    except BROKEN as error:
        yield replace(
            archive,
            head=b"",
            refusal=(reasons.CORRUPT, f"the archive is broken ({type(error).__name__})"),
        )


def read_member(location: Location, limits: IntakeConfig) -> bytes:
    """The bytes of one member; prefer `read_members` for many."""
    return next(data for _, data in read_members([location], limits))


def read_members(
    locations: list[Location], limits: IntakeConfig
) -> Iterator[tuple[Location, bytes]]:
    """The bytes of members of one archive, in the order they are stored.

    A compressed tar is passed once.

    Raises:
        UnreadableError: a member is broken, or the archive asks for too much.
    """
    wanted = {location.members: location for location in locations}
    first = locations[0]
    places = frozenset(place[:depth] for place in wanted for depth in range(1, len(place) + 1))
    with first.path.open("rb") as source:
        about = os.fstat(source.fileno())
        refuse_changed(first, about)
        archive = Candidate(replace(first, members=()), first.name.lower(), b"", about.st_size)
        for candidate in _members(source, archive, Budget(archive.size, limits), 1, places):
            if candidate.location.members in wanted:
                yield wanted.pop(candidate.location.members), candidate.first(candidate.size)
            if not wanted:
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
    archive: Candidate,
    budget: Budget,
    depth: int,
    wanted: frozenset[tuple[int, ...]] | None = None,
) -> Iterator[Candidate]:
    """Members as candidates.

    Where `wanted` is given, only those places (of archives that hold wanted members too).
    """
    where = archive.location
    # By its beginning: `zipfile.is_zipfile` looks at the end, where a tar may hold a zip.
    opened = (
        zips.zip_files(source, budget)
        if source.read(4) in zips.BEGINNINGS
        else tars.tar_files(source, budget)
    )
    for index, name, file, size in opened:
        place = (*where.members, index)
        if wanted is not None and place not in wanted:
            continue
        budget.spend_member(size)
        member = _Member(file)
        candidate = Candidate(
            Location(where.folder, where.name, place, where.stamp), name, b"", size, member.first
        )
        try:
            yield from _looked_into(candidate, budget, depth, wanted)
        except UnreadableError as error:
            if wanted is not None:
                raise
            yield replace(candidate, refusal=error.refusal)


def _looked_into(
    candidate: Candidate, budget: Budget, depth: int, wanted: frozenset[tuple[int, ...]] | None
) -> Iterator[Candidate]:
    """A member with its first bytes, or the members of the archive that it is."""
    limits = budget.limits
    if candidate.size > limits.largest_member_bytes:
        text = (
            f"a file in the archive has {candidate.size:,} bytes, at most "
            f"{limits.largest_member_bytes:,} are read"
        )
        raise UnreadableError(reasons.TOO_LARGE, text)
    candidate = replace(candidate, head=candidate.first(HEAD_BYTES))
    if not candidate.head:
        if may_be_a_remnant(candidate.name):
            yield candidate
        return
    if not is_archive(candidate.head[:512], candidate.name):
        yield candidate
    elif depth >= limits.deepest_nesting:
        raise UnreadableError(reasons.TOO_LARGE, f"archives are nested deeper than {depth}")
    else:
        yield from _members(
            io.BytesIO(candidate.first(candidate.size)), candidate, budget, depth + 1, wanted
        )
