"""A judge's networks trained, and what they say together of every sample they may be asked about."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from lungnet.config.experiment import Experiment
from lungnet.datasets.batches import TaskBatches
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import LOGIT
from lungnet.evaluation.calibration import Calibration, fit_calibration
from lungnet.files import canonical_hash
from lungnet.models.symmetries import averaged_over_symmetries
from lungnet.run_folder import TEST, TRAIN, VALIDATION, RunFolder
from lungnet.training.fit import Outputs, Task, Trained, fit, new_network, predict
from lungnet.training.plan import INNER, Judge, Member, TrainingPlan, member_seed

log = logging.getLogger("lungnet")

EpochsDone = Callable[[str, dict[str, float]], None]
"""Told (network, row of its history) after each epoch."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a judge's networks say.

    Attributes:
        judge: who judged.
        trained: each member's network and how it got there.
        rows: the samples that were asked about.
        outputs: the mean over the members, the first axis as `rows`.
        calibration: fitted on samples that the member which judged them never trained on.
    """

    judge: Judge
    trained: tuple[Trained, ...]
    rows: NDArray[np.int64]
    outputs: Outputs
    calibration: Calibration


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
    trained = []
    for member in judge.members:
        batches = member_batches(plan, member)
        trained.append(_fit(plan, member, run, batches, epoch_done))
        network = shown_network(plan.experiment, trained[-1].network)
        unseen = np.array(member.rows(VALIDATION, INNER), np.int64)
        rows = np.concatenate([asked, unseen])
        outputs = predict(network, batches, rows.tolist()) if len(rows) else {}
        for name, values in outputs.items():
            total[name] = total.get(name, 0.0) + values[: len(asked)] / len(judge.members)
        if len(unseen):
            unseen_sum[unseen] += outputs[LOGIT][len(asked) :, 0]
            unseen_count[unseen] += 1
    known = np.flatnonzero(unseen_count)
    calibration = (
        fit_calibration(
            plan.cohort.table["label"].to_numpy()[known],
            unseen_sum[known] / unseen_count[known],
            plan.experiment.evaluation.calibration,
        )
        if len(known)
        else Calibration()
    )
    return Judgement(judge, tuple(trained), asked, total, calibration)


def shown_network(experiment: Experiment, network: keras.Model) -> keras.Model:
    """The network as it answers: averaged over symmetries where the configuration says so."""
    kind = experiment.model.test_symmetries
    return network if kind == "none" else averaged_over_symmetries(network, kind)


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
    is_first = member.name == next(plan.judges()).members[0].name
    network = (
        plan.first_network
        if is_first
        else new_network(experiment.model, experiment.input, batches.schedule.seed)
    )
    run_hash = canonical_hash([experiment.config_hash(), plan.data_hashes()])
    task = Task(member.name, run_hash, run.checkpoints(member.name), run.tensorboard(member.name))
    recipe = experiment.optimizer, experiment.training
    return fit(
        network,
        batches,
        task,
        recipe,
        experiment.model.heads,
        lambda row: epoch_done(member.name, row),
    )
