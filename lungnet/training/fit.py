"""One network trained on one split: an exact, resumable loop around Keras' `fit`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.model import HeadConfig, InputConfig, ModelConfig
from lungnet.config.training import LossConfig, OptimizerConfig, TrainingConfig
from lungnet.datasets.batches import TaskBatches, with_cohort_errors
from lungnet.datasets.targets import LOGIT
from lungnet.errors import NonFiniteLossError
from lungnet.models.build import build_model
from lungnet.processes.native_errors import memory_errors_told
from lungnet.training.checkpoint_callback import CheckpointCallback, EpochDone, TrainingState
from lungnet.training.checkpoints import load_checkpoint
from lungnet.training.determinism import set_up
from lungnet.training.recipe.losses import HEAD_LOSSES, LabelAUC, MalignancyLoss
from lungnet.training.recipe.optimizer import build_optimizer
from lungnet.training.recipe.start_weights import set_trainable
from lungnet.training.watching.event_files import EventFiles

log = logging.getLogger("lungnet")

Outputs = dict[str, NDArray[np.float64]]
"""What a network says of some samples, by the names of its outputs."""


@dataclass(frozen=True)
class Task:
    """Where one network's training keeps what it needs to go on.

    Attributes:
        name: of the folders and of the random streams: "main", "fold-0", ...
        run_hash: of configuration and data; checkpoints of others are refused.
        checkpoints: folder of its checkpoints.
        tensorboard: folder of its event files.
        frozen_layers: names of layers that the first epochs do not change.
        frozen_epochs: how many.
    """

    name: str
    run_hash: str
    checkpoints: Path
    tensorboard: Path
    frozen_layers: frozenset[str] = frozenset()
    frozen_epochs: int = 0


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
    heads: Sequence[HeadConfig],
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
        heads: further outputs of the network, and what they weigh.
        epoch_done: told of each epoch.

    Raises:
        CheckpointError: the checkpoints there are damaged, or of another configuration or data.
        NonFiniteLossError: the loss left the numbers; the best weights so far stay in the
            checkpoint.
    """
    optimizer, training = recipe
    steps = batches.schedule.steps * training.epochs
    outputs = [LOGIT, *(head.name for head in heads)]
    trainer = keras.Model(network.inputs, {name: network.output[name] for name in outputs})
    stepper = build_optimizer(optimizer, steps)
    stepper.build(trainer.trainable_variables)
    state = TrainingState(network, stepper, trainer.trainable_variables)
    checkpoint = load_checkpoint(task.checkpoints, task.run_hash)
    if checkpoint is not None:
        state.restore(checkpoint)
        log.info("%s: going on after epoch %d", task.name, checkpoint.epoch)
    elif task.tensorboard.exists():
        log.warning("%s: no checkpoint in %s; it begins again", task.name, task.checkpoints)
    callback = CheckpointCallback(state, task.checkpoints, task.run_hash, training, epoch_done)
    for stop, is_frozen in ((task.frozen_epochs, True), (training.epochs, False)):
        if state.epoch < stop and not state.is_over(training):
            set_trainable(network, task.frozen_layers, trainable=not is_frozen)
            _compile(trainer, stepper, batches, heads, training.loss)
            _run_epochs(trainer, batches, task, callback, stop)
    state.take_best()
    return Trained(network, state.history, state.best_epoch)


def predict(network: keras.Model, batches: TaskBatches, rows: Sequence[int]) -> Outputs:
    """The outputs for rows in their order, float64, the first axis the rows."""
    with with_cohort_errors(batches) as readable:
        inputs = readable.plain(rows).map(lambda sample: sample[0])
        outputs = network.predict(inputs, steps=batches.plain_steps(rows), verbose=0)
    return {name: np.asarray(values, np.float64) for name, values in outputs.items()}


def _run_epochs(
    trainer: keras.Model,
    batches: TaskBatches,
    task: Task,
    callback: CheckpointCallback,
    stop: int,
) -> None:
    state, stop = callback.state, min(stop, callback.training.epochs)
    if state.step:  # the rest of an epoch is a `fit` of its own
        # Keras makes some metrics when it sees a batch; those of the epoch need a place before.
        with with_cohort_errors(batches) as readable:
            trainer.test_on_batch(*next(iter(readable.plain(batches.schedule.rows[:1]))))
        _run(trainer, batches, task, callback, range(state.epoch, state.epoch + 1))
    is_over = callback.has_diverged or state.is_over(callback.training)
    if state.epoch < stop and not is_over:
        _run(trainer, batches, task, callback, range(state.epoch, stop))
    if callback.has_diverged:
        raise NonFiniteLossError(
            f"{task.name}: the loss is no number after epoch {state.epoch}; what was kept is "
            "whole, lower optimizer.learning_rate"
        )


def _run(
    trainer: keras.Model,
    batches: TaskBatches,
    task: Task,
    callback: CheckpointCallback,
    epochs: range,
) -> None:
    skipped = callback.state.step
    with memory_errors_told(), with_cohort_errors(batches) as readable:
        trainer.fit(
            readable.training(epochs, skipped),
            validation_data=readable.held_out(),
            validation_steps=batches.plain_steps(batches.validation) or None,
            steps_per_epoch=batches.schedule.steps - skipped,
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            verbose=0,
            callbacks=[callback, EventFiles(task.tensorboard)],
        )


def _compile(
    trainer: keras.Model,
    optimizer: Any,
    batches: TaskBatches,
    heads: Sequence[HeadConfig],
    loss: LossConfig,
) -> None:
    """Once for each set of layers that may change: the graph of a step is made anew."""
    malignancy = MalignancyLoss(loss, _label_weights(batches, loss))
    trainer.compile(
        optimizer=optimizer,
        loss={LOGIT: malignancy} | {head.name: HEAD_LOSSES[head.name] for head in heads},
        loss_weights={LOGIT: 1.0} | {head.name: head.weight for head in heads},
        metrics={LOGIT: LabelAUC(from_logits=True, name="auc")},
        # On a CPU XLA makes TensorFlow's 3D convolutions 4 to 8 times slower; JAX is XLA.
        jit_compile=keras.backend.backend() == "jax",
    )


def _label_weights(batches: TaskBatches, loss: LossConfig) -> tuple[float, float]:
    """Of samples of label 0 and 1 in the loss; their mean over the training rows is 1."""
    if not loss.balance:
        return 1.0, 1.0
    positive = float(batches.cohort.table["label"].iloc[list(batches.schedule.rows)].mean())
    return 0.5 / (1 - positive), 0.5 / positive
