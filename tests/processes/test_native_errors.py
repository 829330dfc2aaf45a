"""What native code says of the machine is one line that names the place."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from lungnet.errors import MachineError
from lungnet.processes import native_errors
from lungnet.processes.native_errors import full_temporary_folder_told, tensorflow_errors_told

EVENTS = "/run/tensorboard/main"


@pytest.mark.parametrize(
    ("kind", "message", "words"),
    [
        (
            tf.errors.ResourceExhaustedError,
            f"{EVENTS}/events.v2; No space left on device\n\tFailed to flush",
            f"^{EVENTS}: no space left on the disk; ",
        ),
        (
            tf.errors.PermissionDeniedError,
            f"{EVENTS}/events.v2; Read-only file system\n\tCreating writable file",
            f"^{EVENTS}: Read-only file system$",
        ),
        (
            tf.errors.FailedPreconditionError,
            f"{EVENTS} is not a directory",
            f"^{EVENTS}: cannot be written$",
        ),
        (
            tf.errors.ResourceExhaustedError,
            "OOM when allocating tensor with shape[9]\nmore",
            r"^not enough memory \(OOM .* shape\[9\]\); lower training.batch_size$",
        ),
    ],
)
def test_an_error_of_tensorflow_is_one_line(kind, message, words):
    with pytest.raises(MachineError, match=words) as told, tensorflow_errors_told(Path(EVENTS)):
        raise kind(None, None, message)
    assert "\n" not in str(told.value)


def test_another_error_of_tensorflow_stays_what_it_is():
    with (
        pytest.raises(tf.errors.InvalidArgumentError),
        tensorflow_errors_told(Path(EVENTS)),
    ):
        raise tf.errors.InvalidArgumentError(None, None, "a bug")


@pytest.mark.parametrize(("free", "kind"), [(0, MachineError), (10**12, RuntimeError)])
def test_a_full_temporary_folder_is_told(monkeypatch, free, kind):
    monkeypatch.setattr(native_errors.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(kind), full_temporary_folder_told():
        raise RuntimeError("cannot write")
