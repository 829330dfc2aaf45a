"""A model on another cohort, as a person asks for it: figures, a page, and what to know of them."""

import json

import numpy as np
import pandas as pd
import pytest

from lungnet.cli.main import main


@pytest.fixture
def nodules(tmp_path):
    """An npz of 60 nodules of 50 patients whose diameter tells the label."""
    rng = np.random.default_rng(3)
    label = np.arange(60) % 2
    native = rng.normal(-850, 30, (60, 71, 71)).astype(np.int16)
    native[:, 30:41, 30:41] += 700
    path = tmp_path / "other.npz"
    np.savez(
        path,
        native71=native,
        pixel_spacing_mm=np.full(60, 0.7),
        label=label,
        patient_id=np.array([f"p{i % 50}" for i in range(60)]),
        diameter_mm=rng.uniform(4, 12, 60) + 3 * label,
    )
    return path


def evaluate(*words):
    return main(["evaluate", *map(str, words), "--quiet"])


def test_a_model_gets_its_figures_on_another_cohort(nodule_bundle, nodules, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate(nodule_bundle, "--cohort", nodules, "--out", out, "--json") == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics == json.loads((out / "metrics.json").read_text())
    assert (metrics["n"], metrics["patients"], metrics["split"]) == (60, 50, "all")
    assert {"value", "low", "high"} <= set(metrics["baselines"]["largest_diameter"]["roc_auc_gain"])
    prior = metrics["baselines"]["prior"]
    assert (prior["probability"], prior["source"]) == (0.25, "train")
    assert not metrics["synthetic"]
    assert any("cannot be checked" in note for note in metrics["notes"])
    page = (out / "report.html").read_text()
    for words in ("cannot be checked", "trained elsewhere", "not pathology", "other.npz"):
        assert words in page
    assert "data:image/png;base64," in page


def test_its_predictions_can_be_scored_again(nodule_bundle, nodules, tmp_path, capsys):
    evaluate(nodule_bundle, "--cohort", nodules, "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert len(table) == 60
    assert evaluate(tmp_path / "out" / "predictions.csv", "--out", tmp_path / "again") == 0
    figures = [
        json.loads((tmp_path / name / "metrics.json").read_text())["roc_auc"]["value"]
        for name in ("out", "again")
    ]
    assert figures[0] == pytest.approx(figures[1])


def test_the_library_scores_a_model_on_a_cohort(nodule_bundle, nodules, tmp_path):
    import lungnet

    metrics = lungnet.evaluate(nodule_bundle, tmp_path / "out", cohort=nodules)
    assert metrics.n == 60


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["MODEL"], 3, "holds no predictions.csv; expected a run folder"),
        (["MODEL", "--cohort", "none.npz"], 3, "none.npz: No such file"),
        (["MODEL", "--cohort", "COHORT", "--split", "test"], 2, "--cohort is scored whole"),
        (["MODEL", "--cohort", "COHORT", "--labels", "x.csv"], 2, "data.labels does nothing"),
        (["MODEL", "--labels", "x.csv"], 2, "--labels goes with --cohort"),
        (["nodules-none", "--cohort", "COHORT"], 4, "nodules-none: no such bundle"),
        (["nodules-x"], 2, "nodules-x is a model; give --cohort"),
    ],
)
def test_what_does_not_go_together_is_one_line(request, capsys, monkeypatch, words, code, sentence):
    from lungnet.models import shipped

    folder = request.getfixturevalue("tmp_path")
    (folder / "pretrained" / "nodules-x").mkdir(parents=True)
    (folder / "pretrained" / "nodules-x" / "manifest.json").write_text("{}")
    monkeypatch.setattr(shipped, "PRETRAINED", folder / "pretrained")
    named = {
        "MODEL": request.getfixturevalue("nodule_bundle"),
        "COHORT": request.getfixturevalue("nodules"),
    }
    assert evaluate(*(named.get(word, word) for word in words), "--out", folder / "out") == code
    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert "\n" not in told
    assert not (folder / "out").exists()
