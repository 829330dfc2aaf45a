"""Failures of the machine that native code tells in words of its own, as one clear line."""

import errno
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lungnet.errors import MachineError
from lungnet.files import machine_error

LEAST_FREE_BYTES = 50_000_000
"""With less free in its folder, a temporary file most likely failed for lack of space."""

_REASON = re.compile(r"; ([^;\n]+)")


@contextmanager
def tensorflow_errors_told(path: Path) -> Iterator[None]:
    """Tell TensorFlow's errors within the block of writing below `path`, or of too little memory.

    Raises:
        MachineError: no space, no permission, no memory.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        message = str(error.message)
        if str(path) in message:
            # `FILE; Read-only file system`, and more lines on what TensorFlow wanted with it.
            reason = _REASON.search(message)
            words = reason[1] if reason else "cannot be written"
            number = errno.ENOSPC if "No space left" in message else errno.EIO
            raise machine_error(OSError(number, words), path) from error
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise MachineError(
                f"not enough memory ({message.splitlines()[0]}); lower training.batch_size"
            ) from error
        raise


@contextmanager
def full_temporary_folder_told() -> Iterator[None]:
    """Tell a `RuntimeError` within the block as a full disk, where temporary files have no space.

    Raises:
        MachineError: they have none.
    """
    folder = Path(tempfile.gettempdir())
    try:
        yield
    except RuntimeError as error:
        if shutil.disk_usage(folder).free >= LEAST_FREE_BYTES:
            raise
        raise machine_error(OSError(errno.ENOSPC, ""), folder) from error
