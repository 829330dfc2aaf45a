"""A whole training: split by patient, fit, predict who was held out, score, and seal the bundle."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.splits import TEST, TRAIN, VALIDATION, draw_splits
from lungnet.errors import ChoiceError, ConfigError
from lungnet.evaluation.calibration import Calibration, fit_calibration
from lungnet.evaluation.metrics import EvaluationOptions, Metrics, evaluate_table
from lungnet.files import write_json
from lungnet.models.build import build_model
from lungnet.training.export import make_bundle
from lungnet.training.fit import Task, Trained, fit, predict_logits
from lungnet.training.run_folder import RunFolder, write_table

log = logging.getLogger("lungnet")

EpochsDone = Callable[[str, dict[str, float]], None]
"""Told (network, row of its history) after each epoch."""

FINAL = "final"
"""Name of the network in the bundle of a cross-validated run: trained on everybody but its
validation patients."""


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
        InputError: the cohort cannot be read or split.
        CheckpointError: checkpoints that fail their checks.
    """
    check_network(experiment)
    cohort = load_cohort(experiment)
    splits = draw_splits(cohort.table, experiment.data, experiment.seed)
    run = RunFolder(folder)
    run.open(experiment, resume=resume)
    write_table(folder / "splits.csv", _split_table(cohort, splits))
    histories: dict[str, list[dict[str, float]]] = {}
    tables: list[pd.DataFrame] = []
    names = [f"fold-{fold}" for fold in range(len(splits))] if experiment.data.folds else ["main"]
    for name, split in zip(names, splits, strict=True):
        trained = _fit(experiment, cohort, split, run, name, epoch_done)
        histories[name] = trained.history
        logits, calibration = _judge(experiment, cohort, split, trained)
        tables.append(
            _predictions(
                cohort,
                split,
                logits,
                calibration,
                fold=len(tables) if experiment.data.folds else None,
            )
        )
    if experiment.data.folds:
        split = _final_split(cohort, experiment)
        trained = _fit(experiment, cohort, split, run, FINAL, epoch_done)
        histories[FINAL] = trained.history
        _, calibration = _judge(experiment, cohort, split, trained)
    _write_history(folder, histories)
    table = pd.concat(tables, ignore_index=True)
    write_table(run.predictions, table)
    metrics = _score(experiment, cohort, table, split)
    make_bundle(
        run.bundle,
        trained.network,
        experiment,
        cohort,
        _summary(cohort, split, trained, calibration, metrics),
    )
    write_json(run.metrics, metrics.to_json())
    return metrics


def check_network(experiment: Experiment) -> None:
    """Build the network once, so that a wrong name is told before any work.

    Raises:
        ConfigError: naming file and line.
    """
    try:
        build_model(experiment.model, experiment.input)
    except ChoiceError as error:
        raise ConfigError(f"{experiment.where(error.key)}: {error}") from None


def _fit(
    experiment: Experiment,
    cohort: Cohort,
    split: pd.Series,
    run: RunFolder,
    name: str,
    epoch_done: EpochsDone,
) -> Trained:
    rows = {
        split_name: np.flatnonzero(split == split_name).tolist()
        for split_name in (TRAIN, VALIDATION)
    }
    log.info(
        "%s: %d samples to train on, %d to stop and calibrate on, %d held out",
        name,
        *(int((split == p).sum()) for p in (TRAIN, VALIDATION, TEST)),
    )
    task = Task(name, rows[TRAIN], rows[VALIDATION], run.checkpoints(name), run.tensorboard(name))
    return fit(experiment, cohort, task, lambda row: epoch_done(name, row))


def _judge(
    experiment: Experiment, cohort: Cohort, split: pd.Series, trained: Trained
) -> tuple[pd.Series, Calibration]:
    """Logits of every row, and the calibration that the validation rows give."""
    logits = pd.Series(
        predict_logits(trained.network, experiment, cohort, range(len(cohort))), index=split.index
    )
    held = split == VALIDATION
    return logits, fit_calibration(
        cohort.table["label"][held], logits[held], experiment.evaluation.calibration
    )


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


def _score(
    experiment: Experiment, cohort: Cohort, table: pd.DataFrame, split: pd.Series
) -> Metrics:
    prevalence = (
        None if experiment.data.folds else float(cohort.table["label"][split == TRAIN].mean())
    )
    options = EvaluationOptions(
        replicates=experiment.evaluation.bootstrap,
        seed=experiment.seed,
        synthetic=cohort.is_synthetic,
        train_prevalence=prevalence,
    )
    return evaluate_table(table, options)


def _final_split(cohort: Cohort, experiment: Experiment) -> pd.Series:
    """Nobody held out.

    The first fold's validation patients stop the training, everybody else is trained on.
    """
    first = draw_splits(cohort.table, experiment.data, experiment.seed)[0]
    return first.replace(TEST, TRAIN)


def _split_table(cohort: Cohort, splits: list[pd.Series]) -> pd.DataFrame:
    table = cohort.table[["patient_id", "series_uid", "label"]]
    if len(splits) == 1:
        return table.assign(split=splits[0], fold=-1)
    return pd.concat(
        [table.assign(split=split, fold=fold) for fold, split in enumerate(splits)],
        ignore_index=True,
    )


def _write_history(folder: Path, histories: dict[str, list[dict[str, float]]]) -> None:
    rows = [
        {"network": name, **row, "epoch": int(row["epoch"])}
        for name, history in histories.items()
        for row in history
    ]
    write_table(folder / "history.csv", pd.DataFrame(rows, columns=HISTORY))


def _summary(
    cohort: Cohort, split: pd.Series, trained: Trained, calibration: Calibration, metrics: Metrics
) -> dict[str, object]:
    training = {
        "patients": {
            split_name: int(cohort.table["patient_id"][split == split_name].nunique())
            for split_name in (TRAIN, VALIDATION, TEST)
        },
        "prevalence": float(cohort.table["label"][split == TRAIN].mean()),
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "parameters": int(trained.network.count_params()),
        "synthetic": cohort.is_synthetic,
        "metrics": json.loads(json.dumps(metrics.to_json())),
    }
    return {"calibration": calibration.to_json(), "training": training}


def dry_run(experiment: Experiment) -> str:
    """What a training would do, after every check that needs no training: a sentence for people."""
    check_network(experiment)
    cohort = load_cohort(experiment)
    splits = draw_splits(cohort.table, experiment.data, experiment.seed)
    parameters = build_model(experiment.model, experiment.input).count_params()
    counts = ", ".join(
        f"{int((splits[0] == split_name).sum())} {split_name}"
        for split_name in (TRAIN, VALIDATION, TEST)
    )
    return (
        f"{len(cohort)} samples of {cohort.table['patient_id'].nunique()} patients, "
        f"{int(cohort.table['label'].sum())} positive; "
        f"{len(splits)} split(s), the first {counts}; {parameters:,} parameters; at most "
        f"{experiment.training.epochs} epochs each"
    )
