"""What native code says of the machine is one line."""

from types import SimpleNamespace

import jax
import pytest
import tensorflow as tf

from lungnet.errors import MachineError
from lungnet.processes import keras_backend, native_errors
from lungnet.processes.native_errors import full_temporary_folder_told, memory_errors_told


def test_too_little_memory_for_tensorflow_is_one_line():
    exhausted = tf.errors.ResourceExhaustedError(
        None, None, "OOM when allocating tensor with shape[9]\nmore"
    )
    words = r"^not enough memory \(OOM .* shape\[9\]\); lower training.batch_size$"
    with pytest.raises(MachineError, match=words) as told, memory_errors_told():
        raise exhausted
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nmore", MachineError),
        ("INVALID_ARGUMENT: a bug", jax.errors.JaxRuntimeError),
    ],
)
def test_too_little_memory_for_jax_is_one_line(monkeypatch, message, expected):
    monkeypatch.setattr(keras_backend, "imported_backend", lambda: "jax")
    with pytest.raises(expected) as told, memory_errors_told():
        raise jax.errors.JaxRuntimeError(message)
    assert expected is not MachineError or "\n" not in str(told.value)


def test_another_error_of_tensorflow_stays_what_it_is():
    with pytest.raises(tf.errors.InvalidArgumentError), memory_errors_told():
        raise tf.errors.InvalidArgumentError(None, None, "a bug")


@pytest.mark.parametrize(("free", "kind"), [(0, MachineError), (10**12, RuntimeError)])
def test_a_full_temporary_folder_is_told(monkeypatch, free, kind):
    monkeypatch.setattr(native_errors.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(kind), full_temporary_folder_told():
        raise RuntimeError("cannot write")
