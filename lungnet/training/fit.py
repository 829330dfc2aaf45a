"""One network trained on one split: an exact, resumable loop around Keras' `fit`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.datasets.batches import Schedule, plain_batches, training_batches, with_cohort_errors
from lungnet.datasets.cohort import Cohort
from lungnet.errors import NonFiniteLossError
from lungnet.models.build import build_model
from lungnet.seeds import derive
from lungnet.training.checkpoint_callback import CheckpointCallback, EpochDone, TrainingState
from lungnet.training.checkpoints import load_checkpoint
from lungnet.training.determinism import set_up
from lungnet.training.optimizer import build_optimizer

log = logging.getLogger("lungnet")


@dataclass(frozen=True)
class Task:
    """What one network is trained on.

    Attributes:
        name: of the folders and of the random streams: "main", "fold-0", ...
        train: rows of the cohort that give gradients.
        validation: rows that choose the best epoch.
        folder: of its checkpoints.
        tensorboard: folder of its event files.
    """

    name: str
    train: Sequence[int]
    validation: Sequence[int]
    folder: Path
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


def fit(experiment: Experiment, cohort: Cohort, task: Task, epoch_done: EpochDone) -> Trained:
    """Train a network, going on from the newest checkpoint in the task's folder.

    Every random draw is a function of (seed, task, epoch, sample); the layers' own generators are
    part of the checkpoint. So an interrupted training continues to the same bits as one that never
    stopped.

    Raises:
        CheckpointError: the checkpoints there are damaged or of another configuration.
        NonFiniteLossError: the loss left the numbers; the best weights so far stay in the
            checkpoint.
    """
    seed = derive(experiment.seed, "training", task.name)
    set_up(seed)
    schedule = Schedule(task.train, experiment.training.batch_size, seed)
    network = build_model(experiment.model, experiment.input)
    trainer = _compiled(network, experiment, schedule.steps * experiment.training.epochs)
    state = TrainingState(network=network, optimizer=trainer.optimizer)
    checkpoint = load_checkpoint(task.folder, experiment.config_hash())
    if checkpoint is not None:
        state.restore(checkpoint)
        log.info("%s: going on after epoch %d", task.name, checkpoint.epoch)
    if not state.is_over(experiment.training):
        callback = CheckpointCallback(state, task.folder, experiment, epoch_done)
        _run_epochs(experiment, cohort, task, schedule, trainer, callback)
    state.take_best()
    return Trained(network, state.history, state.best_epoch)


def predict_logits(
    network: keras.Model, experiment: Experiment, cohort: Cohort, rows: Sequence[int]
) -> NDArray[np.float64]:
    """Logits of rows in their order, shape (len(rows),)."""
    with with_cohort_errors(cohort) as readable:
        batches = plain_batches(readable, rows, experiment.training.batch_size, experiment.input)
        return np.asarray(network.predict(batches, verbose=0)["logit"], np.float64).ravel()


def _run_epochs(
    experiment: Experiment,
    cohort: Cohort,
    task: Task,
    schedule: Schedule,
    trainer: keras.Model,
    callback: CheckpointCallback,
) -> None:
    epochs = range(callback.state.epoch, experiment.training.epochs)
    with with_cohort_errors(cohort) as readable:
        trainer.fit(
            training_batches(
                readable, schedule, epochs, experiment.input, experiment.training.augmentation
            ),
            validation_data=plain_batches(
                readable, task.validation, experiment.training.batch_size, experiment.input
            ),
            steps_per_epoch=schedule.steps,
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


def _compiled(network: keras.Model, experiment: Experiment, steps: int) -> keras.Model:
    trainer = keras.Model(network.inputs, network.output["logit"])
    trainer.compile(
        optimizer=build_optimizer(experiment.optimizer, steps),
        loss=keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=experiment.training.label_smoothing
        ),
        metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
        jit_compile=False,
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer
