"""A file that was met, or a member of an archive: its first bytes, and how to get more of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from lungnet.intake import reasons
from lungnet.intake.headers.slice_header import Location

HEAD_BYTES = 16 << 10
"""Read of each file at first: most headers of CT slices end within."""

VOLUME_ENDINGS = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".mha": "metaimage",
    ".mhd": "metaimage",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
}
"""What the name of a file in a format other than DICOM ends in, and the format."""


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
        """The first bytes, fewer where the file ends.

        Of a member only until the next candidate is met.

        Raises:
            UnreadableError: it cannot be read any more, or its archive is broken.
        """
        if self.member is not None:
            return self.member(length)
        try:
            return read_range(self.location, 0, length)
        except OSError as error:
            raise UnreadableError(reasons.CORRUPT, f"cannot be read ({error.strerror})") from error


def may_be_a_remnant(name: str) -> bool:
    """Whether an empty file of this name (lower case) may be left of a slice or a volume."""
    base = name.rpartition("/")[2]
    return base.endswith((".dcm", *VOLUME_ENDINGS)) or "." not in base


class UnreadableError(Exception):
    """Bytes that cannot be had.

    Attributes:
        refusal: (reason, detail).
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = (reason, detail)


def refuse_changed(location: Location, about: os.stat_result) -> None:
    """Raise `UnreadableError` where the file was written again since it was met."""
    if location.is_changed(about):
        raise UnreadableError(reasons.CORRUPT, "the file was changed after it was found")


def read_range(location: Location, offset: int, length: int) -> bytes:
    """Bytes of a file, fewer where it ends.

    Raises:
        OSError: it cannot be read.
        UnreadableError: it was changed since it was met.
    """
    with location.path.open("rb", buffering=0) as file:
        about = os.fstat(file.fileno())
        refuse_changed(location, about)
        # A read takes memory for all it may get: never ask for more than there is.
        length = min(length, about.st_size - offset)
        if length <= 0:
            return b""
        file.seek(offset)
        data = file.read(length)
        while len(data) < length and (more := file.read(length - len(data))):
            data += more
    return data
