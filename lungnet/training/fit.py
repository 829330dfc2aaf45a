"""One network trained on one split: an exact, resumable loop around Keras' `fit`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.model import InputConfig, ModelConfig
from lungnet.config.training import OptimizerConfig, TrainingConfig
from lungnet.datasets.batches import TaskBatches, plain_batches, with_cohort_errors
from lungnet.datasets.cohort import Cohort
from lungnet.errors import NonFiniteLossError
from lungnet.models.build import build_model
from lungnet.training.checkpoint_callback import CheckpointCallback, EpochDone, TrainingState
from lungnet.training.checkpoints import load_checkpoint
from lungnet.training.determinism import set_up
from lungnet.training.optimizer import build_optimizer

log = logging.getLogger("lungnet")


@dataclass(frozen=True)
class Task:
    """Where one network's training keeps what it needs to go on.

    Attributes:
        name: of the folders and of the random streams: "main", "fold-0", ...
        run_hash: of configuration and data; checkpoints of others are refused.
        checkpoints: folder of its checkpoints.
        tensorboard: folder of its event files.
    """

    name: str
    run_hash: str
    checkpoints: Path
    tensorboard: Path


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and how it got there.

    Attributes:
        network: with the weights of the best epoch.
        history: a row per epoch.
        best_epoch: counted from 0.
    """

    network: keras.Model
    history: list[dict[str, float]]
    best_epoch: int


def new_network(config: ModelConfig, input_config: InputConfig, seed: int) -> keras.Model:
    """An untrained network, and everything seeded for its training.

    Raises:
        ChoiceError: a name or option that does not exist, or an input too small.
    """
    set_up(seed)
    return build_model(config, input_config)


def fit(
    network: keras.Model,
    batches: TaskBatches,
    task: Task,
    recipe: tuple[OptimizerConfig, TrainingConfig],
    epoch_done: EpochDone,
) -> Trained:
    """Train a network, going on from the newest checkpoint in the task's folder.

    Every random draw is a function of (seed, task, epoch, sample); the layers' own generators are
    part of the checkpoint. So an interrupted training continues to the same bits as one that never
    stopped.

    Args:
        network: from `new_network`, seeded for this task.
        batches: what it is trained and stopped on.
        task: where its state is kept.
        recipe: the optimizer and the loop.
        epoch_done: told of each epoch.

    Raises:
        CheckpointError: the checkpoints there are damaged, or of another configuration or data.
        NonFiniteLossError: the loss left the numbers; the best weights so far stay in the
            checkpoint.
    """
    optimizer, training = recipe
    steps = batches.schedule.steps * training.epochs
    trainer = _compiled(network, optimizer, training.label_smoothing, steps)
    state = TrainingState(network=network, optimizer=trainer.optimizer)
    checkpoint = load_checkpoint(task.checkpoints, task.run_hash)
    if checkpoint is not None:
        state.restore(checkpoint)
        log.info("%s: going on after epoch %d", task.name, checkpoint.epoch)
    if not state.is_over(training):
        callback = CheckpointCallback(state, task.checkpoints, task.run_hash, training, epoch_done)
        _run_epochs(trainer, batches, task, callback)
    state.take_best()
    return Trained(network, state.history, state.best_epoch)


def predict_logits(
    network: keras.Model,
    cohort: Cohort,
    rows: Sequence[int],
    input_config: InputConfig,
    batch_size: int,
) -> NDArray[np.float64]:
    """Logits of rows in their order, shape (len(rows),)."""
    with with_cohort_errors(cohort) as readable:
        batches = plain_batches(readable, rows, batch_size, input_config)
        return np.asarray(network.predict(batches, verbose=0)["logit"], np.float64).ravel()


def _run_epochs(
    trainer: keras.Model, batches: TaskBatches, task: Task, callback: CheckpointCallback
) -> None:
    epochs = range(callback.state.epoch, callback.training.epochs)
    with with_cohort_errors(batches.cohort) as readable:
        read = replace(batches, cohort=readable)
        trainer.fit(
            read.training(epochs),
            validation_data=read.held_out(),
            steps_per_epoch=batches.schedule.steps,
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            verbose=0,
            callbacks=[
                callback,
                keras.callbacks.TensorBoard(str(task.tensorboard), write_graph=False),
            ],
        )
    if callback.has_diverged:
        raise NonFiniteLossError(
            f"{task.name}: the loss is no number after epoch {callback.state.epoch}; what was kept "
            "is whole, lower optimizer.learning_rate"
        )


def _compiled(
    network: keras.Model, optimizer: OptimizerConfig, label_smoothing: float, steps: int
) -> keras.Model:
    trainer = keras.Model(network.inputs, network.output["logit"])
    trainer.compile(
        optimizer=build_optimizer(optimizer, steps),
        loss=keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing),
        metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
        jit_compile=False,
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer
