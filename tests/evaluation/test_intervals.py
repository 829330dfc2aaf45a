"""Closed-form intervals against definitions, published examples and simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from lungnet.evaluation.intervals import (
    Z,
    auc_and_variance,
    proportion,
    roc_auc,
    roc_auc_gain,
    wilson,
)


def delong_by_definition(labels, scores):
    """DeLong et al. 1988 as printed.

    The kernel matrix, its row and column means, their sample variances.
    """
    x, y = scores[labels == 1], scores[labels == 0]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    v10, v01 = kernel.mean(axis=1), kernel.mean(axis=0)
    return kernel.mean(), v10.var(ddof=1) / x.size + v01.var(ddof=1) / y.size, (v10, v01)


def cohort(n, seed, levels=None):
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(np.int64)
    labels[:2], labels[2:4] = 0, 1
    scores = rng.normal(labels * 1.2, 1)
    return labels, scores if levels is None else np.round(scores * levels) / levels


@settings(max_examples=40, deadline=None)
@given(n=st.integers(8, 120), seed=st.integers(0, 10_000), levels=st.sampled_from([None, 1, 3]))
def test_area_and_variance_are_those_of_delongs_definition(n, seed, levels):
    labels, scores = cohort(n, seed, levels)
    area, variance = auc_and_variance(labels, scores, np.arange(n))
    wanted, wanted_variance, _ = delong_by_definition(labels, scores)
    assert area == pytest.approx(wanted, abs=1e-12)
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert variance == pytest.approx(wanted_variance, abs=1e-12)


def test_the_interval_is_delongs_on_the_logit_scale():
    labels, scores = cohort(200, 5)
    area, variance, _ = delong_by_definition(labels, scores)
    odds = np.log(area / (1 - area))
    half = norm.ppf(0.975) * np.sqrt(variance) / (area * (1 - area))
    found = roc_auc(labels, scores, np.arange(200))
    assert (found.low, found.high) == pytest.approx(
        (1 / (1 + np.exp(half - odds)), 1 / (1 + np.exp(-half - odds))), abs=1e-12
    )
    assert 0 < found.low < found.value < found.high < 1


def test_a_paired_gain_has_delongs_covariance():
    labels, scores = cohort(150, 6)
    others = scores + np.random.default_rng(7).normal(0, 1, 150)
    (a, _, (a10, a01)), (b, _, (b10, b01)) = (
        delong_by_definition(labels, scores),
        delong_by_definition(labels, others),
    )
    variance = np.var(a10 - b10, ddof=1) / a10.size + np.var(a01 - b01, ddof=1) / a01.size
    gain = roc_auc_gain(labels, scores, others, np.arange(150))
    assert gain.value == pytest.approx(a - b, abs=1e-12)
    assert gain.high - gain.low == pytest.approx(2 * Z * np.sqrt(variance), abs=1e-12)


def test_doubling_every_row_of_a_patient_changes_no_clustered_interval():
    labels, scores = cohort(90, 8)
    once = roc_auc(labels, scores, np.arange(90))
    twice = roc_auc(np.repeat(labels, 2), np.repeat(scores, 2), np.repeat(np.arange(90), 2))
    assert (twice.low, twice.value, twice.high) == pytest.approx(
        (once.low, once.value, once.high), abs=1e-12
    )
    hits = scores > 0.5
    one, two = (
        proportion(hits, np.arange(90)),
        proportion(np.repeat(hits, 2), np.repeat(np.arange(90), 2)),
    )
    assert (two.low, two.high) == pytest.approx((one.low, one.high), abs=0.002)


@pytest.mark.parametrize(("sign", "value"), [(1, 1.0), (-1, 0.0)])
def test_perfect_separation_still_has_a_wide_interval(sign, value):
    labels = np.repeat([0, 1], [12, 8])
    found = roc_auc(labels, sign * np.linspace(0, 1, 20), np.arange(20))
    assert found.value == value
    assert (found.low if sign > 0 else 1 - found.high) == pytest.approx(0.8, abs=0.1)
    assert (found.high if sign > 0 else found.low) == value


def test_a_constant_score_is_a_coin_with_an_interval_around_it():
    found = roc_auc(np.repeat([0, 1], [12, 8]), np.full(20, 0.3), np.arange(20))
    assert found.value == 0.5
    assert found.low < 0.35
    assert found.high > 0.65


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_is_scipys(n, share):
    hits = round(share * n)
    wanted = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_no_rows_have_no_proportion():
    assert proportion(np.zeros(0, bool), np.zeros(0, np.int64)) is None


@pytest.mark.slow
def test_clustered_intervals_cover_the_truth():
    """Patients with one to four correlated nodules, 300 patients.

    The truth from one very large cohort.
    """
    rng = np.random.default_rng(11)

    def draw(patients):
        of = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
        bent = rng.normal(0, 1, patients)[of]
        labels = (rng.random(of.size) < 0.4).astype(np.int64)
        return labels, labels * 1.5 + bent + rng.normal(0, 1, of.size), of

    labels, scores, _ = draw(400_000)
    area, accuracy = roc_auc_score(labels, scores), np.mean((scores > 0.75) == labels)
    covered = np.zeros(2)
    for _ in range(1000):
        labels, scores, of = draw(300)
        auc, share = roc_auc(labels, scores, of), proportion((scores > 0.75) == labels, of)
        covered += [auc.low <= area <= auc.high, share.low <= accuracy <= share.high]
    assert ((covered > 930) & (covered < 970)).all(), covered
