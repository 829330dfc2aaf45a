"""From a cohort and an experiment to a run folder.

Checkpoints, history, held-out predictions and a bundle.
"""

import os

from lungnet.native_stderr import silence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with (
    silence()
):  # no setting stops the remarks of TensorFlow's import: the one above comes too late for them
    import tensorflow as tf  # noqa: F401
