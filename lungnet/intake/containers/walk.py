"""Where bytes come from.

Files below folders, members of archives, without extracting any and never by their names.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.errors import InputError, Refusal
from lungnet.intake import reasons
from lungnet.intake.containers.archives import is_archive, members
from lungnet.intake.containers.location import Location, stamp_of
from lungnet.intake.containers.source_file import HEAD_BYTES, SourceFile
from lungnet.intake.printable import readable


def source_files(paths: Sequence[Path], config: IntakeConfig) -> Iterator[SourceFile]:
    """Every regular file at or below the paths, each once, folders first, in the order of names.

    Archives are looked into.

    Raises:
        InputError: a path does not exist.
    """
    for path in paths:
        # PTH110 - a Path raises where the name is too long, or its folder closed
        if not os.path.exists(path):  # noqa: PTH110
            raise InputError(f"{readable(path)}: no such file or folder")
    visited: set[tuple[int, int]] = set()
    for top in sorted(map(_beside_index, paths), key=Path.is_file):
        for source_file in _named(top, visited) if top.is_file() else _walk(top, visited):
            if source_file.refusal is None and is_archive(source_file.head, source_file.name):
                yield from members(source_file, config)
            else:
                yield source_file


def _beside_index(path: Path) -> Path:
    """A DICOMDIR stands for the file set around it (DICOM PS3.10 section 8)."""
    return path.parent if path.is_file() and path.name.upper() == "DICOMDIR" else path


def _walk(top: Path, visited: set[tuple[int, int]]) -> Iterator[SourceFile]:
    """Regular files below a folder.

    Links are followed, each folder is entered once however many links lead there.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            if _inode(folder) in visited:
                continue
            visited.add(_inode(folder))
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _unreadable(Location.of(folder), error)
            continue
        inner = []
        for entry in ordered:
            try:
                if entry.is_dir():
                    inner.append(Path(entry.path))
                else:
                    yield from _entry(folder, entry)
            except OSError as error:
                yield _unreadable(Location(folder, entry.name), error)
        waiting += reversed(inner)


def _entry(folder: Path, entry: "os.DirEntry[str]") -> Iterator[SourceFile]:
    if entry.is_file():
        yield _first_bytes(Location(folder, entry.name))
    elif entry.is_symlink() and not Path(entry.path).exists():
        yield SourceFile(Location(folder, entry.name), entry.name.lower(), b"", 0)


def _named(path: Path, visited: set[tuple[int, int]]) -> Iterator[SourceFile]:
    """A file that was named itself, unless it was met already, or in its folder."""
    if not visited.intersection([_inode(path), _inode(path.parent)]):
        visited.add(_inode(path))
        yield _first_bytes(Location.of(path))


def _inode(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino


def _first_bytes(location: Location) -> SourceFile:
    try:
        # Half the time of a Path.
        path = os.path.join(location.folder, location.name)  # noqa: PTH118
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            head = file.read(HEAD_BYTES)
            about = os.fstat(file.fileno())
    except OSError as error:
        return _unreadable(location, error)
    stamped = Location(location.folder, location.name, (), stamp_of(about))
    return SourceFile(stamped, location.name.lower(), head, about.st_size)


def _unreadable(location: Location, error: OSError) -> SourceFile:
    return SourceFile(
        location,
        location.name.lower(),
        b"",
        0,
        refusal=Refusal(reasons.CORRUPT, f"cannot be read ({error.strerror})"),
    )
