"""A whole training: split by patient, fit, predict who was held out, score, and seal the bundle."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.config.training import EvaluationConfig
from lungnet.datasets.batches import Schedule, TaskBatches
from lungnet.datasets.cohort import Cohort
from lungnet.evaluation.calibration import Calibration, fit_calibration
from lungnet.evaluation.metrics import Metrics, evaluate_table
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.files import canonical_hash, write_json
from lungnet.run_folder import TEST, TRAIN, VALIDATION, RunFolder
from lungnet.training.export import make_bundle
from lungnet.training.fit import Task, Trained, fit, new_network, predict_logits
from lungnet.training.plan import MAIN, TrainingPlan, make_plan, task_seed
from lungnet.training.run_start import start_run, write_table

log = logging.getLogger("lungnet")

EpochsDone = Callable[[str, dict[str, float]], None]
"""Told (network, row of its history) after each epoch."""

HISTORY = ["network", "epoch", "loss", "auc", "val_loss", "val_auc", "learning_rate"]
"""Columns of history.csv, the same whether an epoch was read from a checkpoint or just done."""


def train(experiment: Experiment, folder: Path, *, resume: bool, epoch_done: EpochsDone) -> Metrics:
    """Train as the experiment says and leave a run folder.

    With folds, the figures are of out-of-fold predictions and the bundle holds one more network,
    trained on all patients but a validation share; without, the figures are of the held-out
    patients and the bundle holds the network they judge.

    Raises:
        ConfigError: a name or option of the network that does not exist; names file and line.
        UsageError: the folder holds another run.
        DataChangedError: the folder's run began with other data or splits.
        InputError: the cohort cannot be read or split.
        CheckpointError: checkpoints that fail their checks.
    """
    plan = make_plan(experiment)
    run = RunFolder(folder)
    start_run(run, experiment, plan, resume=resume)
    histories: dict[str, list[dict[str, float]]] = {}
    tables: list[pd.DataFrame] = []
    for name, split in plan.tasks():
        trained = _fit(experiment, plan, run, (name, split), epoch_done)
        histories[name] = trained.history
        logits, calibration = _judge(experiment, plan.cohort, split, trained)
        fold = len(tables) if plan.has_folds else None
        if len(tables) < len(plan.splits):
            tables.append(_predictions(plan.cohort, split, logits, calibration, fold))
    _write_history(run.history, histories)
    table = pd.concat(tables, ignore_index=True)
    write_table(run.predictions, table)
    prevalence = None if plan.has_folds else _prevalence(plan.cohort, split)
    scoring = _scoring(experiment.evaluation, experiment.seed, plan.cohort, prevalence)
    metrics = evaluate_table(table, scoring)
    summary = {
        "calibration": calibration.to_json(),
        "training": _description(plan.cohort, split, trained, metrics),
    }
    make_bundle(run.bundle, trained.network, experiment, plan.cohort, summary)
    write_json(run.metrics, metrics.to_json())
    return metrics


def dry_run(experiment: Experiment) -> str:
    """What a training would do, after every check that needs no training: for people."""
    plan = make_plan(experiment)
    table, split = plan.cohort.table, plan.splits[0]
    counts = ", ".join(f"{int((split == name).sum())} {name}" for name in (TRAIN, VALIDATION, TEST))
    return (
        f"{len(table)} samples of {table['patient_id'].nunique()} patients, "
        f"{int(table['label'].sum())} positive; "
        f"{len(plan.splits)} split(s), the first {counts}; "
        f"{plan.first_network.count_params():,} parameters; "
        f"at most {experiment.training.epochs} epochs each"
    )


def _fit(
    experiment: Experiment,
    plan: TrainingPlan,
    run: RunFolder,
    named_split: tuple[str, pd.Series],
    epoch_done: EpochsDone,
) -> Trained:
    name, split = named_split
    rows = {
        name_of_split: np.flatnonzero(split == name_of_split).tolist()
        for name_of_split in (TRAIN, VALIDATION, TEST)
    }
    log.info(
        "%s: %d samples to train on, %d to stop and calibrate on, %d held out",
        name,
        *map(len, rows.values()),
    )
    seed, training = task_seed(experiment, name), experiment.training
    schedule = Schedule(rows[TRAIN], training.batch_size, seed)
    batches = TaskBatches(
        plan.cohort, experiment.input, schedule, training.augmentation, rows[VALIDATION]
    )
    is_first = name in (MAIN, "fold-0")
    network = (
        plan.first_network if is_first else new_network(experiment.model, experiment.input, seed)
    )
    run_hash = canonical_hash([experiment.config_hash(), plan.data_hashes()])
    task = Task(name, run_hash, run.checkpoints(name), run.tensorboard(name))
    recipe = experiment.optimizer, training
    return fit(network, batches, task, recipe, lambda row: epoch_done(name, row))


def _judge(
    experiment: Experiment, cohort: Cohort, split: pd.Series, trained: Trained
) -> tuple[pd.Series, Calibration]:
    """Logits of every row, and the calibration that the validation rows give."""
    batch_size, rows = experiment.training.batch_size, range(len(cohort))
    values = predict_logits(trained.network, cohort, rows, experiment.input, batch_size)
    logits = pd.Series(values, index=split.index)
    held = split == VALIDATION
    labels = cohort.table["label"][held]
    return logits, fit_calibration(labels, logits[held], experiment.evaluation.calibration)


def _predictions(
    cohort: Cohort, split: pd.Series, logits: pd.Series, calibration: Calibration, fold: int | None
) -> pd.DataFrame:
    """A row per sample; with folds only the held-out ones, as each sample is held out once."""
    table = cohort.table.assign(
        split=split,
        fold=-1 if fold is None else fold,
        probability=calibration.apply(logits),
        logit=logits,
    )
    columns = [
        "patient_id",
        "series_uid",
        "split",
        "fold",
        "label",
        "probability",
        "logit",
        "diameter_mm",
    ]
    return table[columns] if fold is None else table.loc[split == TEST, columns]


def _scoring(
    evaluation: EvaluationConfig, seed: int, cohort: Cohort, prevalence: float | None
) -> ScoringConfig:
    return ScoringConfig(
        replicates=evaluation.bootstrap,
        seed=seed,
        synthetic=cohort.is_synthetic,
        train_prevalence=prevalence,
    )


def _prevalence(cohort: Cohort, split: pd.Series) -> float:
    return float(cohort.table["label"][split == TRAIN].mean())


def _write_history(path: Path, histories: dict[str, list[dict[str, float]]]) -> None:
    rows = [
        {"network": name, **row, "epoch": int(row["epoch"])}
        for name, history in histories.items()
        for row in history
    ]
    write_table(path, pd.DataFrame(rows, columns=HISTORY))


def _description(
    cohort: Cohort, split: pd.Series, trained: Trained, metrics: Metrics
) -> dict[str, object]:
    """What `training.json` of the bundle tells."""
    patients = cohort.table["patient_id"]
    return {
        "patients": {
            name_of_split: int(patients[split == name_of_split].nunique())
            for name_of_split in (TRAIN, VALIDATION, TEST)
        },
        "prevalence": _prevalence(cohort, split),
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "parameters": int(trained.network.count_params()),
        "synthetic": cohort.is_synthetic,
        "metrics": metrics.to_json(),
    }
