"""A file that was met, or a member of an archive: its first bytes, and how to get more of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from lungnet.errors import Refusal, UnreadableError
from lungnet.intake import reasons
from lungnet.intake.containers.location import Location

PREAMBLE_BYTES = 132
"""The preamble and prefix of a DICOM file (PS3.10 section 7.1)."""

HEAD_BYTES = 16 << 10
"""Read of each file at first: most headers of CT slices end within."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was met.

    Attributes:
        location: where it lies.
        name: its name, lower case, for telling formats apart; never shown.
        head: its first bytes, the whole file where that is short.
        size: of the whole file in bytes.
        member: reads the first bytes of a member of an archive; None of a file.
        refusal: where it may not be read.
        member_name: of a member of an archive, as it is written there.
    """

    location: Location
    name: str
    head: bytes
    size: int
    member: Callable[[int], bytes] | None = None
    refusal: Refusal | None = None
    member_name: str = ""

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
        while len(data) < length and (rest := file.read(length - len(data))):
            data += rest
    return data


def is_part_10(head: bytes) -> bool:
    """Whether the bytes have the preamble and prefix of PS3.10 section 7.1."""
    return head[128:PREAMBLE_BYTES] == b"DICM"
