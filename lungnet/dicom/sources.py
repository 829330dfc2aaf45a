"""Where bytes come from: files below folders, members of archives, without extracting any and never by their names."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungnet.config.intake import IntakeConfig
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
        data: the whole file where it is in memory anyway (a member of an archive).
        refusal: (reason, detail) where it may not be read.
    """

    location: Location
    name: str
    head: bytes
    size: int
    data: bytes | None = None
    refusal: tuple[str, str] | None = None


def candidates(paths: Sequence[Path], limits: IntakeConfig) -> Iterator[Candidate]:
    """Every regular file at or below the paths, each once, in the order of names; archives are looked into.

    Raises:
        InputError: a path does not exist.
    """
    from lungnet.dicom.archives import is_archive, members

    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for file in _walk(_beside_index(path), seen):
            candidate = _look(file)
            if candidate is None:
                continue
            if is_archive(candidate.head, candidate.name):
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


def _walk(top: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Regular files below `top`; links are followed, each folder is entered once however many links lead there."""
    if top.is_file():
        yield top
        return
    try:
        about = top.stat()
        if not stat.S_ISDIR(about.st_mode) or (about.st_dev, about.st_ino) in seen:
            return
        seen.add((about.st_dev, about.st_ino))
        with os.scandir(top) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    folders = []
    for entry in found:
        try:
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.is_file():
                yield Path(entry.path)
        except OSError:
            continue
    for folder in folders:
        yield from _walk(Path(folder), seen)


def _look(path: Path) -> Candidate | None:
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        return Candidate(Location(path), path.name.lower(), b"", 0, refusal=("corrupt", f"the file cannot be read ({error.strerror})"))
    # An empty file tells nothing, unless it is what is left of a slice.
    return Candidate(Location(path), path.name.lower(), head, size) if head or path.suffix.lower() == ".dcm" else None
