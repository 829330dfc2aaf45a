"""What TensorBoard shows of a training: the same as from Keras' own callback."""

import errno
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from lungnet.errors import MachineError
from lungnet.training.watching.event_files import EventFiles


def fitted(*callbacks):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", metrics=["mae"])
    inputs, targets = np.ones((4, 2)), np.zeros((4, 1))
    network.fit(
        inputs, targets, 2, 2, 0, list(callbacks), validation_data=(inputs[:2], targets[:2])
    )


def scalars(folder):
    """(subfolder, tag, step) -> value; only what TensorBoard takes for a scalar."""
    values = {}
    for subfolder in ("train", "validation"):
        events = EventAccumulator(str(folder / subfolder)).Reload()
        for tag in events.PluginTagToContent("scalars"):
            for event in events.Tensors(tag):
                values[subfolder, tag, event.step] = make_ndarray(event.tensor_proto).item()
    return values


def test_tags_steps_and_values_are_those_of_keras_own_callback(tmp_path):
    fitted(
        EventFiles(tmp_path / "ours"),
        keras.callbacks.TensorBoard(tmp_path / "theirs", write_graph=False),
    )
    ours = scalars(tmp_path / "ours")
    assert ours == scalars(tmp_path / "theirs")
    tags = {(subfolder, tag) for subfolder, tag, _ in ours}
    assert {("train", "epoch_loss"), ("train", "epoch_learning_rate")} < tags
    assert ("validation", "evaluation_mae_vs_iterations") in tags


def test_a_training_that_goes_on_adds_to_what_is_there(tmp_path, monkeypatch):
    for seconds in (1, 2):
        monkeypatch.setattr("time.time", lambda seconds=seconds: float(seconds))
        fitted(EventFiles(tmp_path))
    assert len(list((tmp_path / "train").iterdir())) == 2
    assert {step for _, tag, step in scalars(tmp_path) if tag == "epoch_loss"} == {0, 1}


def test_a_full_disk_is_one_line_that_names_the_folder(tmp_path, monkeypatch):
    def fill(path, mode):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "open", fill)
    with pytest.raises(MachineError, match=f"^{tmp_path}: no space left on the disk; "):
        fitted(EventFiles(tmp_path))
