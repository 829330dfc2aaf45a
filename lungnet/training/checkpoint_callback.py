"""What a training is at the end of an epoch, and the Keras callback that keeps it on disk."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        best_epoch: the epoch with the lowest validation loss, or the last where nothing is
            validated, counted from 0; -1 before the first.
        best: the network's variables after it, the averaged weights where these are kept.
        step: steps done of the epoch that was left in its middle; 0 between epochs.
        running: the metrics' variables then.
    """

    def __init__(self, network: keras.Model, optimizer: Any, weights: list[Any]) -> None:
        """Start before the first epoch.

        Args:
            network: what is trained.
            optimizer: built with `weights`.
            weights: the network's trainable variables, in the optimizer's order.
        """
        self.network = network
        self.optimizer = optimizer
        self.weights = weights
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.best_epoch = -1
        self.best: list[NDArray[Any]] = []
        self.step = 0
        self.running: list[NDArray[Any]] = []

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights stand in the network meanwhile, where the optimizer keeps them."""
        if not self.optimizer.use_ema:
            yield
            return
        kept = [_copied(variable) for variable in self.weights]
        self.optimizer.finalize_variable_values(self.weights)
        try:
            yield
        finally:
            for variable, value in zip(self.weights, kept, strict=True):
                variable.assign(value)

    def end_epoch(self, row: dict[str, float]) -> None:
        """Count an epoch and remember its weights if they are the best so far."""
        self.history.append(row)
        self.epoch += 1
        self.step, self.running = 0, []
        is_best = (
            self.best_epoch < 0
            or "val_loss" not in row
            or row["val_loss"] < self.history[self.best_epoch]["val_loss"]
        )
        if is_best:
            self.best_epoch = self.epoch - 1
            with self.averaged():
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
            "running": self.running,
        }
        arrays = {
            f"{group}.{i}": _copied(value)
            for group, values in groups.items()
            for i, value in enumerate(values)
        }
        notes = {"history": self.history, "best_epoch": self.best_epoch}
        return Checkpoint(self.epoch, arrays, notes, self.step)

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
        self.best = _group(checkpoint, "best")
        self.step, self.running = checkpoint.step, _group(checkpoint, "running")


def _group(checkpoint: Checkpoint, group: str) -> list[NDArray[Any]]:
    """The arrays of one group, in order."""
    count = sum(name.startswith(f"{group}.") for name in checkpoint.arrays)
    return [checkpoint.arrays[f"{group}.{i}"] for i in range(count)]


def _copied(value: Any) -> NDArray[Any]:
    """A variable's value as it is now."""
    return np.array(keras.ops.convert_to_numpy(value))


class CheckpointCallback(keras.callbacks.Callback):
    """Ends each epoch, and keeps what lies between where that is asked for.

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
        self.last_weights: list[NDArray[Any]] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch that was left in its middle has metrics already."""
        del epoch, logs
        if self.state.running:
            for variable, value in zip(
                self.model.metrics_variables, self.state.running, strict=True
            ):
                variable.assign(value)
        self.steps_left = self.params["steps"]

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """The next `fit` goes on from the weights, which Keras has just replaced by the average."""
        del logs
        for variable, value in zip(self.state.weights, self.last_weights, strict=False):
            variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the state within the epoch, as often as the configuration says."""
        del batch
        every = self.training.checkpoint_every_steps
        if not every:
            return
        self.state.step += 1
        self.steps_left -= 1
        if self.state.step % every or not self.steps_left:
            return
        if not math.isfinite(float(keras.ops.convert_to_numpy((logs or {})["loss"]))):
            self.has_diverged = True
            self.model.stop_training = True
            return
        if keras.backend.backend() == "jax":  # its state lies elsewhere within an epoch
            self.model.jax_state_sync()
        self.state.running = [_copied(variable) for variable in self.model.metrics_variables]
        save_checkpoint(self.folder, self.state.checkpoint(), self.run_hash)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """What is validated is what would be kept."""
        del logs
        self._validated = self.state.averaged()
        self._validated.__enter__()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """The training goes on from the weights as they were."""
        del logs
        self._validated.__exit__(None, None, None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the epoch, or stop where it must not be kept."""
        row = {"epoch": float(epoch)} | _figures(logs or {})
        if not all(math.isfinite(value) for value in row.values()):
            self.has_diverged = True
            self.model.stop_training = True
            return
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.state.optimizer.learning_rate))
        self.state.end_epoch(row)
        if self.state.optimizer.use_ema:
            self.last_weights = [_copied(variable) for variable in self.state.weights]
        save_checkpoint(self.folder, self.state.checkpoint(), self.run_hash)
        self.epoch_done(row)
        if self.state.is_over(self.training):
            self.model.stop_training = True


def _figures(logs: dict[str, Any]) -> dict[str, float]:
    """Loss and AUC of an epoch; of several heads malignancy's, which is what stops a training."""
    figures = {}
    for prefix in ("", "val_"):
        for name in ("loss", "auc"):
            of_malignancy = f"{prefix}logit_{name}"
            key = of_malignancy if of_malignancy in logs else f"{prefix}{name}"
            if key in logs:
                figures[f"{prefix}{name}"] = float(logs[key])
    return figures
