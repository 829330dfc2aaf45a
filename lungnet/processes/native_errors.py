"""Failures of the machine that native code tells in words of its own, as one clear line."""

import errno
import importlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lungnet.errors import MachineError
from lungnet.files import machine_error
from lungnet.processes import keras_backend

LEAST_FREE_BYTES = 50_000_000
"""With less free in its folder, a temporary file most likely failed for lack of space."""


@contextmanager
def memory_errors_told() -> Iterator[None]:
    """Tell an error of Keras' backend within the block, where it had too little memory.

    Raises:
        MachineError: it had.
    """
    if keras_backend.imported_backend() == "jax":
        exhausted = importlib.import_module("jax").errors.JaxRuntimeError
    else:
        exhausted = importlib.import_module("tensorflow").errors.ResourceExhaustedError
    try:
        yield
    except exhausted as error:
        message = str(getattr(error, "message", error))
        # JAX has one class for all that goes wrong, and begins with its name.
        if isinstance(error, RuntimeError) and not message.startswith("RESOURCE_EXHAUSTED"):
            raise
        raise MachineError(
            f"not enough memory ({message.splitlines()[0]}); lower training.batch_size"
        ) from error


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
