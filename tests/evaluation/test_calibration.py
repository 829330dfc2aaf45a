"""Calibration: honest on large cohorts, calm on small ones, numbers only."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from lungnet.errors import PredictionsError
from lungnet.evaluation.calibration import METHODS, Calibration, fit_calibration, logits_of


def draw(n, scale, offset, seed=0):
    """Logits z such that the true probability is sigmoid(scale * z + offset)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2 / scale, n)
    return (rng.random(n) < expit(scale * logits + offset)).astype(int), logits


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
def test_temperature_recovers_the_truth_on_many_patients(scale):
    found = fit_calibration(*draw(40_000, scale, 0.0), "temperature")
    assert found.scale == pytest.approx(scale, rel=0.03)
    assert found.offset == 0.0


def test_platt_is_logistic_regression_on_many_patients():
    labels, logits = draw(20_000, 0.5, -1.5)
    peer = LogisticRegression(C=np.inf).fit(logits[:, None], labels)
    found = fit_calibration(labels, logits, "platt")
    assert (found.scale, found.offset) == pytest.approx(
        (peer.coef_[0, 0], peer.intercept_[0]), abs=3e-3
    )


def test_none_changes_nothing():
    assert fit_calibration([0, 1], [-3.0, 2.0], "none").apply(1.5) == expit(1.5)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 40),
    seed=st.integers(0, 999),
    spread=st.sampled_from([1e-6, 1.0, 1e3, 1e9]),
    method=st.sampled_from(METHODS),
)
def test_any_few_patients_give_finite_numbers_that_keep_the_order(n, seed, spread, method):
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(0, 2, n), np.sort(rng.normal(0, spread, n))
    found = fit_calibration(labels, logits, method)
    p = found.apply(logits)
    assert np.isfinite(p).all()
    assert (np.diff(p) >= 0).all()


def test_thirty_patients_of_an_overconfident_network_are_helped():
    gains = []
    for seed in range(60):
        labels, logits = draw(30, 0.2, 0.0, seed)
        new_labels, new_logits = draw(3000, 0.2, 0.0, 1000 + seed)

        def loss(calibration, truth=new_labels, values=new_logits):
            return -np.log(
                np.clip(
                    np.where(truth == 1, calibration.apply(values), 1 - calibration.apply(values)),
                    1e-15,
                    1,
                )
            ).mean()

        gains.append(loss(Calibration()) - loss(fit_calibration(labels, logits)))
    assert np.mean(gains) > 0.5
    assert np.mean(np.array(gains) > 0) > 0.95


def test_separated_patients_do_not_become_certain():
    found = fit_calibration(np.repeat([0, 1], 15), np.repeat([-1.0, 1.0], 15))
    assert 0.9 < found.apply(1.0) < 0.999


def test_it_travels_as_json_and_pickle():
    found = fit_calibration(*draw(50, 0.7, 0.3), "platt")
    assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"method": "platt", "scale": 1.0},
        {"method": "isotonic", "scale": 1.0, "offset": 0.0},
        {"method": "platt", "scale": -1.0, "offset": 0.0},
        {"method": "platt", "scale": float("nan"), "offset": 0.0},
        {"method": "platt", "scale": True, "offset": 0.0},
        {"method": "platt", "scale": "1", "offset": 0.0},
    ],
)
def test_a_damaged_calibration_is_refused(value):
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_json(value)


@pytest.mark.parametrize(
    ("labels", "logits", "told"),
    [
        ([], [], "at least one"),
        ([0], [1.0, 2.0], "labels for"),
        ([2], [1.0], "label 2"),
        ([1], [np.nan], "not finite"),
    ],
)
def test_what_cannot_be_fitted_is_told(labels, logits, told):
    with pytest.raises(PredictionsError, match=told):
        fit_calibration(labels, logits)


def test_logits_of_certain_probabilities_are_finite():
    assert logits_of([0.0, 0.5, 1.0]).tolist() == [-40.0, 0.0, 40.0]
