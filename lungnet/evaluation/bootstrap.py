"""Resampled patients: the distribution of every figure that has no closed form, in one pass."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from lungnet.evaluation.curves import (
    average_precision,
    bins_of,
    highest_tpr,
    ranking,
    specificity_at,
)
from lungnet.evaluation.intervals import LEVEL, Floats, Interval, Ints, Z

FPR_GRID = np.linspace(0.0, 1.0, 101)
RATE = 0.90
"""Specificity (sensitivity) at which sensitivity (specificity) is reported."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What is resampled; all but `ends` by row, highest score first, shape (n,).

    Attributes:
        labels: 0 or 1.
        patients: 0..P-1.
        losses: the log loss of a row.
        gaps: label less probability; its square is the row's Brier score, its sums over bins make
            the calibration error.
        starts: position of the first row of each equal-mass bin, shape (K,).
        ends: position of the last row of each distinct score, shape (k,).
    """

    labels: Floats
    patients: Ints
    losses: Floats
    gaps: Floats
    starts: Ints
    ends: Ints


def sample_of(labels: Ints, probabilities: Floats, patients: Ints, losses: Floats) -> Sample:
    """Sort rows for `resample`.

    Patients are renumbered along, so that looking up their weights stays within the cache.
    """
    rank = ranking(probabilities)
    order = rank.order
    bins = bins_of(probabilities)[order]
    starts = np.flatnonzero(np.append(True, bins[1:] != bins[:-1]))
    renumbered = pd.factorize(patients[order])[0].astype(np.int64)
    return Sample(
        labels[order].astype(np.float64),
        renumbered,
        losses[order],
        (labels - probabilities)[order],
        starts,
        rank.ends,
    )


@dataclass(frozen=True, eq=False)
class Replicates:
    """Figures of every replicate, shape (B,) each, `tpr` (B, 101) over `FPR_GRID`.

    Replicates of one class only are left out.

    `sensitivity` and `specificity` are those at the other's 90 %.
    """

    prevalence: Floats
    log_loss: Floats
    brier: Floats
    ece: Floats
    pr_auc: Floats
    sensitivity: Floats
    specificity: Floats
    tpr: Floats


def resample(sample: Sample, replicates: int, rng: np.random.Generator) -> Replicates:
    """Draw patients with replacement, each with all of its rows (Efron & Tibshirani 1993).

    Not stratified: the number of positives varies, as it would in another cohort.

    Args:
        sample: the rows.
        replicates: number of cohorts drawn.
        rng: the only source of randomness.
    """
    count = int(sample.patients.max()) + 1
    squares = sample.gaps**2
    figures = []
    curves = []
    for _ in range(replicates):
        weights = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)[
            sample.patients
        ]
        hits = np.cumsum(weights * sample.labels)[sample.ends]
        rows = np.cumsum(weights)[sample.ends]
        n = rows[-1]
        if hits[-1] in (0, n):
            continue
        error = np.abs(np.add.reduceat(weights * sample.gaps, sample.starts)).sum() / n
        means = (hits[-1] / n, np.sum(weights * sample.losses) / n, np.sum(weights * squares) / n)
        curves.append(highest_tpr(hits, rows, FPR_GRID))
        at_rate = (curves[-1][round((1 - RATE) * 100)], specificity_at(RATE, hits, rows))
        figures.append((*means, error, average_precision(hits, rows), *at_rate))
    prevalence, loss, brier, ece, pr_auc, sensitivity, specificity = np.array(figures).T
    return Replicates(
        prevalence, loss, brier, ece, pr_auc, sensitivity, specificity, np.array(curves)
    )


def interval(value: float, draws: Floats) -> Interval:
    """The bias-corrected percentile interval, widened where needed to hold the value itself.

    Efron 1987, acceleration 0.

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
