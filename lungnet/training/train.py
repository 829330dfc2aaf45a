"""A whole training: split by patient, fit, predict who was held out, score, and seal the bundle."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort
from lungnet.evaluation.metrics import Metrics, evaluate_table
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.files import write_json
from lungnet.run_folder import TEST, TRAIN, VALIDATION, RunFolder
from lungnet.training.bundling.material import bundle_material
from lungnet.training.bundling.unsealed import make_or_prepare_bundle
from lungnet.training.cost_estimate import estimate_cost
from lungnet.training.judging import (
    EpochsDone,
    Judgement,
    calibrated,
    member_batches,
    pass_judgement,
)
from lungnet.training.plan import TrainingPlan, make_plan
from lungnet.training.predictions_table import (
    cohort_brightness,
    predictions_table,
    unseen_table,
)
from lungnet.training.run_start import start_run, write_table

log = logging.getLogger("lungnet")

HISTORY = ["network", "epoch", "loss", "auc", "val_loss", "val_auc", "learning_rate"]
"""Columns of history.csv, the same whether an epoch was read from a checkpoint or just done."""


def train(experiment: Experiment, folder: Path, *, resume: bool, epoch_done: EpochsDone) -> Metrics:
    """Train as the experiment says and leave a run folder.

    With folds, the figures are of out-of-fold predictions and the bundle holds one more judge (a
    network, or an ensemble), trained on all patients but a validation share; without, the figures
    are of the held-out patients and the bundle holds the judge that they are figures of. Where no
    bundle can be made, `unsealed` holds what `lungnet seal` makes it from.

    Raises:
        ConfigError: a name or option of the network that does not exist; names file and line.
        UsageError: the folder holds another run.
        DataChangedError: the folder's run began with other data or splits.
        InputError: the cohort cannot be read or split.
        CheckpointError: checkpoints that fail their checks.
    """
    plan = make_plan(experiment, folder)
    run = RunFolder(folder)
    start_run(run, experiment, plan, resume=resume)
    histories: dict[str, list[dict[str, float]]] = {}
    judgements: list[Judgement] = []
    for judge in plan.judges():
        judgement = pass_judgement(plan, judge, run, epoch_done)
        for member, trained in zip(judge.members, judgement.trained, strict=True):
            histories[member.name] = trained.history
        judgements.append(replace(judgement, trained=()))
    shipped = judgement
    judgements = calibrated(plan, judgements)
    _write_history(run.history, histories)
    table = _write_tables(run, plan, judgements)
    metrics = evaluate_table(table, _scoring(plan, shipped))
    summary = {
        "calibration": judgements[-1].calibration.to_json(),
        "training": _description(plan, shipped, metrics),
    }
    networks = [trained.network for trained in shipped.trained]
    batches = member_batches(plan, judge.members[0])
    make_or_prepare_bundle(run, networks, bundle_material(networks, batches, experiment, summary))
    write_json(run.metrics, metrics.to_json())
    return metrics


def dry_run(experiment: Experiment) -> str:
    """What a training would do, after every check that needs no training: for people."""
    plan = make_plan(experiment)
    table, split = plan.cohort.table, plan.splits[0]
    counts = ", ".join(f"{int((split == name).sum())} {name}" for name in (TRAIN, VALIDATION, TEST))
    networks = sum(len(judge.members) for judge in plan.judges())
    return (
        f"{len(table)} samples of {table['patient_id'].nunique()} patients, "
        f"{int(table['label'].sum())} positive; "
        f"{len(plan.splits)} split(s), the first {counts}; "
        f"{networks} network(s) of {plan.first_network.count_params():,} parameters; "
        f"at most {experiment.training.epochs} epochs each\n"
        f"{estimate_cost(plan)}"
    )


def _write_tables(
    run: RunFolder, plan: TrainingPlan, judgements: Sequence[Judgement]
) -> pd.DataFrame:
    """Write what was predicted of whom, and what calibrated it; the predictions come back."""
    cohort, dimensions = plan.cohort, len(plan.experiment.input.size)
    is_nodules = plan.experiment.input.kind == "nodule"
    brightness = cohort_brightness(cohort, dimensions) if is_nodules else None
    table = pd.concat(
        [
            predictions_table(cohort, judgement, fold if plan.has_folds else None, brightness)
            for fold, judgement in enumerate(judgements[: len(plan.splits)])
        ],
        ignore_index=True,
    )
    if plan.experiment.data.repeats > 1:
        table["repeat"] = table["fold"] // plan.experiment.data.folds
    write_table(run.predictions, table)
    unseen = [unseen_table(cohort, judgement) for judgement in judgements]
    write_table(run.unseen, pd.concat(unseen, ignore_index=True))
    return table


def _scoring(plan: TrainingPlan, judgement: Judgement) -> ScoringConfig:
    prevalence = None if plan.has_folds else _prevalence(plan.cohort, judgement.judge.split)
    return ScoringConfig(
        replicates=plan.experiment.evaluation.bootstrap,
        seed=plan.experiment.seed,
        synthetic=plan.cohort.is_synthetic,
        train_prevalence=prevalence,
        label_noise=plan.cohort.label_noise,
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


def _description(plan: TrainingPlan, judgement: Judgement, metrics: Metrics) -> dict[str, object]:
    """What `training.json` of the bundle tells."""
    cohort, split, trained = plan.cohort, judgement.judge.split, judgement.trained
    patients = cohort.table["patient_id"]
    return {
        "patients": {
            name_of_split: int(patients[split == name_of_split].nunique())
            for name_of_split in (TRAIN, VALIDATION, TEST)
        },
        "prevalence": _prevalence(cohort, split),
        "epochs": [len(network.history) for network in trained],
        "best_epoch": [network.best_epoch for network in trained],
        "parameters": int(trained[0].network.count_params()),
        "networks": len(trained),
        "learned_heads": plan.learned_heads(),
        "synthetic": cohort.is_synthetic,
        "metrics": metrics.to_json(),
    }
