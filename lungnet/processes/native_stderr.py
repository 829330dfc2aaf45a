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
def suppressed_stderr() -> Iterator[None]:
    """Close file descriptor 2 of this process.

    A user who looks for one clear line of ours should find it.

    Exceptions pass as ever: what goes wrong is told by them.
    """
    with Path(os.devnull).open("wb") as nowhere, _redirected(nowhere.fileno()):
        yield


@contextmanager
def captured_stderr() -> Iterator[bytearray]:
    """The same, but what was written is there after the block.

    Some decoders tell of damage in no other way.
    """
    written = bytearray()
    with tempfile.TemporaryFile() as file:
        with _redirected(file.fileno()):
            yield written
        file.seek(0)
        written += file.read(_MOST_HEARD)


@contextmanager
def _redirected(descriptor: int) -> Iterator[None]:
    sys.stderr.flush()
    original = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
        sys.stderr.flush()
    finally:
        os.dup2(original, 2)
        os.close(original)
