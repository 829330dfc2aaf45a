"""Members of zip and tar files, nested ones too, read in memory and bounded before they are unpacked.

Nothing is extracted, so a member's name (`../../etc/passwd`, a link, a device) can do no harm.
"""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from lungnet.config.intake import IntakeConfig
from lungnet.dicom.slices import Location
from lungnet.dicom.sources import Candidate

_ZIP_BEGINNINGS = (b"PK\3\4", b"PK\5\6")  # of a file, of an empty archive
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError, MemoryError)
_ENCRYPTED = 1  # bit 0 of a file's flags


def is_archive(head: bytes, name: str) -> bool:
    """Whether a file is a zip or tar, by content; compressed tars by name as well."""
    if head[:4] in _ZIP_BEGINNINGS:
        return True
    return head[257:262] == b"ustar" or name.endswith(_TAR_ENDINGS)


def members(archive: Candidate, limits: IntakeConfig) -> Iterator[Candidate]:
    """Every file in an archive, or one refused candidate where it cannot be read further."""
    budget = _Budget(archive.size, limits)
    try:
        source: IO[bytes] = io.BytesIO(archive.data) if archive.data is not None else archive.location.path.open("rb")
        with source:
            yield from _members(source, archive, budget, 1)
    except TooMuchError as bound:
        yield Candidate(archive.location, archive.name, b"", archive.size, refusal=("too-large", str(bound)))
    except EncryptedError:
        refusal = ("undecodable", "the archive is encrypted; unpack it with its password first")
        yield Candidate(archive.location, archive.name, b"", archive.size, refusal=refusal)
    except BROKEN as error:
        yield Candidate(
            archive.location, archive.name, b"", archive.size, refusal=("corrupt", f"the archive is broken ({type(error).__name__})")
        )


def read_member(location: Location, limits: IntakeConfig) -> bytes:
    """The bytes of one member; prefer `read_members` for many."""
    return next(data for _, data in read_members([location], limits))


def read_members(locations: list[Location], limits: IntakeConfig) -> Iterator[tuple[Location, bytes]]:
    """The bytes of members of one archive, in the order they are stored: a compressed tar is passed once."""
    wanted = {location.members: location for location in locations}
    path = locations[0].path
    archive = Candidate(Location.of(path), path.name.lower(), b"", path.stat().st_size)
    budget = _Budget(archive.size, limits)
    with path.open("rb") as source:
        for candidate in _members(source, archive, budget, 1, frozenset(wanted)):
            if candidate.location.members in wanted and candidate.data is not None:
                yield wanted.pop(candidate.location.members), candidate.data
            if not wanted:
                return


class EncryptedError(RuntimeError):
    """A file in the archive needs a password."""


class TooMuchError(Exception):
    """An archive asks for more than its bounds; says which."""


class _Budget:
    """What one outer archive may still unpack."""

    def __init__(self, packed: int, limits: IntakeConfig) -> None:
        self.limits = limits
        self.bytes_left = max(packed * limits.largest_ratio, limits.always_allowed_bytes)
        self.members_left = limits.most_members

    def member(self) -> None:
        self.members_left -= 1
        if self.members_left < 0:
            raise TooMuchError(f"more than {self.limits.most_members:,} files in one archive")

    def read(self, file: IO[bytes]) -> bytes:
        """A whole member; stops before a bound is crossed, whatever the archive promises."""
        most = min(self.limits.largest_member_bytes, self.bytes_left)
        data = file.read(most + 1)
        if len(data) > most:
            raise TooMuchError(f"a file in the archive unpacks to more than {most:,} bytes")
        self.bytes_left -= len(data)
        return data

    def skip(self, size: int) -> None:
        self.bytes_left -= max(size, 0)
        if self.bytes_left < 0:
            raise TooMuchError(f"the archive unpacks to more than {self.limits.largest_ratio} times its size")


def _members(
    source: IO[bytes], archive: Candidate, budget: _Budget, depth: int, wanted: frozenset[tuple[int, ...]] | None = None
) -> Iterator[Candidate]:
    """Members as candidates with their data; where `wanted` is given, only those (and the archives that hold them)."""
    # By its beginning: `zipfile.is_zipfile` looks at the end, where a tar may hold a zip.
    is_zip = source.read(4) in _ZIP_BEGINNINGS
    opened = _zip_files(source) if is_zip else _tar_files(source, budget)
    for index, name, file, size in opened:
        budget.member()
        place = (*archive.location.members, index)
        if wanted is not None and not any(w[: len(place)] == place for w in wanted):
            continue
        location = Location(archive.location.folder, archive.location.name, place)
        if size > budget.limits.largest_member_bytes:
            refusal = ("too-large", f"a file in the archive has {size:,} bytes, at most {budget.limits.largest_member_bytes:,} are read")
            yield Candidate(location, name, b"", size, refusal=refusal)
            continue
        try:
            data = budget.read(file)
        except BROKEN as error:
            yield Candidate(location, name, b"", size, refusal=("corrupt", f"a file in the archive is broken ({type(error).__name__})"))
            continue
        if not data:
            continue
        candidate = Candidate(location, name, data, len(data), data)
        if not is_archive(data[:512], name):
            yield candidate
        elif depth >= budget.limits.deepest_nesting:
            yield Candidate(location, name, b"", len(data), refusal=("too-large", f"archives are nested deeper than {depth}"))
        else:
            yield from _members(io.BytesIO(data), candidate, budget, depth + 1, wanted)


def _zip_files(source: IO[bytes]) -> Iterator[tuple[int, str, IO[bytes], int]]:
    with zipfile.ZipFile(source) as archive:
        for index, info in enumerate(archive.infolist()):
            if info.flag_bits & _ENCRYPTED:
                raise EncryptedError
            if not info.is_dir():
                with archive.open(info) as file:
                    yield index, info.filename.lower(), file, info.file_size


def _tar_files(source: IO[bytes], budget: _Budget) -> Iterator[tuple[int, str, IO[bytes], int]]:
    source.seek(0)
    with tarfile.open(fileobj=source, mode="r:*") as archive:
        for index, info in enumerate(archive):
            budget.skip(0 if info.isreg() else info.size)
            file = archive.extractfile(info) if info.isreg() else None
            if file is not None:
                with file:
                    yield index, info.name.lower(), file, info.size
