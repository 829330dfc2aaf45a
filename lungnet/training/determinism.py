"""TensorFlow set up so that the same seed gives the same bits on a CPU."""

import warnings

import keras
import tensorflow as tf

from lungnet.errors import UsageError


def set_up(seed: int) -> None:
    """Seed everything and ask for deterministic kernels.

    XLA stays off: on CPU it makes 3D convolutions 4 to 8 times slower. The same bits need the same
    machine type, library versions and number of cores; on a GPU deterministic kernels cost speed,
    and this was never run on one.

    Raises:
        UsageError: Keras runs on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise UsageError(
            f"training uses Keras on TensorFlow, but KERAS_BACKEND is {keras.backend.backend()!r}; "
            "unset it"
        )
    # What `fit` warns of is its default; our batches are ordered.
    warnings.filterwarnings("ignore", message="`shuffle=True` was passed", module="keras")
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()
