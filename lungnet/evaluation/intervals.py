"""Closed-form 95 % intervals.

The area under the ROC curve (DeLong, for patients with several rows Obuchowski) and proportions
(Wilson).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

LEVEL = 0.95
Z = float(norm.ppf(0.5 + LEVEL / 2))

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Keys `value`, `low`, `high`."""
        return {"value": self.value, "low": self.low, "high": self.high}


def roc_auc(labels: Ints, scores: Floats, patients: Ints) -> Interval:
    """Area under the ROC curve with the interval of DeLong et al. (1988), built on the logit scale.

    The variance is Obuchowski's (1997) for clustered data, which is DeLong's exactly when every
    patient has one row. The interval is symmetric in logit(AUC): it stays inside 0..1 and covers
    better than the plain one near the ends (Pepe 2003, section 5.2). Where the variance vanishes
    (perfect separation, one constant score) DeLong's method says nothing and Newcombe's method 5
    (2006) takes its place.

    Args:
        labels: 0 or 1, both present, shape (n,).
        scores: any finite numbers, higher for label 1, shape (n,).
        patients: 0..P-1, which patient a row belongs to, shape (n,).
    """
    area, variance = auc_and_variance(labels, scores, patients)
    if variance <= 1e-15 or not 0 < area < 1:
        low, high = _newcombe(
            area, np.unique(patients[labels == 1]).size, np.unique(patients[labels == 0]).size
        )
        return Interval(area, low, high)
    half = Z * np.sqrt(variance) / (area * (1 - area))
    return Interval(area, float(expit(logit(area) - half)), float(expit(logit(area) + half)))


def auc_and_variance(labels: Ints, scores: Floats, patients: Ints) -> tuple[float, float]:
    """AUC and its variance over patients (Obuchowski 1997, equations 4 to 8)."""
    area, components = _components(labels, scores)
    return area, _variance(labels, components, patients)


def roc_auc_gain(labels: Ints, scores: Floats, baseline_scores: Floats, patients: Ints) -> Interval:
    """AUC of `scores` less that of `baseline_scores`, with DeLong's paired interval.

    Clustered as in `roc_auc`.
    """
    area, components = _components(labels, scores)
    other_area, other_components = _components(labels, baseline_scores)
    gain = area - other_area
    half = Z * float(np.sqrt(_variance(labels, components - other_components, patients)))
    return Interval(gain, max(-1.0, gain - half), min(1.0, gain + half))


def _components(labels: Ints, scores: Floats) -> tuple[float, Floats]:
    """AUC, and by row the share of the other class that it is ranked rightly against, less the AUC.

    Sun & Xu (2014) get DeLong's structural components from overall and within-class midranks, in
    O(n log n).
    """
    positive, negative = labels == 1, labels == 0
    m, n = int(positive.sum()), int(negative.sum())
    ranks = rankdata(scores)
    area = float((ranks[positive].sum() - m * (m + 1) / 2) / (m * n))
    components = np.empty(labels.size)
    components[positive] = (ranks[positive] - rankdata(scores[positive])) / n - area
    components[negative] = 1 - (ranks[negative] - rankdata(scores[negative])) / m - area
    return area, components


def _variance(labels: Ints, components: Floats, patients: Ints) -> float:
    positive, negative = labels == 1, labels == 0
    m, n = int(positive.sum()), int(negative.sum())
    count = int(patients.max()) + 1
    sums_p = np.bincount(patients[positive], components[positive], minlength=count)
    sums_n = np.bincount(patients[negative], components[negative], minlength=count)
    s10 = _corrected(np.unique(patients[positive]).size) / m * float(sums_p @ sums_p)
    s01 = _corrected(np.unique(patients[negative]).size) / n * float(sums_n @ sums_n)
    s11 = _corrected(np.unique(patients).size) * float(sums_p @ sums_n)
    return max(0.0, s10 / m + s01 / n + 2 * s11 / (m * n))


def _corrected(clusters: int) -> float:
    return clusters / max(clusters - 1, 1)


def _newcombe(area: float, m: int, n: int) -> tuple[float, float]:
    """Newcombe (2006), Statistics in Medicine 25:559, method 5.

    A score-like interval with Hanley and McNeil's variance.
    """
    half = (m + n) / 2 - 1

    def distance(theta: float) -> float:
        """Of a bound from its place under the normal law."""
        spread = (
            theta
            * (1 - theta)
            * (1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta))
            / (m * n)
        )
        return (theta - area) ** 2 - Z**2 * spread

    low = 0.0 if area <= 0 else float(brentq(distance, 0.0, area * (1 - 1e-12)))
    high = 1.0 if area >= 1 else float(brentq(distance, area + (1 - area) * 1e-12, 1.0))
    return low, high


def proportion(hits: NDArray[np.bool_], patients: Ints) -> Interval | None:
    """Share of hits with Wilson's interval (1927); None without rows.

    Several rows of one patient count as fewer than independent ones: the number of trials is
    divided by the design effect of the cluster sums (Rao & Scott 1992), and never exceeds the
    number of rows.

    Args:
        hits: shape (n,).
        patients: which patient each row belongs to, shape (n,).
    """
    n = hits.size
    if n == 0:
        return None
    share = float(hits.mean())
    low, high = wilson(share, n / _design_effect(hits, patients, share))
    return Interval(share, low, high)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share among `n` (effective) trials."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * float(np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)))
    return min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)


def _design_effect(hits: NDArray[np.bool_], patients: Ints, share: float) -> float:
    clusters, inverse = np.unique(patients, return_inverse=True)
    if clusters.size == hits.size:
        return 1.0
    if share in (0.0, 1.0) or clusters.size == 1:
        return hits.size / clusters.size  # no variance to estimate from: a patient counts once
    sums = np.bincount(inverse, hits - share)
    clustered = _corrected(clusters.size) * float(sums @ sums)
    return max(1.0, clustered / (hits.size * share * (1 - share)))
