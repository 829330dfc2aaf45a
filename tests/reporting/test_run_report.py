"""From a run folder or a CSV to a report, and the command around it."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest

from lungnet.cli import evaluate
from lungnet.errors import PredictionsError, UsageError
from lungnet.reporting.run_report import report_predictions

CONFIG = """\
data: {kind: nodules, path: %s, folds: 2}
input: {kind: nodule, size: [16, 16]}
"""


def make_run(folder):
    rng = np.random.default_rng(4)
    n = 40
    label = np.arange(n) % 2
    images = rng.integers(-1000, 200, (n, 16, 16)).astype(np.int16)
    patients = np.array([f"p{i}" for i in range(n)])
    np.savez(
        folder / "cohort.npz",
        images=images,
        label=label,
        patient_id=patients,
        diameter_mm=5.0 + label,
    )
    table = pd.DataFrame(
        {
            "patient_id": patients,
            "series_uid": [f"nodule-{i}" for i in range(n)],
            "split": "test",
            "fold": np.arange(n) // 2 % 2,
        }
    )
    table.assign(label=label, probability=rng.random(n), diameter_mm=5.0 + label).to_csv(
        folder / "predictions.csv", index=False
    )
    (folder / "config.yaml").write_text(CONFIG % (folder / "cohort.npz"))
    (folder / "environment.json").write_text(
        json.dumps({"python": "3.11", "libraries": {"keras": "3.99"}})
    )
    (folder / "history.csv").write_text(
        "network,epoch,loss,val_loss\nfold-0,1,0.7,0.8\nfold-0,2,0.5,0.6\n"
    )
    (folder / "metrics.json").write_text(
        json.dumps({"intervals": {"replicates": 150, "seed": 9}, "synthetic": True})
    )


def run_command(*arguments):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(a) for a in arguments]))


def test_a_run_folder_tells_all_it_holds(tmp_path):
    make_run(tmp_path)
    metrics, page = report_predictions(tmp_path, tmp_path / "report")
    text = page.read_text()
    assert metrics.synthetic
    assert (metrics.config.replicates, metrics.config.seed) == (150, 9)
    assert metrics.threshold.source == "other folds"
    for part in (
        "3.99",
        "Training: loss",
        "divided into 2 folds",
        "not pathology",
        "data:image/png;base64,",
        "kind: nodules",
        "Synthetic data.",
    ):
        assert part in text


def test_a_damaged_run_still_gets_its_figures(tmp_path):
    make_run(tmp_path)
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "environment.json").write_text("[1, 2")
    (tmp_path / "history.csv").write_text('a,b\n"1')
    (tmp_path / "metrics.json").write_text('{"intervals": {"replicates": "many", "seed": null}}')
    metrics, page = report_predictions(tmp_path, tmp_path / "report")
    assert metrics.config.replicates == 2000
    assert page.is_file()


def test_a_run_whose_cohort_is_gone_has_no_pictures(tmp_path):
    make_run(tmp_path)
    (tmp_path / "cohort.npz").unlink()
    assert "<img" not in report_predictions(tmp_path, tmp_path / "report")[1].read_text()


def test_an_unfinished_run_is_told(tmp_path):
    with pytest.raises(PredictionsError, match=r"no predictions\.csv"):
        report_predictions(tmp_path, tmp_path / "report")


def test_the_command_prints_one_json_document(tmp_path, capsys):
    make_run(tmp_path)
    run_command(
        tmp_path / "predictions.csv", "--out", tmp_path / "out", "--json", "--threshold", "0.3"
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out/metrics.json").read_text())
    assert printed["threshold"]["value"] == 0.3


def test_the_command_prints_the_verdict_first(tmp_path, capsys):
    make_run(tmp_path)
    run_command(tmp_path / "predictions.csv", "--out", tmp_path / "out", "--synthetic")
    assert capsys.readouterr().out.startswith("no skill: On 40 patients, 20 of them positive")
    assert "Synthetic data." in (tmp_path / "out/report.html").read_text()


def test_a_threshold_that_is_no_probability_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="expected 0 to 1"):
        run_command("x.csv", "--out", tmp_path, "--threshold", "7")


def test_the_command_says_plainly_that_there_is_no_skill_beyond_size_and_calcium(tmp_path, capsys):
    make_run(tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    predictions.assign(diameter_and_brightness=0.2 + 0.6 * predictions["label"]).to_csv(
        tmp_path / "predictions.csv", index=False
    )
    run_command(tmp_path, "--out", tmp_path / "out")
    assert "\nNo skill beyond size and calcium: " in capsys.readouterr().out


@pytest.mark.parametrize(("noise", "known"), [("One in six.", "One in six."), (["a", 3], None)])
def test_a_run_keeps_what_it_knew_of_the_labels_noise(tmp_path, noise, known):
    make_run(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps({"label_noise": noise}))
    metrics, page = report_predictions(tmp_path, tmp_path / "report")
    assert metrics.to_json()["label_noise"] == known
    assert ("One in six." in page.read_text()) == (known is not None)
