"""A judge's networks trained, and what they say together of the samples they are asked about."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.datasets.batches import TaskBatches
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import LOGIT
from lungnet.evaluation.calibration import Calibration, fit_calibration
from lungnet.files import canonical_hash
from lungnet.models.random_passes import random_passes
from lungnet.models.symmetries import averaged_over_symmetries
from lungnet.run_folder import TEST, TRAIN, VALIDATION, RunFolder
from lungnet.training.continued_run import take_last_weights
from lungnet.training.fit import Outputs, Task, Trained, fit, new_network, predict
from lungnet.training.plan import INNER, Judge, Member, TrainingPlan, member_seed
from lungnet.training.recipe.start_weights import take_weights

log = logging.getLogger("lungnet")

EpochsDone = Callable[[str, dict[str, float]], None]
"""Told (network, row of its history) after each epoch."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a judge's networks say.

    Attributes:
        judge: who judged.
        trained: each member's network and how it got there; none once they are no longer needed.
        rows: the samples that were asked about.
        outputs: the mean over the members, the first axis as `rows`.
        member_logits: of each member, shape (len(rows), members).
        unseen: samples whose logits fitted the calibration: members that never trained on them
            gave these.
        unseen_logits: the mean over such members, shape (len(unseen),).
        passes: logits with the random layers on, the mean over the members, shape (passes,
            len(rows)).
        calibration: what was fitted.
    """

    judge: Judge
    trained: tuple[Trained, ...]
    rows: NDArray[np.int64]
    outputs: Outputs
    member_logits: NDArray[np.float64]
    unseen: NDArray[np.int64]
    unseen_logits: NDArray[np.float64]
    passes: NDArray[np.float64]
    calibration: Calibration = field(default_factory=Calibration)


def pass_judgement(
    plan: TrainingPlan, judge: Judge, run: RunFolder, epoch_done: EpochsDone
) -> Judgement:
    """Train a judge's members, going on where they were interrupted, and ask them.

    With folds only held-out samples are asked about, else all.

    Raises:
        CheckpointError, NonFiniteLossError: as `fit`.
    """
    everybody = range(len(plan.cohort))
    asked = np.array(
        Member(judge.name, judge.split).rows(TEST) if plan.has_folds else list(everybody), np.int64
    )
    total: Outputs = {}
    unseen_sum, unseen_count = np.zeros(len(plan.cohort)), np.zeros(len(plan.cohort))
    trained, member_logits = [], []
    passes = np.zeros((plan.experiment.evaluation.random_passes, len(asked)))
    for member in judge.members:
        batches = member_batches(plan, member)
        trained.append(_fit(plan, member, run, batches, epoch_done))
        network = shown_network(plan.experiment, trained[-1].network)
        unseen = np.array(member.rows(VALIDATION, INNER), np.int64)
        rows = np.concatenate([asked, unseen])
        outputs = predict(network, batches, rows.tolist()) if len(rows) else {}
        for name, values in outputs.items():
            total[name] = total.get(name, 0.0) + values[: len(asked)] / len(judge.members)
        passes += _passes(plan, member, network, batches, asked) / len(judge.members)
        if outputs:
            member_logits.append(outputs[LOGIT][: len(asked), 0])
        if len(unseen):
            unseen_sum[unseen] += outputs[LOGIT][len(asked) :, 0]
            unseen_count[unseen] += 1
    calibrating = np.flatnonzero(unseen_count)
    logits = unseen_sum[calibrating] / unseen_count[calibrating]
    by_member = np.stack(member_logits, 1) if member_logits else np.empty((0, 0))
    return Judgement(judge, tuple(trained), asked, total, by_member, calibrating, logits, passes)


def _passes(
    plan: TrainingPlan,
    member: Member,
    network: keras.Model,
    batches: TaskBatches,
    asked: NDArray[np.int64],
) -> NDArray[np.float64]:
    """A member's logits with its random layers on, shape (passes, len(asked))."""
    count = plan.experiment.evaluation.random_passes
    if not count or not len(asked):
        return np.zeros((count, len(asked)))
    inputs = (sample[0] for sample in batches.plain(asked.tolist()))
    return random_passes(network, inputs, count, member_seed(plan.experiment, member.name))


