"""A file on disk or a member of an archive, by its place and not by its name."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Location:
    """A file, or a member of an archive (its index at each level of nesting).

    Folder and name are kept apart: files share the first, and an archive has tens of millions of
    files. The stamp tells whether the file is still the one that was met; 0 where nobody asks.
    """

    folder: Path
    name: str
    members: tuple[int, ...] = ()
    stamp: int = 0

    @classmethod
    def of(cls, path: Path) -> "Location":
        """Of a file by its path."""
        return cls(path.parent, path.name)

    @property
    def path(self) -> Path:
        """Of the file, or of the outermost archive."""
        return self.folder / self.name

    def is_changed(self, about: os.stat_result) -> bool:
        """Whether the file was written again since it was met.

        Offsets and indices of then would read something else.
        """
        return self.stamp not in (0, stamp_of(about))


def stamp_of(about: os.stat_result) -> int:
    """Size and time of the last change as one number; the same in every process."""
    return hash((about.st_size, about.st_mtime_ns))
