"""A run folder or a CSV of predictions comes in; its report goes out."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.errors import ConfigError, PredictionsError
from lungnet.evaluation.metrics import EvaluationOptions, Metrics, evaluate_table
from lungnet.evaluation.predictions import read_predictions
from lungnet.reporting.case_table import case_table, worth_a_picture
from lungnet.reporting.charts import percent
from lungnet.reporting.page import write_report
from lungnet.reporting.report_context import ReportContext

log = logging.getLogger("lungnet")

LARGEST_TEXT_BYTES = 4 * 2**20

PICTURES_SHOW = {
    "nodules": "the nodule, or its middle slice, at a lung window",
    "store": (
        "the slice through the first-ranked candidate (ringed), and close-ups of the first two, at "
        "a lung window"
    ),
}

LIMITS = {
    "nodules": (
        (
            "The labels are those of the file of nodules; readers' ratings of malignancy are an "
            "opinion, not pathology."
        ),
        (
            "Each image is centred on a nodule that someone found: finding it is not part "
            "of what is "
            "scored."
        ),
    ),
    "store": (
        (
            "Candidates are found by rules; a tumour that none of them covers cannot be seen by a "
            "model that reads candidates."
        ),
    ),
}


def report_predictions(
    source: Path,
    out: Path,
    *,
    split: str | None = None,
    threshold: float | None = None,
    synthetic: bool = False,
) -> tuple[Metrics, Path]:
    """Score a run folder or a CSV and write its report.

    A run is scored as its training scored it (seed and replicates stand in its `metrics.json`), so
    the figures are the same.

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
            table, EvaluationOptions(split=split, threshold=threshold, synthetic=synthetic)
        )
        return metrics, write_report(out, table, metrics, ReportContext(title=source.name))
    path = source / "predictions.csv"
    if not path.is_file():
        raise PredictionsError(
            f"{source}: holds no predictions.csv; expected a run folder that `lungnet train` "
            "finished, or a CSV"
        )
    table = read_predictions(path)
    previous = _object(source / "metrics.json")
    drawn = previous.get("intervals")
    numbers = {
        name: drawn[name]
        for name in ("replicates", "seed")
        if isinstance(drawn, dict) and isinstance(drawn.get(name), int)
    }
    numbers["replicates"] = max(100, min(numbers.get("replicates", 2000), 100_000))
    options = EvaluationOptions(
        split=split,
        threshold=threshold,
        synthetic=synthetic or previous.get("synthetic") is True,
        **numbers,
    )
    metrics = evaluate_table(table, options)
    return metrics, write_report(out, table, metrics, run_context(source, metrics))


def run_context(run: Path, metrics: Metrics) -> ReportContext:
    """What a run folder tells beside its predictions; what is absent or unreadable stays empty.

    Args:
        run: a folder with `config.yaml`, `environment.json` and `history.csv`.
        metrics: says which cases are worth a picture, drawn from the cohort that the configuration
            names.
    """
    experiment = _experiment(run / "config.yaml")
    environment = _object(run / "environment.json")
    libraries = environment.pop("libraries", {})
    named = environment | (libraries if isinstance(libraries, dict) else {})
    pictures: dict[str, list[bytes]] = {}
    if experiment is not None:
        from lungnet.reporting.pictures import draw_pictures

        pictures = draw_pictures(experiment, worth_a_picture(case_table(metrics))["series_uid"])
    return ReportContext(
        title=f"{run.resolve().parent.name}/{run.resolve().name}",
        split_made="" if experiment is None else split_sentence(experiment),
        limits=() if experiment is None else LIMITS[experiment.data.kind],
        config_text=_text(run / "config.yaml"),
        environment={str(name): str(value) for name, value in named.items()},
        history=_history(run / "history.csv"),
        pictures=pictures,
        pictures_show="" if experiment is None else PICTURES_SHOW[experiment.data.kind],
    )


def split_sentence(experiment: Experiment) -> str:
    """How the patients were divided, for people."""
    data = experiment.data
    stopping = percent(data.split.validation)
    if data.folds:
        return (
            f"Patients, never single scans or nodules, were divided into {data.folds} folds, "
            "balanced by label; each fold was predicted by "
            f"a network that never saw it. Of the other folds' patients, {stopping} stopped that "
            "training and fitted its calibration. "
            f"Seed {experiment.seed}."
        )
    return (
        "Patients, never single scans, were drawn at random and balanced by label: "
        f"{percent(data.split.test)} were held out for this "
        f"page, {stopping} stopped the training and fitted the calibration, the rest were trained "
        f"on. Seed {experiment.seed}."
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
    if not path.is_file() or path.stat().st_size > LARGEST_TEXT_BYTES:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")
