"""From a cohort and an experiment to a run folder.

Checkpoints, history, held-out predictions and a bundle.
"""

import os

from lungnet.errors import MachineError
from lungnet.processes.native_stderr import suppressed_stderr
from lungnet.version import requirements

DECIDING = ("keras", "numpy", "tensorflow")
"""Packages whose versions outside the range fail in ways that nobody can read."""

for requirement in requirements():
    # One that is not there may be there under another name, as tensorflow-cpu is.
    if requirement.name in DECIDING and requirement.installed and not requirement.is_met:
        raise MachineError(f"{requirement}; install requirements.lock again (`lungnet doctor`)")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Keras reads these when it is imported: nothing but the configuration decides a result.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.pop("TF_USE_LEGACY_KERAS", None)
# No setting stops the remarks of TensorFlow's import: the one above comes too late for them.
with suppressed_stderr():
    import tensorflow as tf  # noqa: F401
