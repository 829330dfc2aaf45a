"""Scores and labels come in.

The curves behind the figures go out: ROC, precision-recall, reliability, operating points.
"""

from dataclasses import dataclass

import numpy as np

from lungnet.evaluation.intervals import Floats, Interval, Ints, proportion, wilson

BINS = 10
SMALLEST_BIN = 10
"""Rows in a bin of the reliability diagram, at least; below it a bin's share says nothing."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows grouped by distinct score, highest first: what ROC and precision-recall are made of.

    Attributes:
        order: indices of the rows, highest score first, shape (n,).
        ends: position in `order` of the last row of each distinct score, shape (k,).
        thresholds: the distinct scores, falling, shape (k,).
    """

    order: Ints
    ends: Ints
    thresholds: Floats

    def counts(self, labels: Floats) -> tuple[Floats, Floats]:
        """Positives and rows at or above each distinct score, shapes (k,).

        For labels (or weights) in table order.
        """
        hits: Floats = np.cumsum(labels[self.order])[self.ends]
        return hits, np.asarray(self.ends + 1, np.float64)


def ranking(scores: Floats) -> Ranking:
    """Sort scores once; ties stay together."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), scores.size - 1)
    return Ranking(order, ends, falling[ends])


@dataclass(frozen=True, eq=False)
class Curve:
    """Points (x, y), with (low, high) around y where a band is known; all of one shape."""

    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None


def roc_curve(labels: Ints, scores: Floats) -> Curve:
    """False against true positive rate from (0, 0) to (1, 1), a point for each distinct score."""
    hits, rows = ranking(scores).counts(labels.astype(np.float64))
    alarms = rows - hits
    return Curve(np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1]))


def precision_recall_curve(labels: Ints, scores: Floats) -> Curve:
    """Recall against precision, a point for each distinct score, highest first."""
    hits, rows = ranking(scores).counts(labels.astype(np.float64))
    return Curve(hits / hits[-1], hits / rows)


def average_precision(hits: Floats, rows: Floats) -> float:
    """Area below the precision-recall steps, as scikit-learn's `average_precision_score`.

    From counts at each threshold.
    """
    gained = np.diff(hits, prepend=0.0)
    used = np.flatnonzero(gained)
    return float(np.sum(gained[used] * hits[used] / rows[used]) / hits[-1])


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of the reliability diagram.

    Rows of neighboring probability, what was said and what came true.
    """

    n: int
    positives: int
    lowest: float
    highest: float
    predicted: float
    observed: Interval


def bins_of(probabilities: Floats) -> Ints:
    """The equal-mass bin of each row, 0..K-1.

    Equal probabilities share a bin, so bins may differ in size.

    Ten bins, fewer where they would hold less than ten rows each.
    """
    n_bins = int(np.clip(probabilities.size // SMALLEST_BIN, 1, BINS))
    ordered = np.sort(probabilities)
    rank = np.searchsorted(ordered, probabilities, side="left")
    return np.unique(rank * n_bins // probabilities.size, return_inverse=True)[1].astype(np.int64)


def reliability(labels: Ints, probabilities: Floats, patients: Ints) -> tuple[ReliabilityBin, ...]:
    """The reliability diagram's bins, lowest probability first, Wilson intervals over patients."""
    bin_of = bins_of(probabilities)
    bins = []
    for number in range(int(bin_of.max()) + 1):
        inside = bin_of == number
        p = probabilities[inside]
        observed = proportion(labels[inside] == 1, patients[inside])
        assert observed is not None
        bins.append(
            ReliabilityBin(
                p.size,
                int(labels[inside].sum()),
                float(p.min()),
                float(p.max()),
                float(p.mean()),
                observed,
            )
        )
    return tuple(bins)


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Mean distance between predicted and observed share (Naeini et al. 2015, equal-mass bins)."""
    return sum(b.n * abs(b.observed.value - b.predicted) for b in bins) / sum(b.n for b in bins)


@dataclass(frozen=True)
class OperatingPoint:
    """What one threshold would give on these rows.

    Its threshold was chosen on them, so it flatters a little.
    """

    aim: str
    threshold: float
    sensitivity: Interval
    specificity: Interval


def operating_points(labels: Ints, scores: Floats) -> tuple[OperatingPoint, ...]:
    """The thresholds that just reach a sensitivity or specificity, and the other rate there.

    Wilson intervals over rows.
    """
    rank = ranking(scores)
    hits, rows = rank.counts(labels.astype(np.float64))
    m, n = hits[-1], rows[-1] - hits[-1]
    sensitivity, specificity = hits / m, 1 - (rows - hits) / n
    points = []
    for rate in (0.95, 0.90, 0.80):
        index = int(np.flatnonzero(sensitivity >= rate - 1e-12)[0])
        points.append(
            _point(
                f"sensitivity at least {round(rate * 100)}\u00a0%",
                rank.thresholds[index],
                (sensitivity[index], m),
                (specificity[index], n),
            )
        )
    for rate in (0.80, 0.90, 0.95):
        reached = np.flatnonzero(specificity >= rate - 1e-12)
        if reached.size:
            index = int(reached[-1])
            points.append(
                _point(
                    f"specificity at least {round(rate * 100)}\u00a0%",
                    rank.thresholds[index],
                    (sensitivity[index], m),
                    (specificity[index], n),
                )
            )
    return tuple(points)


def _point(
    aim: str, threshold: float, sensitivity: tuple[float, float], specificity: tuple[float, float]
) -> OperatingPoint:
    rates = [
        Interval(float(rate), *wilson(float(rate), count))
        for rate, count in (sensitivity, specificity)
    ]
    return OperatingPoint(aim, float(threshold), rates[0], rates[1])


def highest_tpr(hits: Floats, rows: Floats, grid: Floats) -> Floats:
    """The highest true positive rate at a false positive rate of at most each value of `grid`.

    Args:
        hits: positives at or above each distinct score, highest score first, shape (k,).
        rows: rows at or above it.
        grid: false positive rates, 0..1.
    """
    alarms = rows - hits
    indices = np.searchsorted(alarms, grid * alarms[-1] + 1e-9, side="right")
    return np.where(indices > 0, hits[indices - 1] / hits[-1], 0.0)


def specificity_at(sensitivity: float, hits: Floats, rows: Floats) -> float:
    """The highest specificity whose sensitivity is at least as wanted.

    Counts as in `highest_tpr`.
    """
    alarms = rows - hits
    return float(1 - alarms[np.searchsorted(hits, sensitivity * hits[-1] - 1e-9)] / alarms[-1])
