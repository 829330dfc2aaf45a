"""Standard error closed to native code for a while.

Some libraries write there past every logger and setting.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MOST_HEARD = 1 << 16


@contextmanager
def silence() -> Iterator[None]:
    """Close file descriptor 2 of this process.

    A user who looks for one clear line of ours should find it.

    Exceptions pass as ever: what goes wrong is told by them.
    """
    with Path(os.devnull).open("wb") as nowhere, _redirected(nowhere.fileno()):
        yield


@contextmanager
def hearing() -> Iterator[bytearray]:
    """The same, but what was written is there after the block.

    Some decoders tell of damage in no other way.
    """
    said = bytearray()
    with tempfile.TemporaryFile() as file:
        with _redirected(file.fileno()):
            yield said
        file.seek(0)
        said += file.read(_MOST_HEARD)


@contextmanager
def _redirected(descriptor: int) -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
        sys.stderr.flush()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
