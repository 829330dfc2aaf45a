"""Keras and TensorFlow set up so that the configuration and the seed decide the bits on a CPU."""

import warnings

import keras
import tensorflow as tf

from lungnet.errors import UsageError

IMAGE_DATA_FORMAT = "channels_last"
FLOAT_TYPE = "float32"
EPSILON = 1e-7


def set_up(seed: int) -> None:
    """Settle what a `keras.json` or the environment may say, seed everything, be deterministic.

    XLA stays off: on CPU it makes 3D convolutions 4 to 8 times slower. The same bits need the same
    machine type, library versions and number of cores; on a GPU deterministic kernels cost speed,
    and this was never run on one.

    Raises:
        UsageError: Keras was imported before lungnet, on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise UsageError(
            f"training uses Keras on TensorFlow, but Keras was imported on "
            f"{keras.backend.backend()!r} before; import lungnet first"
        )
    keras.config.set_image_data_format(IMAGE_DATA_FORMAT)
    keras.config.set_floatx(FLOAT_TYPE)
    keras.config.set_dtype_policy(FLOAT_TYPE)
    keras.config.set_epsilon(EPSILON)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    # What `fit` warns of is its default; our batches are ordered.
    warnings.filterwarnings("ignore", message="`shuffle=True` was passed", module="keras")
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()


def keras_settings() -> dict[str, object]:
    """What is in force of Keras, for the record of a run."""
    return {
        "backend": keras.backend.backend(),
        "image_data_format": keras.config.image_data_format(),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
    }
