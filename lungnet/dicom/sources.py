"""Where bytes come from: files below folders, members of archives, without extracting any and never by their names."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.dicom import reasons
from lungnet.dicom.slices import Location
from lungnet.errors import InputError

HEAD_BYTES = 16 << 10
"""Read of each file at first: most headers of CT slices end within."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that was met.

    Attributes:
        location: where it lies.
        name: its name, lower case, for telling formats apart; never shown.
        head: its first bytes, the whole file where that is short.
        size: of the whole file in bytes.
        member: reads the first bytes of a member of an archive; None of a file.
        refusal: (reason, detail) where it may not be read.
    """

    location: Location
    name: str
    head: bytes
    size: int
    member: Callable[[int], bytes] | None = None
    refusal: tuple[str, str] | None = None

    def first(self, length: int) -> bytes:
        """The first bytes, fewer where the file ends; of a member only until the next candidate is met.

        Raises:
            UnreadableError: it cannot be read any more, or its archive is broken.
        """
        if self.member is not None:
            return self.member(length)
        try:
            return read_range(self.location.path, 0, length)
        except OSError as error:
            raise UnreadableError(reasons.CORRUPT, f"cannot be read ({error.strerror})") from error


class UnreadableError(Exception):
    """Bytes that cannot be had.

    Attributes:
        refusal: (reason, detail).
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = (reason, detail)


def candidates(paths: Sequence[Path], limits: IntakeConfig) -> Iterator[Candidate]:
    """Every regular file at or below the paths, each once, folders first, in the order of names; archives are looked into.

    Raises:
        InputError: a path does not exist.
    """
    from lungnet.dicom.archives import is_archive, members

    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    seen: set[tuple[int, int]] = set()
    for top in sorted(map(_beside_index, paths), key=Path.is_file):
        for candidate in _given(top, seen) if top.is_file() else _walk(top, seen):
            if candidate.refusal is None and is_archive(candidate.head, candidate.name):
                yield from members(candidate, limits)
            else:
                yield candidate


def read_range(path: Path, offset: int, length: int) -> bytes:
    """Bytes of a file, fewer where it ends."""
    with path.open("rb", buffering=0) as file:
        # A read takes memory for all it may get: never ask for more than there is.
        length = min(length, os.fstat(file.fileno()).st_size - offset)
        if length <= 0:
            return b""
        file.seek(offset)
        data = file.read(length)
        while len(data) < length and (more := file.read(length - len(data))):
            data += more
    return data


def _beside_index(path: Path) -> Path:
    """A DICOMDIR stands for the file set around it (DICOM PS3.10 section 8)."""
    return path.parent if path.is_file() and path.name.upper() == "DICOMDIR" else path


def _walk(top: Path, seen: set[tuple[int, int]]) -> Iterator[Candidate]:
    """Regular files below a folder; links are followed, each folder is entered once however many links lead there."""
    try:
        if _identity(top) in seen:
            return
        seen.add(_identity(top))
        with os.scandir(top) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield _unreadable(Location.of(top), error)
        return
    folders = []
    for entry in found:
        try:
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.is_file():
                yield from _look(Location(top, entry.name))
            elif entry.is_symlink() and not Path(entry.path).exists():
                yield from _rest(Location(top, entry.name), b"", 0)
        except OSError as error:
            yield _unreadable(Location(top, entry.name), error)
    for folder in folders:
        yield from _walk(Path(folder), seen)


def _given(path: Path, seen: set[tuple[int, int]]) -> Iterator[Candidate]:
    """A file that was named itself, unless it was met already, or in its folder."""
    if not seen.intersection([_identity(path), _identity(path.parent)]):
        seen.add(_identity(path))
        yield from _look(Location.of(path))


def _identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino


def _look(location: Location) -> Iterator[Candidate]:
    try:
        with open(os.path.join(location.folder, location.name), "rb", buffering=0) as file:  # noqa: PTH118, PTH123 - half the time of a Path
            head = file.read(HEAD_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        yield _unreadable(location, error)
        return
    yield from _rest(location, head, size)


def _rest(location: Location, head: bytes, size: int) -> Iterator[Candidate]:
    """The candidate, unless it is empty: an empty file (or a link to nothing) tells nothing, unless it is what is left of a slice."""
    name = location.name.lower()
    if head or name.endswith(".dcm"):
        yield Candidate(location, name, head, size)


def _unreadable(location: Location, error: OSError) -> Candidate:
    return Candidate(location, location.name.lower(), b"", 0, refusal=(reasons.CORRUPT, f"cannot be read ({error.strerror})"))
