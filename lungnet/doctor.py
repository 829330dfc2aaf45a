"""Examines the machine for `lungnet doctor`."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = {
    "tensorflow": "tensorflow",
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
    """Look at Python, libraries, decoders, devices, memory and disk."""
    # First, and quietly; where it cannot be imported, the finding on it says so.
    with suppress(ImportError, OSError):
        importlib.import_module("lungnet.training")
    return [*_python(), *_libraries(), *_decoders(), *_devices(), *_resources()]


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
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    yield Finding(
        "GPU",
        f"{len(gpus)} seen by TensorFlow"
        if gpus
        else "none seen; everything runs on the CPU (pip install 'lungnet[gpu]')",
        works=True,
    )
    yield Finding(
        "CPU cores",
        str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        works=True,
    )


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
