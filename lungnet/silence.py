"""Standard error closed to native code for a while: some libraries write there past every logger and setting."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence() -> Iterator[None]:
    """Close file descriptor 2 of this process; a user who looks for one clear line of ours should find it.

    Exceptions pass as ever: what goes wrong is told by them.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
        sys.stderr.flush()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
