"""Resampled patients: the distribution of every figure that has no closed form, in one pass."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from lungnet.evaluation.curves import Ranking, average_precision, highest_tpr, specificity_at
from lungnet.evaluation.intervals import LEVEL, Floats, Interval, Ints, Z

FPR_GRID = np.linspace(0.0, 1.0, 101)
RATE = 0.90
"""Specificity (sensitivity) at which sensitivity (specificity) is reported."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What is resampled.

    Attributes:
        labels: 0 or 1 as float64, shape (n,).
        patients: 0..P-1, shape (n,).
        ranking: of the scores.
        means: columns whose weighted means are wanted, shape (n, k).
        bins: one-hot equal-mass bins times (label - probability), shape (n, K); its absolute column sums make the ECE.
    """

    labels: Floats
    patients: Ints
    ranking: Ranking
    means: Floats
    bins: Floats


@dataclass(frozen=True, eq=False)
class Replicates:
    """Figures of every replicate; those of one class only are left out.

    Shapes: `means` (B, k); `ece`, `pr_auc`, `sensitivity` and `specificity` (at the other's 90 %) (B,); `tpr` (B, 101) over `FPR_GRID`.
    """

    means: Floats
    ece: Floats
    pr_auc: Floats
    sensitivity: Floats
    specificity: Floats
    tpr: Floats


def resample(sample: Sample, replicates: int, rng: np.random.Generator) -> Replicates:
    """Draw patients with replacement, each with all of its rows (Efron & Tibshirani 1993).

    Not stratified: the number of positives varies, as it would in another cohort.

    Args:
        sample: rows in table order.
        replicates: number of cohorts drawn.
        rng: the only source of randomness.
    """
    count = int(sample.patients.max()) + 1
    columns = np.hstack([sample.means, sample.bins])
    k = sample.means.shape[1]
    means, ece, pr, sensitivity, specificity, tpr = [], [], [], [], [], []
    for _ in range(replicates):
        weights = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)[sample.patients]
        falling = weights[sample.ranking.order]
        hits = np.cumsum(falling * sample.labels[sample.ranking.order])[sample.ranking.ends]
        rows = np.cumsum(falling)[sample.ranking.ends]
        if hits[-1] in (0, rows[-1]):
            continue
        sums = weights @ columns
        means.append(sums[:k] / rows[-1])
        ece.append(np.abs(sums[k:]).sum() / rows[-1])
        pr.append(average_precision(hits, rows))
        tpr.append(highest_tpr(hits, rows, FPR_GRID))
        sensitivity.append(tpr[-1][round((1 - RATE) * 100)])
        specificity.append(specificity_at(RATE, hits, rows))
    return Replicates(np.array(means), np.array(ece), np.array(pr), np.array(sensitivity), np.array(specificity), np.array(tpr))


def interval(value: float, draws: Floats) -> Interval:
    """The bias-corrected percentile interval (Efron 1987, acceleration 0), widened where needed to hold the value itself.

    Args:
        value: the figure on the cohort as it is.
        draws: the same figure on each replicate, shape (B,).
    """
    below = (np.sum(draws < value) + np.sum(draws == value) / 2) / draws.size
    bias = float(ndtri(np.clip(below, 1 / draws.size, 1 - 1 / draws.size)))
    low, high = np.quantile(draws, [ndtr(2 * bias - Z), ndtr(2 * bias + Z)])
    return Interval(value, float(min(low, value)), float(max(high, value)))


def band(draws: Floats) -> tuple[Floats, Floats]:
    """Pointwise percentile band over replicates, shape (B, k) to two of (k,)."""
    low, high = np.quantile(draws, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
    return low, high
