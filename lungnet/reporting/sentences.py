"""Metrics come in.

Sentences for people go out: the verdict, what each figure means, how the split and threshold were
made.
"""

from dataclasses import dataclass

import pandas as pd

from lungnet.evaluation.baselines import DiameterAndBrightness, LargestDiameter
from lungnet.evaluation.intervals import Interval
from lungnet.evaluation.metrics import Metrics
from lungnet.evaluation.predictions import NO_FOLD

THRESHOLD_SOURCES = {
    "given": "as given by the user",
    "validation": "the most accurate one on the validation patients",
    "other folds": "for each fold the most accurate one on the other folds' patients",
    "default": "the default: there was nothing to choose it on",
}


def share(value: float) -> str:
    """0.861 as 86.1 %, with a space that does not break."""
    return f"{value * 100:.1f}\u00a0%"


def signed(value: float) -> str:
    """+0.123 or −0.123, with a true minus."""
    return f"{value:+.3f}".replace("-", "−")


def headline(metrics: Metrics) -> str:
    """The verdict in one sentence."""
    auc, loss = metrics.figure("roc_auc"), metrics.figure("log_loss")
    unit = "rows" if metrics.n != metrics.patients else "patients"
    of = f" of {metrics.patients:,} patients" if unit == "rows" else ""
    pairs = (
        f"a positive above a negative in {share(auc.value)} of pairs (95\u00a0% interval "
        f"{share(auc.low)} to {share(auc.high)})"
    )
    side = "below" if loss.value < metrics.prior.log_loss else "not below"
    against = (
        f"its log loss of {loss.value:.3f} is {side} that of the constant prior, "
        f"{metrics.prior.log_loss:.3f}"
    )
    return (
        f"On {metrics.n:,} {unit}{of}, {metrics.positives:,} of them positive, the model ranks "
        f"{pairs}, and {against}."
    )


def diameter_sentence(metrics: Metrics) -> str:
    """How the model stands beside the diameter alone, or why that is unknown."""
    diameter = metrics.largest_diameter
    if diameter is None:
        return (
            "How the largest diameter alone would do is unknown: the predictions have no column "
            "diameter_mm."
        )
    gain = diameter.roc_auc_gain
    if gain.low > 0:
        stand = "The model ranks better than the largest diameter alone"
    elif gain.high < 0:
        stand = "The largest diameter alone ranks better than the model"
    else:
        stand = "The model cannot be told from the largest diameter alone"
    return (
        f"{stand}: difference of the areas {signed(gain.value)} (95\u00a0% interval "
        f"{signed(gain.low)} to {signed(gain.high)})."
    )


def baseline_sentence(metrics: Metrics) -> str:
    """Whether the model knows more than size and calcium; empty where the table does not say."""
    baseline = metrics.diameter_and_brightness
    if baseline is None:
        return ""
    gain = baseline.roc_auc_gain
    lead = "Beyond size and calcium" if baseline.is_beaten else "No skill beyond size and calcium"
    if baseline.is_beaten:
        stand = "the model ranks better than diameter and brightness alone"
    elif gain.high < 0:
        stand = "diameter and brightness alone rank better than the model"
    else:
        stand = "the model cannot be told from diameter and brightness alone"
    return (
        f"{lead}: {stand}, difference of the areas {signed(gain.value)} (95\u00a0% interval "
        f"{signed(gain.low)} to {signed(gain.high)})."
    )


@dataclass(frozen=True)
class KeyFigure:
    """One line of the table of key figures.

    The columns are text, empty where a baseline has no such figure.
    """

    name: str
    meaning: str
    model: str
    interval: str
    prior: str = ""
    diameter: str = ""
    brightness: str = ""


