"""A run folder or a CSV of predictions comes in; its report goes out."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.errors import ConfigError, PredictionsError
from lungnet.evaluation.metrics import Metrics, evaluate_table
from lungnet.evaluation.predictions import read_predictions
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.files import read_bounded
from lungnet.reporting.case_table import case_table, worth_a_picture
from lungnet.reporting.charts import percent
from lungnet.reporting.page import write_report
from lungnet.reporting.report_context import ReportContext
from lungnet.run_folder import RunFolder

log = logging.getLogger("lungnet")

LARGEST_TEXT_BYTES = 4 * 2**20


def report_predictions(
    source: Path,
    out: Path,
    *,
    split: str | None = None,
    threshold: float | None = None,
    synthetic: bool = False,
) -> tuple[Metrics, Path]:
    """Score a run folder or a CSV and write its report.

    A run is scored as its training scored it (seed, replicates and what is known of the labels'
    noise stand in its `metrics.json`), so the figures are the same.

    Args:
        source: a folder with `predictions.csv`, or a CSV.
        out: folder for the report.
        split: which rows; None as in `scored_rows`.
        threshold: 0..1, or None to choose it where that can be done.
        synthetic: the patients are made up; a run says so itself.

    Returns:
        The metrics and the path of the page.

    Raises:
        PredictionsError: predictions that cannot be scored.
        MachineError: the folder cannot be written.
    """
    if not source.is_dir():
        table = read_predictions(source)
        metrics = evaluate_table(
            table, ScoringConfig(split=split, threshold=threshold, synthetic=synthetic)
        )
        return metrics, write_report(out, table, metrics, ReportContext(title=source.name))
    run = RunFolder(source)
    if not run.predictions.is_file():
        raise PredictionsError(
            f"{source}: holds no predictions.csv; expected a run folder that `lungnet train` "
            "finished, or a CSV; to score a model give --cohort"
        )
    table = read_predictions(run.predictions)
    previous = _object(run.metrics)
    drawn = previous.get("intervals")
    numbers = {
        name: drawn[name]
        for name in ("replicates", "seed")
        if isinstance(drawn, dict) and isinstance(drawn.get(name), int)
    }
    numbers["replicates"] = max(100, min(numbers.get("replicates", 2000), 100_000))
    config = ScoringConfig(
        split=split,
        threshold=threshold,
        synthetic=synthetic or previous.get("synthetic") is True,
        label_noise=noise if isinstance(noise := previous.get("label_noise"), str) else "",
        **numbers,
    )
    metrics = evaluate_table(table, config)
    return metrics, write_report(out, table, metrics, run_context(run, metrics))


def run_context(run: RunFolder, metrics: Metrics) -> ReportContext:
    """What a run folder tells beside its predictions; what is absent or unreadable stays empty.

    Args:
        run: the folder.
        metrics: says which cases are worth a picture, drawn from the cohort that the configuration
            names.
    """
    experiment = _experiment(run.config)
    environment = _object(run.environment)
    libraries = environment.pop("libraries", {})
    named = environment | (libraries if isinstance(libraries, dict) else {})
    context = ReportContext(
        title="/".join(run.path.resolve().parts[-2:]),
        config_text=_text(run.config),
        environment={str(name): str(value) for name, value in named.items()},
        history=_history(run.history),
    )
    if experiment is None:
        return context
    from lungnet.datasets.cohort_kinds import COHORT_KINDS
    from lungnet.reporting.pictures import draw_pictures

    kind = COHORT_KINDS.get(experiment.data.kind)
    return replace(
        context,
        split_made=split_sentence(experiment),
        limits=kind.limits if kind else (),
        pictures=draw_pictures(experiment, worth_a_picture(case_table(metrics))["series_uid"]),
        pictures_show=kind.slices_caption if kind else "",
    )


def split_sentence(experiment: Experiment) -> str:
    """How the patients were divided, for people."""
    data = experiment.data
    seed = f" Seed {experiment.seed}."
    stopping = (
        f"{percent(data.split.validation)} stopped that training and fitted its calibration."
        if data.split.validation
        else "nobody was set aside to stop that training or to calibrate it."
    )
    if data.has_own_split():
        column = data.split_column or "split or fold"
        where = f"{data.split_file}, column {column}" if data.split_file else f"column {column}"
        return (
            f"The division was given ({where}), not drawn, and checked: no patient, series or "
            "image stands on two sides. Where it names no validation patients, of those not held "
            f"out {stopping}{seed}"
        )
    whole = f" and never rows of one {data.group_column}" if data.group_column else ""
    if data.leave_one_group_out:
        return (
            f"Each group of {data.group_column} was predicted by a network that never saw it. Of "
            f"the other groups' patients, {stopping}{seed}"
        )
    if data.folds:
        repeated = (
            f" This was done {data.repeats} times with other folds: each scan or nodule has "
            f"{data.repeats} rows, and the intervals are over patients."
            if data.repeats > 1
            else ""
        )
        return (
            f"Patients, never single scans or nodules{whole}, were divided into {data.folds} "
            "folds, balanced by label; each fold was predicted by a network that never saw it. Of "
            f"the other folds' patients, {stopping}{repeated}{seed}"
        )
    return (
        f"Patients, never single scans{whole}, were drawn at random and balanced by label: "
        f"{percent(data.split.test)} were held out for this page, {stopping} The rest were "
        f"trained on.{seed}"
    )


def _experiment(path: Path) -> Experiment | None:
    try:
        return load_experiment(path)
    except ConfigError as error:
        log.warning("the report does without the run's configuration: %s", error)
        return None


def _history(path: Path) -> pd.DataFrame | None:
    try:
        return pd.read_csv(path) if _text(path) else None
    except ValueError as error:
        log.warning("%s: no training curves: %s", path, str(error).partition("\n")[0])
        return None


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        return read_bounded(path, LARGEST_TEXT_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
