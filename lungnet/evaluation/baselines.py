"""What a model must beat.

Saying the prevalence to everyone, looking at the largest diameter alone, and a simple model of
diameter and brightness.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lungnet.delimited import quoted
from lungnet.errors import PredictionsError
from lungnet.evaluation.calibration import fit_calibration
from lungnet.evaluation.curves import Curve, roc_curve
from lungnet.evaluation.intervals import Floats, Interval, Ints, proportion, roc_auc, roc_auc_gain
from lungnet.evaluation.thresholds import choose_threshold, most_accurate, references

EPSILON = float(np.finfo(np.float64).eps)
"""scikit-learn's clipping of probabilities before the logarithm."""


def log_losses(labels: Ints, probabilities: Floats) -> Floats:
    """Minus the logarithm of the probability given to what came true, by row.

    Clipped as scikit-learn does.
    """
    of_truth = np.where(labels == 1, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(of_truth, EPSILON, 1 - EPSILON)))


def brier_scores(labels: Ints, probabilities: Floats) -> Floats:
    """Squared distance of the probability from what came true, by row (Brier 1950)."""
    return np.asarray((probabilities - labels) ** 2, np.float64)


@dataclass(frozen=True)
class Prior:
    """The same probability for everyone.

    `source` says whose prevalence it is: `train`, or `own` of the scored rows.
    """

    probability: float
    source: str
    log_loss: float
    brier: float
    accuracy: float
    roc_auc: float = 0.5

    def to_json(self) -> dict[str, Any]:
        """One key per attribute."""
        return dict(vars(self))


def prior(labels: Ints, train_prevalence: float | None) -> Prior:
    """Score the constant prevalence.

    Of the training rows where known, else of these rows, which is the best a constant can do.
    """
    probability = float(labels.mean()) if train_prevalence is None else train_prevalence
    constant = np.full(labels.shape, probability)
    return Prior(
        probability,
        "own" if train_prevalence is None else "train",
        float(log_losses(labels, constant).mean()),
        float(brier_scores(labels, constant).mean()),
        float(np.mean(labels == (probability >= 0.5))),
    )


def _ranking_json(baseline: "LargestDiameter | DiameterAndBrightness") -> dict[str, Any]:
    """What both tell, without threshold and curve."""
    intervals = {
        name: getattr(baseline, name).to_json() for name in ("roc_auc", "roc_auc_gain", "accuracy")
    }
    return intervals | {"log_loss": baseline.log_loss, "brier": baseline.brier}


@dataclass(frozen=True, eq=False)
class LargestDiameter:
    """The diameter alone as a ranking, a threshold and a logistic curve learned from others.

    `roc_auc_gain` is the model's AUC less the diameter's, paired.
    """

    roc_auc: Interval
    roc_auc_gain: Interval
    accuracy: Interval
    log_loss: float
    brier: float
    threshold_mm: float
    curve: Curve

    def to_json(self) -> dict[str, Any]:
        """Keys as the attributes, without the curve."""
        return _ranking_json(self) | {"threshold_mm": self.threshold_mm}


def largest_diameter(
    table: pd.DataFrame, rows: pd.DataFrame, patients: Ints, rng: np.random.Generator
) -> LargestDiameter | None:
    """Score `diameter_mm` of `rows`; None where no row has one.

    A row without a diameter counts as 0 mm: nothing was found.

    Args:
        table: all predictions; training and validation rows, if there, are what threshold and curve
            are learned from.
        rows: those that are scored.
        patients: 0..P-1 for each of `rows`.
        rng: draws groups of patients to learn from where there are neither such rows nor folds.
    """
    if rows["diameter_mm"].isna().all():
        return None
    labels, diameters = rows["label"].to_numpy(), rows["diameter_mm"].fillna(0.0).to_numpy()
    probability = pd.Series(np.nan, rows.index)
    called = pd.Series(False, rows.index)
    thresholds = []
    for rows_of_part, reference in references(table, rows, rng):
        has_diameter, reference_has_diameter = (
            rows_of_part["diameter_mm"].fillna(0.0).to_numpy(),
            reference["diameter_mm"].fillna(0.0).to_numpy(),
        )
        truth = reference["label"].to_numpy()
        threshold = most_accurate(truth, reference_has_diameter)
        centre, spread = reference_has_diameter.mean(), reference_has_diameter.std() or 1.0
        fitted = fit_calibration(truth, (reference_has_diameter - centre) / spread, "platt")
        thresholds.append(threshold)
        called[rows_of_part.index] = has_diameter >= threshold
        probability[rows_of_part.index] = fitted.apply((has_diameter - centre) / spread)
    accuracy = proportion(called.to_numpy() == (labels == 1), patients)
    assert accuracy is not None
    p = np.asarray(probability, np.float64)
    return LargestDiameter(
        roc_auc(labels, diameters, patients),
        roc_auc_gain(labels, rows["probability"].to_numpy(), diameters, patients),
        accuracy,
        float(log_losses(labels, p).mean()),
        float(brier_scores(labels, p).mean()),
        float(np.median(thresholds)),
        roc_curve(labels, diameters),
    )


@dataclass(frozen=True, eq=False)
class DiameterAndBrightness:
    """What size and brightness alone say, as a probability that the table brings along.

    `roc_auc_gain` is the model's AUC less this one's, paired; `threshold` was chosen for it as the
    model's was, on the same rows.
    """

    roc_auc: Interval
    roc_auc_gain: Interval
    accuracy: Interval
    log_loss: float
    brier: float
    threshold: float
    curve: Curve

    @property
    def is_beaten(self) -> bool:
        """Whether the model ranks better beyond chance: the gain's lower bound is above 0."""
        return self.roc_auc_gain.low > 0

    def to_json(self) -> dict[str, Any]:
        """Keys as the attributes, without the curve."""
        return _ranking_json(self) | {"threshold": self.threshold}


def diameter_and_brightness(
    table: pd.DataFrame, rows: pd.DataFrame, patients: Ints
) -> DiameterAndBrightness | None:
    """Score the column `diameter_and_brightness` of `rows`; None where no row has one.

    Args:
        table: all predictions; where the threshold is learned from.
        rows: those that are scored.
        patients: 0..P-1 for each of `rows`.

    Raises:
        PredictionsError: only some of `rows` have one; the model could not be paired with it.
    """
    is_missing = rows["diameter_and_brightness"].isna()
    if is_missing.all():
        return None
    if is_missing.any():
        raise PredictionsError(
            f"predictions: column diameter_and_brightness is empty in {int(is_missing.sum())} of "
            f"{len(rows)} scored rows, the first of patient "
            f"{quoted(rows.loc[is_missing, 'patient_id'].iloc[0])}; expected a probability in each "
            "of them, or in none"
        )
    given = table.dropna(subset="diameter_and_brightness")
    baseline_table, baseline_rows = (
        of.assign(probability=of["diameter_and_brightness"]) for of in (given, rows)
    )
    threshold = choose_threshold(baseline_table, baseline_rows)
    labels, p = rows["label"].to_numpy(), baseline_rows["probability"].to_numpy()
    accuracy = proportion(threshold.decide(baseline_rows) == (labels == 1), patients)
    assert accuracy is not None
    return DiameterAndBrightness(
        roc_auc(labels, p, patients),
        roc_auc_gain(labels, rows["probability"].to_numpy(), p, patients),
        accuracy,
        float(log_losses(labels, p).mean()),
        float(brier_scores(labels, p).mean()),
        threshold.value,
        roc_curve(labels, p),
    )