def key_figures(metrics: Metrics) -> list[KeyFigure]:
    """The table of key figures, with the baselines beside them."""
    constant = metrics.prior
    by_prior = {
        "roc_auc": constant.roc_auc,
        "pr_auc": metrics.figure("prevalence").value,
        "log_loss": constant.log_loss,
        "brier": constant.brier,
        "accuracy": constant.accuracy,
    }
    baselines = (
        by_prior,
        _figures_of(metrics.largest_diameter),
        _figures_of(metrics.diameter_and_brightness),
    )
    lines = []
    for key, (name, meaning) in MEANINGS.items():
        figure = metrics.figures.get(key)
        beside = [f"{by[key]:.3f}" if key in by else "" for by in baselines]
        lines.append(KeyFigure(name, meaning, _value(figure), _interval(figure), *beside))
    return lines


def _figures_of(baseline: LargestDiameter | DiameterAndBrightness | None) -> dict[str, float]:
    if baseline is None:
        return {}
    return {
        "roc_auc": baseline.roc_auc.value,
        "accuracy": baseline.accuracy.value,
        "log_loss": baseline.log_loss,
        "brier": baseline.brier,
    }


MEANINGS = {
    "roc_auc": (
        "ROC AUC",
        "share of positive-negative pairs in the right order; 0.5 is a coin, 1 perfect",
    ),
    "log_loss": (
        "Log loss",
        "how surprised the truth leaves the model; lower is better, one sure mistake costs much",
    ),
    "brier": ("Brier score", "mean squared distance of probability and truth; lower is better"),
    "ece": (
        "Calibration error",
        (
            "mean distance between probability given and share come true; binning alone "
            "keeps it above "
            "0"
        ),
    ),
    "pr_auc": ("PR AUC", "mean precision over recall; chance reaches the prevalence"),
    "accuracy": ("Accuracy", "share of right calls at the threshold"),
    "sensitivity": ("Sensitivity", "share of the positive that is called"),
    "specificity": ("Specificity", "share of the negative that is not called"),
    "ppv": (
        "Positive predictive value",
        "share of the called that is positive; falls with the prevalence",
    ),
    "npv": ("Negative predictive value", "share of the not called that is negative"),
    "sensitivity_at_specificity_90": (
        "Sensitivity at 90 % specificity",
        "found if one in ten negatives may alarm",
    ),
    "specificity_at_sensitivity_90": (
        "Specificity at 90 % sensitivity",
        "spared if nine in ten positives must be found",
    ),
}


def threshold_sentence(metrics: Metrics) -> str:
    """Which threshold, and where it comes from."""
    threshold = metrics.threshold
    median = "a median of " if threshold.by_fold else ""
    return (
        f"A row is called positive at a probability of {median}{threshold.value:.3f} or more: "
        f"{THRESHOLD_SOURCES[threshold.source]}."
    )


def prior_sentence(metrics: Metrics) -> str:
    """Whose prevalence the constant prior is."""
    whose = (
        "of the training patients"
        if metrics.prior.source == "train"
        else "of the scored rows themselves, the best a constant could do"
    )
    return (
        f"The constant prior says {share(metrics.prior.probability)} to everyone, the prevalence "
        f"{whose}."
    )


@dataclass(frozen=True)
class Part:
    """One line of the table of splits."""

    name: str
    rows: int
    patients: int
    positives: int


def parts(table: pd.DataFrame) -> list[Part]:
    """How many rows, patients and positives each split and fold has."""
    names = table["split"].where(table["split"] != "", "(no split named)")
    names = names.where(table["fold"] == NO_FOLD, names + ", fold " + table["fold"].astype(str))
    order = {"train": 0, "validation": 1, "test": 2}
    counts = [
        Part(str(name), len(rows), rows["patient_id"].nunique(), int(rows["label"].sum()))
        for name, rows in table.groupby(names, sort=False)
    ]
    return sorted(
        counts,
        key=lambda split_count: (
            order.get(split_count.name.partition(",")[0], 3),
            len(split_count.name),
            split_count.name,
        ),
    )


def _value(figure: Interval | None) -> str:
    return "undefined" if figure is None else f"{figure.value:.3f}"


def _interval(figure: Interval | None) -> str:
    return "" if figure is None else f"{figure.low:.3f}–{figure.high:.3f}"