def calibrated(plan: TrainingPlan, judgements: Sequence[Judgement]) -> list[Judgement]:
    """The judgements of a whole run, each calibrated on samples that its networks never saw.

    Where neither validation patients nor inner folds were kept apart, a fold is calibrated on the
    other folds' held-out samples, each judged by a network of the same making that never saw it,
    and what goes into the bundle on those of all folds.
    """
    method = plan.experiment.evaluation.calibration
    labels = plan.cohort.table["label"].to_numpy()
    finished = []
    for number, judgement in enumerate(judgements):
        unseen, logits = judgement.unseen, judgement.unseen_logits
        others = [judged for i, judged in enumerate(judgements[: len(plan.splits)]) if i != number]
        if not len(unseen) and others:
            unseen = np.concatenate([judged.rows for judged in others])
            logits = np.concatenate([judged.outputs[LOGIT][:, 0] for judged in others])
            is_other = ~np.isin(unseen, judgement.rows)  # repeats hold the same samples out again
            unseen, logits = unseen[is_other], logits[is_other]
        calibration = (
            fit_calibration(labels[unseen], logits, method) if len(unseen) else Calibration()
        )
        finished.append(
            replace(judgement, unseen=unseen, unseen_logits=logits, calibration=calibration)
        )
    return finished


def shown_network(experiment: Experiment, network: keras.Model) -> keras.Model:
    """The network as it answers: averaged over symmetries where the configuration says so."""
    group = experiment.model.test_symmetries
    return network if group == "none" else averaged_over_symmetries(network, group)


def member_batches(plan: TrainingPlan, member: Member) -> TaskBatches:
    """What a member is trained and stopped on."""
    experiment, training = plan.experiment, plan.experiment.training
    rows = member.rows(TRAIN)
    labels = plan.cohort.table["label"].to_numpy()[rows].tolist()
    schedule = Schedule(
        rows,
        training.batch_size,
        member_seed(experiment, member.name),
        labels if training.sampling == "balanced" else None,
    )
    return TaskBatches(
        cohort=plan.cohort,
        input_config=experiment.input,
        targets=plan.targets,
        schedule=schedule,
        augmentation=training.augmentation,
        validation=member.rows(VALIDATION),
    )


def _fit(
    plan: TrainingPlan,
    member: Member,
    run: RunFolder,
    batches: TaskBatches,
    epoch_done: EpochsDone,
) -> Trained:
    experiment = plan.experiment
    log.info(
        "%s: %d samples to train on, %d to stop or calibrate on, %d held out",
        member.name,
        len(batches.schedule.rows),
        len(member.rows(VALIDATION, INNER)),
        len(member.rows(TEST)),
    )
    network, frozen = _starting_network(plan, member, batches)
    run_hash = canonical_hash([experiment.config_hash(), plan.data_hashes()])
    task = Task(
        member.name,
        run_hash,
        run.checkpoints(member.name),
        run.tensorboard(member.name),
        frozen,
        experiment.model.frozen_epochs,
    )
    recipe = experiment.optimizer, experiment.training
    return fit(
        network,
        batches,
        task,
        recipe,
        experiment.model.learned_outputs(),
        lambda row: epoch_done(member.name, row),
    )


def _starting_network(
    plan: TrainingPlan, member: Member, batches: TaskBatches
) -> tuple[keras.Model, frozenset[str]]:
    """The network before its first step, and the layers that do not change at first."""
    experiment = plan.experiment
    members = [one.name for judge in plan.judges() for one in judge.members]
    number = members.index(member.name)
    network = (
        plan.first_network
        if number == 0
        else new_network(experiment.model, experiment.input, batches.schedule.seed)
    )
    if batches.targets.scalars is not None:
        scalars = batches.targets.scalars[np.asarray(batches.schedule.rows)]
        network.get_layer("encoder").get_layer("scalars_standardized").fit_to(scalars)
    frozen: frozenset[str] = frozenset()
    if experiment.model.start_from is not None:
        frozen = take_weights(network, Path(experiment.model.start_from), number)
    if experiment.training.continue_from is not None:
        take_last_weights(network, RunFolder(Path(experiment.training.continue_from)), member.name)
    return network, frozen
