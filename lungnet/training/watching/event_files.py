"""The figures of each epoch in TensorBoard's files, written without TensorFlow."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from lungnet.files import machine_error

VERSION = "brain.Event:2"
"""Of the format: what the first event of a file says."""

TRAIN, VALIDATION = "train", "validation"
"""Subfolders, which TensorBoard shows as runs of their own."""


class EventFiles(keras.callbacks.Callback):
    """Writes what `keras.callbacks.TensorBoard` writes of an epoch, before the next begins.

    Keras' own needs TensorFlow. Tags: `epoch_loss` and so on by epoch, the learning rate too, and
    `evaluation_loss_vs_iterations` and so on of the validation by step.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.paths: dict[str, Path] = {}

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Write what was validated.

        Raises:
            MachineError: it cannot be written.
        """
        figures = {f"evaluation_{name}_vs_iterations": v for name, v in (logs or {}).items()}
        step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self._write(VALIDATION, figures, step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the epoch.

        Raises:
            MachineError: it cannot be written.
        """
        logs = logs or {}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        trained = {name: value for name, value in logs.items() if not name.startswith("val_")}
        validated = {
            name.removeprefix("val_"): value for name, value in logs.items() if name not in trained
        }
        for subfolder, figures in (
            (TRAIN, trained | {"learning_rate": rate}),
            (VALIDATION, validated),
        ):
            tagged = {f"epoch_{name}": value for name, value in figures.items()}
            self._write(subfolder, tagged, epoch)

    def _write(self, subfolder: str, figures: Mapping[str, float], step: int) -> None:
        if not figures:
            return
        events = [
            Event(wall_time=time.time(), step=step, summary=scalar_pb(tag, float(value)))
            for tag, value in figures.items()
        ]
        path = self.paths.get(subfolder)
        try:
            if path is None:
                path = self.paths[subfolder] = _new_file(self.folder / subfolder)
                events.insert(0, Event(wall_time=time.time(), file_version=VERSION))
            with path.open("ab") as file:
                records = RecordWriter(file)
                for event in events:
                    records.write(event.SerializeToString())
        except OSError as error:
            raise machine_error(error, self.folder) from error


def _new_file(folder: Path) -> Path:
    """TensorBoard reads the files of a folder in the order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.v2"
