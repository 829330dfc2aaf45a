"""The model card of a bundle: what it learned from, what it is worth, what it is not for.

After Mitchell et al. 2019, doi:10.1145/3287560.3287596.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort_kinds import COHORT_KINDS

FIGURES = (
    ("roc_auc", "ROC AUC"),
    ("accuracy", "accuracy"),
    ("log_loss", "log loss"),
    ("brier", "Brier score"),
    ("ece", "calibration error (ECE)"),
)


def model_card(
    experiment: Experiment, training: Mapping[str, Any], calibration: Mapping[str, Any]
) -> str:
    """Markdown for people; every number in it stands in the bundle's other files too.

    Args:
        experiment: resolved configuration.
        training: what `training.json` tells.
        calibration: what `calibration.json` tells.
    """
    lines = [
        f"# Model card: a {experiment.input.kind} network of lungnet",
        "",
        *_what_it_is(experiment, training),
        "",
        "## What it learned from",
        "",
        *_data(experiment, training),
        "",
        "## What it is worth",
        "",
        *_figures(experiment, training["metrics"]),
        "",
        (
            f"Calibration: {calibration['method']}, probability = "
            f"sigmoid({calibration['scale']:.3f} x logit {calibration['offset']:+.3f})."
        ),
        "",
        "## What it is not for",
        "",
        (
            "Research use, not a medical device. It gives no patient's diagnosis, and must not "
            "replace a reader."
        ),
    ]
    return "\n".join(lines) + "\n"


def _what_it_is(experiment: Experiment, training: Mapping[str, Any]) -> Iterable[str]:
    voxels = " x ".join(map(str, experiment.input.size))
    heads = training["learned_heads"]
    yield (
        f"{training['networks']} network(s) of {training['parameters']:,} parameters "
        f"(`{experiment.model.architecture}`), voxels {voxels} voxels; their logits are averaged."
    )
    if experiment.input.scalars:
        names = ", ".join(scalar.column for scalar in experiment.input.scalars)
        yield f"Beside the image: {names}; it may be missing."
    if heads:
        yield f"Beside malignancy it tells: {', '.join(heads)}."


def _data(experiment: Experiment, training: Mapping[str, Any]) -> Iterable[str]:
    if experiment.data.source:
        yield experiment.data.source
        yield ""
    patients = training["patients"]
    counts = ", ".join(f"{count} {name}" for name, count in patients.items() if count)
    yield f"Patients by part: {counts}. Positive among the training samples: "
    yield f"{training['prevalence']:.1%}. Seed {experiment.seed}."
    if training["synthetic"]:
        yield "The patients are synthetic: made by a program, not scanned."
    for limit in COHORT_KINDS[experiment.data.kind].limits:
        yield ""
        yield limit
    if noise := training["metrics"].get("label_noise"):
        yield ""
        yield noise


def _figures(experiment: Experiment, metrics: Mapping[str, Any]) -> Iterable[str]:
    way = (
        f"out of {experiment.data.folds} folds, each judged by networks that never saw it; the "
        "bundle's networks learned from all of them"
        if experiment.data.folds
        else f"of split {metrics['split']}, which the bundle's networks never saw"
    )
    yield f"{metrics['n']} samples of {metrics['patients']} patients, {way}. Verdict: "
    yield f"{metrics['verdict']}. Intervals are of 95 %, over patients."
    yield ""
    yield "| figure | value | interval |"
    yield "|---|---|---|"
    for name, title in FIGURES:
        if (figure := metrics.get(name)) is not None:
            yield _row(title, figure)
    for name, title in (
        ("largest_diameter", "the diameter alone"),
        ("diameter_and_brightness", "diameter and brightness"),
    ):
        if (baseline := metrics["baselines"].get(name)) is not None:
            yield _row(f"ROC AUC of {title}", baseline["roc_auc"])
            yield _row("the network's gain over it", baseline["roc_auc_gain"], sign="+")


def _row(title: str, figure: Mapping[str, float], sign: str = "") -> str:
    value, low, high = (f"{figure[key]:{sign}.3f}" for key in ("value", "low", "high"))
    return f"| {title} | {value} | {low} to {high} |"
