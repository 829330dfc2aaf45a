"""The backend that Keras runs on: chosen once in a process, before Keras is imported."""

import importlib
import os
import sys
from typing import Literal

from lungnet.errors import MachineError, UsageError
from lungnet.processes.native_stderr import suppressed_stderr
from lungnet.version import requirements

BackendName = Literal["tensorflow", "jax"]

PACKAGES: dict[BackendName, str] = {
    "tensorflow": "install requirements.lock, or train with training.backend: jax",
    "jax": "pip install 'lungnet[jax]'",
}
"""Name of a backend, which is its module too -> what to do where that is missing."""

DECIDING = ("keras", "numpy", "tensorflow")
"""Packages whose versions outside the range fail in ways that nobody can read."""


def use_backend(name: BackendName) -> None:
    """Import Keras on a backend; nothing where it is in use already.

    A `keras.json` and the environment decide nothing.

    Raises:
        UsageError: Keras was imported on another backend, or the backend is not installed.
        MachineError: a package is of a version that lungnet does not know.
    """
    backend = imported_backend()
    if backend is None:
        _check_versions(name)
        _import_keras(name)
    elif backend != name:
        raise UsageError(
            f"training.backend is {name}, but Keras was imported on {backend} before; a process "
            "has one backend: start another, and let lungnet import Keras"
        )


def imported_backend() -> str | None:
    """The backend of this process; None while Keras is not imported."""
    keras = sys.modules.get("keras")
    return None if keras is None else str(keras.backend.backend())


def _import_keras(name: BackendName) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras reads these when it is imported.
    os.environ["KERAS_BACKEND"] = name
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    # No setting stops the remarks of TensorFlow's import: the one above comes too late for them.
    # Keras imports it on every backend, where it is installed, at the first seed.
    with suppressed_stderr():
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"Keras cannot run on {name}, which is not installed ({error}); {PACKAGES[name]}"
            ) from None
        importlib.import_module("keras")


def _check_versions(name: BackendName) -> None:
    for requirement in requirements():
        decides = requirement.name in DECIDING and requirement.name in ("keras", "numpy", name)
        # One that is not there may be there under another name, as tensorflow-cpu is.
        if decides and requirement.installed and not requirement.is_met:
            raise MachineError(f"{requirement}; install requirements.lock again (`lungnet doctor`)")
