"""What a training is at the end of an epoch, and the Keras callback that keeps it on disk."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.training import TrainingConfig
from lungnet.errors import CheckpointError
from lungnet.training.checkpoints import Checkpoint, save_checkpoint

EpochDone = Callable[[dict[str, float]], None]
"""Told of each epoch's row of the history."""


class TrainingState:
    """Everything that the next epoch depends on.

    Attributes:
        epoch: epochs done.
        history: a row per epoch.
        best_epoch: the epoch with the lowest validation loss, counted from 0; -1 before the first.
        best: the network's variables after it.
    """

    def __init__(self, network: keras.Model, optimizer: Any) -> None:
        self.network = network
        self.optimizer = optimizer
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.best_epoch = -1
        self.best: list[NDArray[Any]] = []

    def end_epoch(self, row: dict[str, float]) -> None:
        """Count an epoch and remember its weights if they are the best so far."""
        self.history.append(row)
        self.epoch += 1
        if self.best_epoch < 0 or row["val_loss"] < self.history[self.best_epoch]["val_loss"]:
            self.best_epoch = self.epoch - 1
            self.best = [_copied(variable) for variable in self.network.variables]

    def is_over(self, config: TrainingConfig) -> bool:
        """Whether all epochs are done, or validation has not improved for too long."""
        return self.epoch >= config.epochs or (
            self.best_epoch >= 0 and self.epoch - 1 - self.best_epoch >= config.patience
        )

    def take_best(self) -> None:
        """Put the best epoch's weights into the network."""
        for variable, value in zip(self.network.variables, self.best, strict=True):
            variable.assign(value)

    def checkpoint(self) -> Checkpoint:
        """The state as arrays and plain values."""
        groups = {
            "network": self.network.variables,
            "optimizer": self.optimizer.variables,
            "best": self.best,
        }
        arrays = {
            f"{group}.{i}": _copied(value)
            for group, values in groups.items()
            for i, value in enumerate(values)
        }
        return Checkpoint(
            self.epoch, arrays, {"history": self.history, "best_epoch": self.best_epoch}
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become the state that was kept.

        Raises:
            CheckpointError: it is the state of another network.
        """
        shapes = {
            name: value.shape
            for name, value in self.checkpoint().arrays.items()
            if not name.startswith("best.")
        }
        if any(
            name not in checkpoint.arrays or checkpoint.arrays[name].shape != shape
            for name, shape in shapes.items()
        ):
            raise CheckpointError(
                "the checkpoint holds another network's weights, of another version of lungnet; "
                "train into another --run"
            )
        for group, variables in (
            ("network", self.network.variables),
            ("optimizer", self.optimizer.variables),
        ):
            for i, variable in enumerate(variables):
                variable.assign(checkpoint.arrays[f"{group}.{i}"])
        self.epoch = checkpoint.epoch
        self.history = list(checkpoint.notes["history"])
        self.best_epoch = int(checkpoint.notes["best_epoch"])
        self.best = [checkpoint.arrays[f"best.{i}"] for i in range(len(self.network.variables))]


def _copied(value: Any) -> NDArray[Any]:
    """A variable's value as it is now."""
    return np.array(keras.ops.convert_to_numpy(value))


class CheckpointCallback(keras.callbacks.Callback):
    """Ends each epoch.

    History, best weights, checkpoint, early stop, and a stop on a loss that is no number.
    """

    def __init__(
        self,
        state: TrainingState,
        folder: Path,
        run_hash: str,
        training: TrainingConfig,
        epoch_done: EpochDone,
    ) -> None:
        super().__init__()
        self.state = state
        self.folder = folder
        self.run_hash = run_hash
        self.training = training
        self.epoch_done = epoch_done
        self.has_diverged = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch, or stop where it must not be kept."""
        row = {"epoch": float(epoch)} | {name: float(value) for name, value in (logs or {}).items()}
        if not all(math.isfinite(value) for value in row.values()):
            self.has_diverged = True
            self.model.stop_training = True
            return
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.state.optimizer.learning_rate))
        self.state.end_epoch(row)
        save_checkpoint(self.folder, self.state.checkpoint(), self.run_hash)
        self.epoch_done(row)
        if self.state.is_over(self.training):
            self.model.stop_training = True
