"""Examines the machine for `lungnet doctor`."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lungnet.errors import LungnetError
from lungnet.processes.keras_backend import PACKAGES, use_backend
from lungnet.version import __version__, requirements

LIBRARIES = {
    "keras": "keras",
    "openvino": "openvino",
    "pydicom": "pydicom",
    "opencv-python-headless": "cv2",
    "tensorstore": "tensorstore",
    "scikit-learn": "sklearn",
    "SimpleITK": "SimpleITK",
    "nibabel": "nibabel",
}
LEAST_MEMORY_GB, LEAST_DISK_GB = 4.0, 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and whether what needs it will work."""

    what: str
    found: str
    works: bool


def examine() -> list[Finding]:
    """Look at Python, versions, libraries, Keras, decoders, devices, memory and disk."""
    # Before Keras is imported, which sets them.
    environment = {name: os.environ.get(name) for name in ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS")}
    # First, and quietly; where none can be imported, the findings say so.
    for backend in PACKAGES:
        with suppress(ImportError, OSError, LungnetError):
            use_backend(backend)
    return [
        *_python(),
        *_versions(),
        *_libraries(),
        *_backends(),
        *_keras(environment),
        *_decoders(),
        *_devices(),
        *_resources(),
    ]


def _python() -> Iterator[Finding]:
    works = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding(
        "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", works
    )


def _libraries() -> Iterator[Finding]:
    for package, module in LIBRARIES.items():
        try:
            importlib.import_module(module)
            yield Finding(package, importlib.metadata.version(package), works=True)
        except (ImportError, OSError) as error:
            yield Finding(
                package,
                f"cannot be imported ({error}); install requirements.lock again",
                works=False,
            )


def _backends() -> Iterator[Finding]:
    """What `training.backend` can be; one of them is enough."""
    versions = {name: _version(name) for name in PACKAGES}
    for name, advice in PACKAGES.items():
        missing = f"cannot be imported, and training.backend not be {name}; {advice}"
        yield Finding(name, versions[name] or missing, works=any(versions.values()))


def _version(name: str) -> str | None:
    try:
        return str(importlib.import_module(name).__version__)
    except (ImportError, OSError):
        return None


def _versions() -> Iterator[Finding]:
    """Installed versions outside what lungnet's metadata ask for."""
    needed = requirements()
    for requirement in needed:
        if not requirement.is_met:
            text = f"{requirement}; install requirements.lock again"
            yield Finding(f"version of {requirement.name}", text, works=False)
    met = sum(requirement.is_met for requirement in needed)
    yield Finding(
        "versions",
        f"{met} of {len(needed)} packages are as lungnet {__version__} needs them"
        if needed
        else "not known, as lungnet runs without having been installed",
        works=met == len(needed),
    )


def _keras(environment: Mapping[str, str | None]) -> Iterator[Finding]:
    """What will be in force of Keras, and what of the environment will not.

    Args:
        environment: Keras' variables as they were before Keras was imported.
    """
    try:
        import keras

        from lungnet.training import determinism
    except (ImportError, OSError, LungnetError):
        return  # told as a version or as a library
    backend, asked = keras.backend.backend(), environment["KERAS_BACKEND"]
    yield Finding(
        "Keras backend",
        f"{backend}{_unheeded('KERAS_BACKEND', asked if asked != backend else None)}",
        works=backend in PACKAGES,
    )
    is_legacy = int(keras.__version__.partition(".")[0]) < 3
    legacy = _unheeded("TF_USE_LEGACY_KERAS", environment["TF_USE_LEGACY_KERAS"])
    yield Finding(
        "legacy Keras", f"{'in' if is_legacy else 'not in'} use{legacy}", works=not is_legacy
    )
    in_force = {
        "image_data_format": determinism.IMAGE_DATA_FORMAT,
        "floatx": determinism.FLOAT_TYPE,
        "epsilon": determinism.EPSILON,
    }
    before = determinism.keras_settings()
    others = ", ".join(f"{k} {before[k]}" for k, value in in_force.items() if before[k] != value)
    settings = ", ".join(f"{name} {value}" for name, value in in_force.items())
    yield Finding(
        "Keras settings",
        f"{settings}{f'; keras.json says {others}, which is not heeded' if others else ''}",
        works=True,
    )


def _unheeded(name: str, value: str | None) -> str:
    return f"; {name}={value} in the environment is not heeded" if value else ""


def _decoders() -> Iterator[Finding]:
    from pydicom.uid import UID

    from lungnet.intake.pixels.codecs import DECODERS, LIBRARIES

    for syntax, decoder in DECODERS.items():
        library = LIBRARIES[decoder]
        works = importlib.util.find_spec(library) is not None
        yield Finding(
            f"decoder for {UID(syntax).name}",
            library if works else f"{library} is missing; install requirements.lock again",
            works,
        )


def _devices() -> Iterator[Finding]:
    gpus = _gpus()
    seen = ", ".join(f"{count} seen by {backend}" for backend, count in gpus.items() if count)
    advice = "none seen; everything runs on the CPU (pip install 'lungnet[gpu]')"
    yield Finding("GPU", seen or advice, works=True)
    yield Finding(
        "CPU cores",
        str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        works=True,
    )


def _gpus() -> dict[str, int]:
    """How many each backend sees."""
    counts = {}
    with suppress(ImportError, OSError):
        tensorflow = importlib.import_module("tensorflow")
        counts["TensorFlow"] = len(tensorflow.config.list_physical_devices("GPU"))
    # JAX says in this way that it sees none.
    with suppress(ImportError, OSError, RuntimeError):
        counts["JAX"] = len(importlib.import_module("jax").devices("gpu"))
    return counts


def _resources() -> Iterator[Finding]:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield Finding(
        "memory",
        f"{memory_gb:.1f} GB; at least {LEAST_MEMORY_GB:.0f} GB are wanted",
        memory_gb >= LEAST_MEMORY_GB,
    )
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding(
        "disk",
        f"{free_gb:.1f} GB free here; at least {LEAST_DISK_GB:.0f} GB are wanted",
        free_gb >= LEAST_DISK_GB,
    )
