"""Scores of a table against scikit-learn, closed forms and simulation."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from lungnet.evaluation.metrics import evaluate_table
from lungnet.evaluation.predictions import read_predictions
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.evaluation.thresholds import most_accurate

QUICK = ScoringConfig(replicates=200)


def table_of(n=120, seed=0, **more):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.35).astype(int)
    label[:2], label[2:4] = 0, 1
    probability = 1 / (1 + np.exp(-rng.normal(label * 1.6 - 1.2, 1)))
    return pd.DataFrame(
        {
            "patient_id": [f"p{i:04d}" for i in range(n)],
            "label": label,
            "probability": probability,
            **more,
        }
    )


@settings(max_examples=15, deadline=None)
@given(n=st.integers(12, 200), seed=st.integers(0, 1000), digits=st.sampled_from([1, 2, 15]))
def test_every_figure_is_scikit_learns(n, seed, digits):
    table = table_of(n, seed)
    table["probability"] = table["probability"].round(digits)
    found = evaluate_table(table, QUICK)
    y, p = table["label"], table["probability"]
    called = p >= 0.5
    wanted = {
        "roc_auc": peer.roc_auc_score(y, p),
        "pr_auc": peer.average_precision_score(y, p),
        "log_loss": peer.log_loss(y, p),
        "brier": peer.brier_score_loss(y, p),
        "accuracy": peer.accuracy_score(y, called),
        "sensitivity": peer.recall_score(y, called),
        "specificity": peer.recall_score(y, called, pos_label=0),
        "ppv": peer.precision_score(y, called) if called.any() else None,
        "npv": peer.precision_score(y, called, pos_label=0) if not called.all() else None,
    }
    fpr, tpr, _ = peer.roc_curve(y, p, drop_intermediate=False)
    wanted["sensitivity_at_specificity_90"] = tpr[fpr <= 0.1 + 1e-12].max()
    wanted["specificity_at_sensitivity_90"] = (1 - fpr[tpr >= 0.9 - 1e-12]).max()
    for name, value in wanted.items():
        figure = found.figures[name]
        assert (figure is None) == (value is None), name
        if figure is not None:
            assert figure.value == pytest.approx(value, abs=1e-12), name
            assert figure.low <= figure.value <= figure.high


def test_certain_and_wrong_predictions_cost_what_scikit_learn_says():
    table = table_of(20)
    table["probability"] = 1.0 - table["label"]
    assert evaluate_table(table, QUICK).figure("log_loss").value == pytest.approx(
        peer.log_loss(table["label"], table["probability"]), abs=1e-12
    )


def test_calibration_error_over_equal_mass_bins():
    probability = np.repeat([0.1, 0.3, 0.8], [10, 10, 10])
    label = np.concatenate(
        [np.eye(1, 10, 0)[0], np.repeat([1, 0], [5, 5]), np.repeat([1, 0], [6, 4])]
    ).astype(int)
    table = pd.DataFrame({"patient_id": range(30), "label": label, "probability": probability})
    found = evaluate_table(table, QUICK)
    assert [one.n for one in found.reliability] == [10, 10, 10]
    assert found.figure("ece").value == pytest.approx((0.0 + 0.2 + 0.2) / 3)


def test_the_same_table_gives_the_same_figures_in_any_order_of_rows_but_for_rounding():
    table = table_of()
    one, two = evaluate_table(table, QUICK).to_json(), evaluate_table(table, QUICK).to_json()
    assert one == two
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    turned = evaluate_table(table.iloc[::-1], QUICK)
    assert turned.figure("log_loss").value == pytest.approx(one["log_loss"]["value"], abs=1e-12)


def test_another_seed_moves_only_bootstrap_intervals():
    one, two = (
        evaluate_table(table_of(), ScoringConfig(replicates=200, seed=seed)) for seed in (1, 2)
    )
    assert one.figure("roc_auc") == two.figure("roc_auc")
    assert one.figure("log_loss").value == two.figure("log_loss").value
    assert one.figure("log_loss") != two.figure("log_loss")


def test_a_bootstrap_interval_of_a_mean_is_close_to_the_normal_one():
    table = table_of(800, 3)
    losses = (table["probability"] - table["label"]) ** 2
    half = 1.96 * losses.std() / np.sqrt(800)
    found = evaluate_table(table).figure("brier")
    assert (found.low, found.high) == pytest.approx(
        (losses.mean() - half, losses.mean() + half), rel=0.03
    )


def test_rows_of_one_patient_count_together():
    table = table_of(100, 4)
    twice = pd.concat([table.assign(sample="a"), table.assign(sample="b")])
    one, two = evaluate_table(table), evaluate_table(twice)
    assert (two.n, two.patients) == (200, 100)
    for name in ("roc_auc", "log_loss", "pr_auc", "accuracy"):
        assert two.figure(name).value == pytest.approx(one.figure(name).value, abs=1e-12)
        assert two.figure(name).high - two.figure(name).low == pytest.approx(
            one.figure(name).high - one.figure(name).low, rel=0.08
        )


def test_the_verdict_needs_both_ranking_and_probabilities():
    good = table_of(200, 5)
    assert evaluate_table(good, QUICK).verdict == "skill"
    assert (
        evaluate_table(
            good.assign(probability=np.random.default_rng(1).permutation(good["probability"])),
            QUICK,
        ).verdict
        == "no skill"
    )
    too_sure = good.assign(probability=0.999 - 0.0005 * (1 - good["probability"]))
    assert evaluate_table(too_sure, QUICK).figure("roc_auc").low > 0.5
    assert evaluate_table(too_sure, QUICK).verdict == "no skill"


def test_test_rows_are_scored_and_validation_rows_choose_the_threshold():
    table = table_of(160, 6, split=["train"] * 60 + ["validation"] * 40 + ["test"] * 60)
    found = evaluate_table(table, QUICK)
    held = table[table["split"] == "validation"]
    assert (found.split, found.n) == ("test", 60)
    assert found.threshold.source == "validation"
    assert found.threshold.value == most_accurate(
        held["label"].to_numpy(), held["probability"].to_numpy()
    )
    assert found.prior.source == "train"
    assert found.prior.probability == pytest.approx(table["label"][:60].mean())
    assert evaluate_table(table, ScoringConfig(split="train", replicates=200)).n == 60


def test_out_of_fold_rows_take_the_threshold_of_the_other_folds():
    table = table_of(150, 7, fold=np.arange(150) % 3)
    table.loc[1, "patient_id"] = "p0000"  # a patient with rows in two folds teaches neither
    table["sample"] = range(150)
    found = evaluate_table(table, QUICK)
    assert (found.split, found.threshold.source) == ("out-of-fold", "other folds")
    other = table[(table["fold"] != 0) & (table["patient_id"] != "p0000")]
    assert dict(found.threshold.by_fold)[0] == most_accurate(
        other["label"].to_numpy(), other["probability"].to_numpy()
    )
    assert any("several folds" in note for note in found.notes)


def test_a_given_threshold_and_none_to_choose_on():
    assert (
        evaluate_table(table_of(), ScoringConfig(threshold=0.2, replicates=200)).to_json()[
            "threshold"
        ]["source"]
        == "given"
    )
    assert evaluate_table(table_of(), QUICK).to_json()["threshold"] == {
        "value": 0.5,
        "source": "default",
        "by_fold": {},
    }


@pytest.mark.parametrize(
    ("labels", "scores", "threshold"),
    [
        ([0, 0, 1, 1], [1, 2, 4, 5], 3.0),
        ([1, 1], [3, 4], 3.0),
        ([0, 0], [1, 2], 2.0),
        ([1, 0], [1, 2], 2.0),
        ([0, 1, 0, 1], [1, 2, 3, 4], 3.5),
    ],
)
def test_the_most_accurate_threshold(labels, scores, threshold):
    assert most_accurate(np.array(labels), np.array(scores, float)) == pytest.approx(threshold)


def test_a_patient_in_train_and_test_is_told():
    table = table_of(80, 8, split=["train"] * 40 + ["test"] * 40)
    table.loc[60, "patient_id"] = "p0001"
    assert any("also in split train" in note for note in evaluate_table(table, QUICK).notes)


def test_a_diameter_that_says_nothing_and_one_that_says_all():
    table = table_of(120, 9)
    assert evaluate_table(table, QUICK).largest_diameter is None
    blind = evaluate_table(table.assign(diameter_mm=10.0), QUICK).largest_diameter
    assert blind.roc_auc.value == 0.5
    sharp = evaluate_table(
        table.assign(diameter_mm=np.where(table["label"] == 1, 20.0, np.nan)), QUICK
    ).largest_diameter
    assert sharp.roc_auc.value == sharp.accuracy.value == 1.0
    assert sharp.roc_auc_gain.high < 0


@pytest.mark.real_data
def test_the_diameter_alone_on_real_nodules(shared_data):
    arrays = np.load(shared_data / "nodules/luna1004_slices.npz")
    table = pd.DataFrame(
        {name: arrays[name] for name in ("patient_id", "label", "fold", "diameter_mm")}
    ).assign(sample=range(994), probability=0.5)
    diameter = evaluate_table(table, QUICK).largest_diameter
    assert diameter.roc_auc.value == pytest.approx(0.894, abs=5e-4)
    assert diameter.accuracy.value == pytest.approx(0.831, abs=5e-4)


@pytest.mark.real_data
def test_a_real_contest_entry(shared_data):
    found = evaluate_table(read_predictions(shared_data / "dsb2017/second_place_member_stage1.csv"))
    assert found.n == 1595
    assert [round(found.figure(name).value, 4) for name in ("roc_auc", "log_loss", "brier")] == [
        0.8607,
        0.3936,
        0.1230,
    ]
    assert found.verdict == "skill"


@pytest.mark.slow
def test_intervals_cover_the_truth():
    """1,000 cohorts of 300 from a binormal law with calibrated probabilities.

    The truth from one very large cohort.
    """
    rng = np.random.default_rng(12)

    def draw(n):
        label = (rng.random(n) < 0.3).astype(int)
        logit = np.log(0.3 / 0.7) + 1.5 * rng.normal(label * 1.5, 1) - 1.5**2 / 2
        return pd.DataFrame(
            {"patient_id": np.arange(n), "label": label, "probability": 1 / (1 + np.exp(-logit))}
        )

    names = (
        "roc_auc",
        "pr_auc",
        "log_loss",
        "brier",
        "accuracy",
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "prevalence",
    )
    names += (
        "sensitivity_at_specificity_90",
        "specificity_at_sensitivity_90",
        "log_loss_gain",
        "brier_skill",
    )
    known = ScoringConfig(replicates=1000, train_prevalence=0.3)
    truth = evaluate_table(draw(600_000), ScoringConfig(replicates=100, train_prevalence=0.3))
    covered = dict.fromkeys(names, 0)
    for _ in range(1000):
        found = evaluate_table(draw(300), known)
        for name in names:
            covered[name] += (
                found.figure(name).low <= truth.figure(name).value <= found.figure(name).high
            )
    assert all(930 <= count <= 970 for count in covered.values()), covered
