"""A model and another cohort of its kind come in; the report of how well it does there goes out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lungnet.config.load import dump_experiment
from lungnet.datasets.cohort_kinds import COHORT_KINDS
from lungnet.evaluation.metrics import Metrics, evaluate_table
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.files import write_text
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.cohort_predictions import CohortPredictions, predict_cohort
from lungnet.models.shipped import bundle_folder
from lungnet.reporting.case_table import case_table, worth_a_picture
from lungnet.reporting.page import write_report
from lungnet.reporting.pictures import draw_pictures
from lungnet.reporting.report_context import ReportContext

PREDICTIONS = "predictions.csv"
"""What the report is made of, beside it: `lungnet evaluate` reads it again."""


def report_cohort(
    model: str | Path,
    path: Path,
    out: Path,
    *,
    labels: Path | None = None,
    threshold: float | None = None,
) -> tuple[Metrics, Path]:
    """Score a model on a cohort and write its report.

    Args:
        model: a bundle, a run that holds one, or the name of one that ships.
        path: a store with labels, or a nodule file: what the model was trained on.
        out: folder for the report and the predictions.
        labels: CSV of the labels of a store; None: those that it holds.
        threshold: 0..1, or None for a half.

    Returns:
        The metrics and the path of the page.

    Raises:
        LungnetError: a model or a cohort that cannot be read, or does not fit the other.
        PredictionsError: a cohort of one label only.
    """
    network = BundleNetwork(bundle_folder(model))
    predictions = predict_cohort(network, path, labels)
    experiment = network.bundle.experiment
    config = ScoringConfig(
        threshold=threshold,
        train_prevalence=_share(network.bundle.training.get("prevalence")),
        replicates=experiment.evaluation.bootstrap,
        seed=experiment.seed,
        synthetic=predictions.cohort.is_synthetic,
        label_noise=predictions.cohort.label_noise,
    )
    metrics = evaluate_table(predictions.table, config)
    metrics = replace(metrics, notes=(*metrics.notes, *predictions.remarks))
    write_text(out / PREDICTIONS, predictions.table.to_csv(index=False, lineterminator="\n"))
    context = _context(model, path, network, predictions, metrics)
    return metrics, write_report(out, predictions.table, metrics, context)


def _context(
    model: str | Path,
    path: Path,
    network: BundleNetwork,
    predictions: CohortPredictions,
    metrics: Metrics,
) -> ReportContext:
    kind = COHORT_KINDS[predictions.data.kind]
    experiment = network.bundle.experiment.model_copy(update={"data": predictions.data})
    cases = worth_a_picture(case_table(metrics))
    return ReportContext(
        title=f"{model} on {path.name}",
        split_made=(
            f"Every sample of {path.name} was judged by {model} (model {network.bundle.model_hash})"
            ", which was trained elsewhere: nothing was fitted on them."
        ),
        limits=kind.limits,
        config_text=dump_experiment(network.bundle.experiment),
        pictures=draw_pictures(experiment, cases["series_uid"]),
        pictures_show=kind.slices_caption,
    )


def _share(value: Any) -> float | None:
    """The prevalence that a bundle tells, where it is one."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
