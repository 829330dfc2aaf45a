"""What a training will cost on this machine: two short epochs, a prediction and an export, timed.

They are a real training's, in a temporary folder that is gone afterwards.
"""

import math
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from lungnet.datasets.batches import READERS, TaskBatches
from lungnet.run_folder import TEST, TRAIN, VALIDATION
from lungnet.training.bundling.material import export_proof
from lungnet.training.bundling.unsealed import lacking_to_seal
from lungnet.training.fit import Task, fit, new_network, predict
from lungnet.training.judging import member_batches, shown_network
from lungnet.training.plan import INNER, Member, TrainingPlan

FIRST_STEPS = 4
"""Steps of the first trial's epochs; they tell how many steps fill `EPOCH_S`."""

EPOCH_S = 4.0
"""So long the second trial's epochs should take: what an epoch costs beside its steps is then
little of it."""

PROBED_ROWS = 8
"""Samples read once and again; the difference is what decoding them costs."""

STILL = 1e-12
"""A learning rate that moves no weight: a few steps must not look like a divergence."""


@dataclass(frozen=True)
class TrainingCost:
    """Time and memory of a whole training.

    Attributes:
        epoch_s: an epoch of the first network, with validation and checkpoint.
        total_s: all networks to their last epoch, their predictions, and the export; not the
            reading of the cohort's table before, nor the intervals after.
        peak_bytes: most memory that the process holds at a time.
    """

    epoch_s: float
    total_s: float
    peak_bytes: int

    def __str__(self) -> str:
        """For people."""
        return (
            f"about {_duration(self.epoch_s)} an epoch, {_duration(self.total_s)} in all if none "
            f"stops early; {self.peak_bytes / 1e9:.1f} GB of memory"
        )


@dataclass(frozen=True, eq=False)
class _Trial:
    """A short training.

    Attributes:
        share: of an epoch's steps.
        once_s: what comes once for each network: building, tracing, first reads.
        epoch_s: an epoch after that.
        predict_s: of a sample.
        network: as it was built.
    """

    share: float
    once_s: float
    epoch_s: float
    predict_s: float
    network: keras.Model


def estimate_cost(plan: TrainingPlan) -> TrainingCost:
    """Measure what the training of a plan would cost here, with the machine as busy as it is now.

    The plan's network is left as it is.

    Raises:
        StoreError: a sample cannot be read.
        NonFiniteLossError: the untrained network's loss is no number.
        ExportError: the network cannot be exported.
        MachineError: no space for temporary files.
    """
    judges = list(plan.judges())
    batches = member_batches(plan, judges[0].members[0])
    rows = batches.schedule.rows
    cold_read_s = _cold_read_s(batches, rows[-PROBED_ROWS:])
    first = trial = _trial(plan, batches, FIRST_STEPS)
    steps = round(FIRST_STEPS * EPOCH_S / trial.epoch_s)
    if trial.share < 1 and steps > FIRST_STEPS:
        trial = _trial(plan, batches, steps)
    epoch_s = trial.epoch_s / trial.share
    # Each sample is decoded once, for all networks together.
    total_s = cold_read_s * len(plan.cohort) / READERS
    total_s += _export_s(plan, batches, [trial.network] * len(judges[-1].members))
    # What a process does once comes in its first trial, and in a training all the same.
    total_s += max(0.0, first.once_s - trial.once_s)
    for member in (member for judge in judges for member in judge.members):
        epochs_s = plan.experiment.training.epochs * epoch_s * len(member.rows(TRAIN)) / len(rows)
        total_s += trial.once_s + epochs_s + trial.predict_s * _asked(plan, member)
    return TrainingCost(epoch_s, total_s, peak_bytes())


def peak_bytes() -> int:
    """Most memory that this process held so far."""
    status = Path("/proc/self/status")
    if status.exists():  # unlike the other, it does not begin with the peak of whoever started us
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _trial(plan: TrainingPlan, batches: TaskBatches, steps: int) -> _Trial:
    """Two epochs of some steps each, and the prediction that follows."""
    experiment, schedule = plan.experiment, batches.schedule
    part = _part(plan, batches, min(1.0, steps / schedule.steps))
    training = experiment.training.model_copy(update={"epochs": 2, "patience": 2})
    optimizer = experiment.optimizer.model_copy(update={"learning_rate": STILL})
    times = [time.monotonic()]
    network = new_network(experiment.model, experiment.input, schedule.seed)
    with tempfile.TemporaryDirectory() as folder:
        task = Task("trial", "trial", Path(folder) / "checkpoints", Path(folder) / "tensorboard")
        fit(
            network,
            part,
            task,
            (optimizer, training),
            experiment.model.learned_outputs(),
            lambda _: times.append(time.monotonic()),
        )
    first_s, epoch_s = np.diff(times).tolist()
    rows = [*part.schedule.rows, *part.validation]
    start = time.monotonic()
    predict(shown_network(experiment, network), part, rows)
    predict_s = (time.monotonic() - start) / len(rows)
    share = part.schedule.steps / schedule.steps
    return _Trial(share, max(0.0, first_s - epoch_s), epoch_s, predict_s, network)


def _part(plan: TrainingPlan, batches: TaskBatches, share: float) -> TaskBatches:
    """A share of the training and of the validation rows, with as many of each label in it."""
    labels = plan.cohort.table["label"].to_numpy()
    schedule, parts = batches.schedule, []
    for rows in (schedule.rows, batches.validation):
        by_label = sorted(rows, key=lambda row: labels[row])
        fewest = min(len(rows), schedule.size)
        n = max(fewest, math.ceil(share * len(rows)))
        positions = np.linspace(0, len(rows) - 1, n).round().astype(int)
        parts.append([by_label[i] for i in positions])
    trained, validated = parts
    part_labels = None if schedule.labels is None else labels[trained].tolist()
    return replace(
        batches,
        schedule=replace(schedule, rows=trained, labels=part_labels),
        validation=validated,
    )


def _asked(plan: TrainingPlan, member: Member) -> int:
    """Samples of which a member is asked for an answer."""
    held_out = len(member.rows(TEST)) if plan.has_folds else len(plan.cohort)
    return held_out + len(member.rows(VALIDATION, INNER))


def _export_s(plan: TrainingPlan, batches: TaskBatches, networks: list[keras.Model]) -> float:
    start = time.monotonic()
    proof = export_proof(networks, batches, plan.experiment)
    if lacking_to_seal() is None:
        from lungnet.training.bundling.export import export_networks

        export_networks(networks, plan.experiment, proof)
    return time.monotonic() - start


def _cold_read_s(batches: TaskBatches, rows: Sequence[int]) -> float:
    """Seconds by which the first read of a sample is slower than the second."""
    times = [time.monotonic()]
    for _ in range(2):
        batches.inputs(rows)
        times.append(time.monotonic())
    first_s, again_s = np.diff(times).tolist()
    return max(0.0, float(first_s - again_s)) / len(rows)


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"
