"""Where bytes come from.

Files below folders, members of archives, without extracting any and never by their names.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.errors import InputError
from lungnet.intake import reasons
from lungnet.intake.containers.archives import is_archive, members
from lungnet.intake.containers.source_file import HEAD_BYTES, Candidate, may_be_a_remnant
from lungnet.intake.headers.slice_header import Location, readable, stamp_of


def candidates(paths: Sequence[Path], limits: IntakeConfig) -> Iterator[Candidate]:
    """Every regular file at or below the paths, each once, folders first, in the order of names.

    Archives are looked into.

    Raises:
        InputError: a path does not exist.
    """
    for path in paths:
        # PTH110 - a Path raises where the name is too long, or its folder closed
        if not os.path.exists(path):  # noqa: PTH110
            raise InputError(f"{readable(path)}: no such file or folder")
    seen: set[tuple[int, int]] = set()
    for top in sorted(map(_beside_index, paths), key=Path.is_file):
        for candidate in _named(top, seen) if top.is_file() else _walk(top, seen):
            if candidate.refusal is None and is_archive(candidate.head, candidate.name):
                yield from members(candidate, limits)
            else:
                yield candidate


def _beside_index(path: Path) -> Path:
    """A DICOMDIR stands for the file set around it (DICOM PS3.10 section 8)."""
    return path.parent if path.is_file() and path.name.upper() == "DICOMDIR" else path


def _walk(top: Path, seen: set[tuple[int, int]]) -> Iterator[Candidate]:
    """Regular files below a folder.

    Links are followed, each folder is entered once however many links lead there.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            if _inode(folder) in seen:
                continue
            seen.add(_inode(folder))
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _unreadable(Location.of(folder), error)
            continue
        inner = []
        for entry in found:
            try:
                if entry.is_dir():
                    inner.append(Path(entry.path))
                else:
                    yield from _entry(folder, entry)
            except OSError as error:
                yield _unreadable(Location(folder, entry.name), error)
        waiting += reversed(inner)


def _entry(folder: Path, entry: "os.DirEntry[str]") -> Iterator[Candidate]:
    if entry.is_file():
        yield from _look(Location(folder, entry.name))
    elif entry.is_symlink() and not Path(entry.path).exists():
        yield from _unless_empty(Location(folder, entry.name), b"", 0)


def _named(path: Path, seen: set[tuple[int, int]]) -> Iterator[Candidate]:
    """A file that was named itself, unless it was met already, or in its folder."""
    if not seen.intersection([_inode(path), _inode(path.parent)]):
        seen.add(_inode(path))
        yield from _look(Location.of(path))


def _inode(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino


def _look(location: Location) -> Iterator[Candidate]:
    try:
        # PTH118, PTH123 - half the time of a Path
        with open(os.path.join(location.folder, location.name), "rb", buffering=0) as file:  # noqa: PTH118, PTH123
            head = file.read(HEAD_BYTES)
            about = os.fstat(file.fileno())
    except OSError as error:
        yield _unreadable(location, error)
        return
    yield from _unless_empty(
        Location(location.folder, location.name, (), stamp_of(about)), head, about.st_size
    )


def _unless_empty(location: Location, head: bytes, size: int) -> Iterator[Candidate]:
    """The candidate, unless it is empty.

    An empty file (or a link to nothing) tells nothing, unless it may be what is left of a slice.
    """
    name = location.name.lower()
    if head or may_be_a_remnant(name):
        yield Candidate(location, name, head, size)


def _unreadable(location: Location, error: OSError) -> Candidate:
    return Candidate(
        location,
        location.name.lower(),
        b"",
        0,
        refusal=(reasons.CORRUPT, f"cannot be read ({error.strerror})"),
    )
