"""Diameter and brightness as a baseline, and the figures by number of readers."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from lungnet.errors import PredictionsError
from lungnet.evaluation.intervals import roc_auc, roc_auc_gain
from lungnet.evaluation.metrics import evaluate_table
from lungnet.evaluation.predictions import check_predictions
from lungnet.evaluation.scoring_config import ScoringConfig

QUICK = ScoringConfig(replicates=100)


def table_of(n=200, seed=0, **more):
    """Two rows a patient; the baseline sees what the model sees through more noise."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.4).astype(int)
    label[:2], label[2:4] = 0, 1
    logit = rng.normal(label * 2.0 - 1.0, 1)
    return pd.DataFrame(
        {
            "patient_id": [f"p{i // 2:04d}" for i in range(n)],
            "sample": range(n),
            "fold": np.arange(n) // 2 % 5,
            "label": label,
            "probability": 1 / (1 + np.exp(-logit)),
            "diameter_and_brightness": 1 / (1 + np.exp(-logit - rng.normal(0, 2, n))),
            "readers": rng.choice([1, 2, 3, 4], n),
        }
    ).assign(**more)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(20, 200), seed=st.integers(0, 1000))
def test_the_baselines_figures_are_scikit_learns(n, seed):
    table = table_of(n, seed)
    baseline = evaluate_table(table, QUICK).diameter_and_brightness
    y, p = table["label"], table["diameter_and_brightness"]
    gain = peer.roc_auc_score(y, table["probability"]) - peer.roc_auc_score(y, p)
    assert baseline.roc_auc.value == pytest.approx(peer.roc_auc_score(y, p))
    assert baseline.roc_auc_gain.value == pytest.approx(gain)
    assert baseline.log_loss == pytest.approx(peer.log_loss(y, p))
    assert baseline.brier == pytest.approx(peer.brier_score_loss(y, p))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_beyond_the_baseline_means_a_paired_gain_whose_lower_bound_is_above_zero(seed):
    table = table_of(80, seed)
    found = evaluate_table(table, QUICK)
    gain = roc_auc_gain(
        table["label"].to_numpy(),
        table["probability"].to_numpy(),
        table["diameter_and_brightness"].to_numpy(),
        pd.factorize(table["patient_id"])[0],
    )
    assert found.diameter_and_brightness.roc_auc_gain == gain
    assert found.beyond_baseline is (gain.low > 0)


def test_the_model_against_itself_has_no_skill_beyond():
    table = table_of()
    table["diameter_and_brightness"] = table["probability"]
    found = evaluate_table(table, QUICK)
    assert found.verdict == "skill"
    assert found.beyond_baseline is False
    baseline = found.diameter_and_brightness
    assert (baseline.roc_auc, baseline.accuracy, baseline.threshold) == (
        found.figure("roc_auc"),
        found.figure("accuracy"),
        found.threshold.value,
    )


def test_metrics_json_holds_the_baseline_and_whether_it_is_beaten():
    written = json.loads(json.dumps(evaluate_table(table_of(), QUICK).to_json()))
    assert written["beyond_baseline"] is True
    baseline = written["baselines"]["diameter_and_brightness"]
    assert set(baseline) == {
        "roc_auc",
        "roc_auc_gain",
        "accuracy",
        "log_loss",
        "brier",
        "threshold",
    }
    assert baseline["roc_auc_gain"]["low"] > 0


@pytest.mark.parametrize("of_rows", [None, np.nan, ""])
def test_without_the_column_nothing_is_said_of_the_baseline(of_rows):
    table = table_of().drop(columns="diameter_and_brightness")
    if of_rows is not None:
        table["diameter_and_brightness"] = of_rows
    written = evaluate_table(table, QUICK).to_json()
    assert written["baselines"]["diameter_and_brightness"] is None
    assert written["beyond_baseline"] is None


def test_a_baseline_of_some_scored_rows_only_is_told():
    table = table_of()
    table.loc[[5, 7], "diameter_and_brightness"] = np.nan
    with pytest.raises(PredictionsError, match=r"empty in 2 of 200 scored rows.*'p0002'"):
        evaluate_table(table, QUICK)


def test_training_rows_need_no_baseline():
    table = table_of(split=np.where(np.arange(200) < 100, "train", "test"), fold=-1)
    table.loc[table["split"] == "train", "diameter_and_brightness"] = np.nan
    assert evaluate_table(table, QUICK).beyond_baseline is not None


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("diameter_and_brightness", "1.2", "a number from 0 to 1, or nothing"),
        ("diameter_and_brightness", "likely", "a number from 0 to 1, or nothing"),
        ("readers", "0", "a whole number from 1 to 1000, or nothing"),
        ("readers", "2.5", "a whole number from 1 to 1000, or nothing"),
        ("readers", "four", "a whole number from 1 to 1000, or nothing"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_row_and_column(column, value, expected):
    table = table_of().astype({column: object})
    table.loc[2, column] = value
    with pytest.raises(PredictionsError, match=f"row 3, column {column}: '{value}' where") as told:
        check_predictions(table)
    assert expected in str(told.value)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(20, 200), seed=st.integers(0, 1000), unknown=st.booleans())
def test_subgroups_part_the_rows_and_are_scored_as_tables_of_their_own(n, seed, unknown):
    table = table_of(n, seed)
    if unknown:
        table.loc[::3, "readers"] = np.nan
    found = evaluate_table(table, QUICK)
    assert sum(group.n for group in found.subgroups) == found.n
    assert sum(group.positives for group in found.subgroups) == found.positives
    losses = [group.n * group.log_loss for group in found.subgroups]
    assert sum(losses) / found.n == pytest.approx(found.figure("log_loss").value)
    for group in found.subgroups:
        is_member = (
            table["readers"].isna() if group.value is None else table["readers"].eq(group.value)
        )
        rows = table[is_member]
        assert (group.n, group.patients) == (len(rows), rows["patient_id"].nunique())
        if group.roc_auc is not None:
            assert group.roc_auc == roc_auc(
                rows["label"].to_numpy(),
                rows["probability"].to_numpy(),
                pd.factorize(rows["patient_id"])[0],
            )


def test_subgroups_rise_and_those_of_one_class_have_no_area():
    table = table_of(40, readers=3.0)
    table.loc[:3, "readers"] = [1, 1, np.nan, np.nan]
    written = json.loads(json.dumps(evaluate_table(table, QUICK).to_json()))["subgroups"]
    assert [(group["column"], group["value"], group["n"]) for group in written] == [
        ("readers", 1, 2),
        ("readers", 3, 36),
        ("readers", None, 2),
    ]
    assert [group["roc_auc"] is None for group in written] == [True, False, True]
    assert written[0]["log_loss"] > 0


def test_without_readers_there_are_no_subgroups():
    assert evaluate_table(table_of().drop(columns="readers"), QUICK).to_json()["subgroups"] == []


@pytest.mark.parametrize(("noise", "written"), [("", None), ("One in six differs.",) * 2])
def test_what_is_known_of_the_labels_noise_stands_in_metrics_json(noise, written):
    config = ScoringConfig(replicates=100, label_noise=noise)
    assert evaluate_table(table_of(), config).to_json()["label_noise"] == written
