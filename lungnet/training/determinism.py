"""Keras set up so that the configuration and the seed decide the bits on a CPU."""

import importlib
import warnings

import keras

from lungnet.processes.native_stderr import suppressed_stderr

IMAGE_DATA_FORMAT = "channels_last"
FLOAT_TYPE = "float32"
EPSILON = 1e-7


def set_up(seed: int) -> None:
    """Settle what a `keras.json` or the environment may say, seed everything, be deterministic.

    The same bits need the same machine type, library versions and number of cores; on a GPU
    deterministic kernels cost speed, and this was never run on one.
    """
    keras.config.set_image_data_format(IMAGE_DATA_FORMAT)
    keras.config.set_floatx(FLOAT_TYPE)
    keras.config.set_dtype_policy(FLOAT_TYPE)
    keras.config.set_epsilon(EPSILON)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    # What `fit` warns of is its default, as our batches are ordered; and the end of batches that
    # Keras does not know the number of.
    for message in ("`shuffle=True` was passed", "Your input ran out of data"):
        warnings.filterwarnings("ignore", message=message, module="keras")
    with suppressed_stderr():  # Keras seeds TensorFlow on every backend, and imports it for that
        keras.utils.set_random_seed(seed % 2**32)
    if keras.backend.backend() == "tensorflow":
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()


def keras_settings() -> dict[str, object]:
    """What is in force of Keras, for the record of a run."""
    return {
        "backend": keras.backend.backend(),
        "image_data_format": keras.config.image_data_format(),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
    }
