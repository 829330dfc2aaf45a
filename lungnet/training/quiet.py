"""TensorFlow imported without the remarks that its native code writes past every logger."""

import os
import sys


def import_tensorflow() -> None:
    """Import TensorFlow with standard error closed to its native code; what goes wrong still is raised as an exception.

    No setting silences these lines (`TF_CPP_MIN_LOG_LEVEL` comes too late for them), and a user who looks for one clear
    line of ours should find it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
