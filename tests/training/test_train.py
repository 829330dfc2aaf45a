"""A tiny training from cohort to bundle.

Its files, its figures, its interruptions, its refusals.
"""

import json

import numpy as np
import pandas as pd
import pytest
from fitting import assert_same_run, batches_of, cohort_of, fit_once, interrupt_at

from lungnet.config.load import load_experiment
from lungnet.errors import (
    CheckpointError,
    ConfigError,
    InputError,
    NonFiniteLossError,
    StoreError,
    UsageError,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, experiment_of, quiet):
    """A run that nothing interrupted, and its metrics."""
    from lungnet.training.train import train

    folder = tmp_path_factory.mktemp("runs") / "whole"
    metrics = train(experiment_of(), folder, resume=False, epoch_done=quiet)
    return folder, metrics


@pytest.fixture(scope="module")
def folds(tmp_path_factory, experiment_of, quiet):
    from lungnet.training.train import train

    folder = tmp_path_factory.mktemp("runs") / "folds"
    experiment = experiment_of(
        data={"folds": 2}, training={"epochs": 2}, model={"activation": "relu"}
    )
    train(experiment, folder, resume=False, epoch_done=quiet)
    return folder, experiment


def test_a_run_leaves_every_file_of_the_contract_and_nothing_half_written(run, experiment_of):
    folder, _ = run
    names = {path.name for path in folder.iterdir()}
    told_last = {"predictions.csv", "unseen.csv", "metrics.json", "bundle"}
    assert (
        names
        == {
            "config.yaml",
            "environment.json",
            "splits.csv",
            "history.csv",
            "tensorboard",
            "checkpoints",
        }
        | told_last
    )
    assert load_experiment(folder / "config.yaml").config_hash() == experiment_of().config_hash()
    assert not list(folder.rglob(".unfinished*"))
    assert len(list((folder / "checkpoints" / "main").glob("*.npz"))) == 2
    assert list((folder / "tensorboard" / "main").rglob("events*"))
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["config_hash"] == experiment_of().config_hash()
    assert environment["seed"] == 7
    assert environment["libraries"]["keras"]


def test_predictions_begin_with_the_columns_of_the_contract_and_hold_everybody_once(run):
    table = pd.read_csv(run[0] / "predictions.csv")
    assert table.columns[:6].tolist() == [
        "patient_id",
        "series_uid",
        "split",
        "fold",
        "label",
        "probability",
    ]
    assert len(table) == 72
    assert table["series_uid"].is_unique
    assert table["probability"].between(0, 1).all()
    assert table.groupby("patient_id")["split"].nunique().eq(1).all()
    splits = pd.read_csv(run[0] / "splits.csv")
    pd.testing.assert_frame_equal(splits, table[splits.columns])


def test_the_history_has_a_row_per_epoch(run):
    history = pd.read_csv(run[0] / "history.csv")
    assert history["network"].eq("main").all()
    assert history["epoch"].tolist() == list(range(len(history)))
    assert history.columns.tolist() == [
        "network",
        "epoch",
        "loss",
        "auc",
        "val_loss",
        "val_auc",
        "learning_rate",
    ]
    assert history.notna().all(axis=None)


def test_the_figures_are_of_the_held_out_and_the_network_learned(run):
    folder, metrics = run
    figures = json.loads((folder / "metrics.json").read_text())
    table = pd.read_csv(folder / "predictions.csv")
    assert figures["split"] == "test"
    assert figures["n"] == (table["split"] == "test").sum()
    assert figures["synthetic"] is False
    assert metrics.figures["roc_auc"].value > 0.8


def test_probabilities_are_the_calibrated_logits_of_the_network_in_the_bundle(run):
    from lungnet.evaluation.calibration import Calibration
    from lungnet.models.build import build_model
    from lungnet.models.bundle import open_bundle
    from lungnet.training.fit import predict

    bundle = open_bundle(run[0] / "bundle")
    network = build_model(bundle.experiment.model, bundle.experiment.input)
    network.load_weights(bundle.path / "model.weights.h5")
    outputs = predict(network, batches_of(bundle.experiment), list(range(72)))
    logits = outputs["logit"][:, 0]
    table = pd.read_csv(run[0] / "predictions.csv")
    np.testing.assert_allclose(table["logit"], logits, atol=1e-6)
    np.testing.assert_allclose(
        table["probability"],
        Calibration.from_json(dict(bundle.calibration)).apply(table["logit"]),
        rtol=1e-12,
    )
    assert bundle.training["export_difference"] <= 1e-4
    assert bundle.training["patients"] == table.groupby("split")["patient_id"].nunique().to_dict()
    assert bundle.training["synthetic"] is False


def test_an_interrupted_run_goes_on_to_the_same_bits(run, tmp_path, experiment_of, quiet):
    from lungnet.training.train import train

    folder = tmp_path / "run"
    for epoch in (0, 2):
        with pytest.raises(KeyboardInterrupt):
            train(experiment_of(), folder, resume=True, epoch_done=interrupt_at(epoch))
        assert not (folder / "metrics.json").exists()
    train(experiment_of(), folder, resume=True, epoch_done=quiet)
    assert_same_run(run[0], folder)


def test_a_dry_run_leaves_nothing_in_the_training_that_follows(run, tmp_path, experiment_of, quiet):
    from lungnet.training.train import dry_run, train

    dry_run(experiment_of())
    train(experiment_of(), tmp_path / "run", resume=False, epoch_done=quiet)
    assert_same_run(run[0], tmp_path / "run")


def test_a_finished_run_resumes_to_itself_without_training(run, experiment_of):
    from lungnet.training.train import train

    before = {
        name: (run[0] / name).read_bytes()
        for name in ("history.csv", "predictions.csv", "metrics.json")
    }
    epochs = []
    train(experiment_of(), run[0], resume=True, epoch_done=lambda _, row: epochs.append(row))
    assert epochs == []
    assert before == {name: (run[0] / name).read_bytes() for name in before}


def test_a_run_folder_is_not_used_for_something_else(run, tmp_path, experiment_of, quiet):
    from lungnet.training.train import train

    with pytest.raises(UsageError, match="holds a run already; go on with --resume"):
        train(experiment_of(), run[0], resume=False, epoch_done=quiet)
    with pytest.raises(UsageError, match="run of another configuration"):
        train(experiment_of(seed=8), run[0], resume=True, epoch_done=quiet)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files and no run"):
        train(experiment_of(), tmp_path, resume=True, epoch_done=quiet)
    (tmp_path / "thesis.txt").rename(tmp_path / "config.yaml")
    with pytest.raises(UsageError, match="its configuration cannot be read"):
        train(experiment_of(), tmp_path, resume=True, epoch_done=quiet)
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_opening_a_run_again_removes_what_a_kill_left(tmp_path, experiment_of):
    from lungnet.run_folder import RunFolder
    from lungnet.training.plan import make_plan
    from lungnet.training.run_start import start_run

    run = RunFolder(tmp_path / "run")
    plan = make_plan(experiment_of())
    start_run(run, experiment_of(), plan, resume=False)
    for folder in (run.path, run.checkpoints("main")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".unfinished-1-x").write_text("half")
    start_run(run, experiment_of(), plan, resume=True)
    assert not list(run.path.rglob(".unfinished*"))


def test_with_folds_every_patient_is_judged_by_a_network_that_never_saw_them(folds):
    folder, _ = folds
    table = pd.read_csv(folder / "predictions.csv")
    assert sorted(table["fold"].unique()) == [0, 1]
    assert table["split"].eq("test").all()
    assert len(table) == 72
    assert table["series_uid"].is_unique
    splits = pd.read_csv(folder / "splits.csv")
    held = splits[splits["split"] == "test"]
    assert set(zip(held["series_uid"], held["fold"], strict=True)) == set(
        zip(table["series_uid"], table["fold"], strict=True)
    )
    assert set(pd.read_csv(folder / "history.csv")["network"]) == {"fold-0", "fold-1", "final"}
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {
        "fold-0",
        "fold-1",
        "final",
    }
    figures = json.loads((folder / "metrics.json").read_text())
    assert figures["n"] == 72


def test_the_bundle_of_a_cross_validated_run_is_trained_on_everybody_but_its_validation(folds):
    from lungnet.models.bundle import open_bundle

    bundle = open_bundle(folds[0] / "bundle")
    assert bundle.training["patients"]["test"] == 0
    assert bundle.training["patients"]["train"] + bundle.training["patients"]["validation"] == 60
    assert bundle.preparation_hash is None


def test_a_wrong_name_is_told_with_its_line_before_any_work(tmp_path, blobs, quiet):
    from lungnet.training.train import train

    path = tmp_path / "a.yaml"
    path.write_text(
        f"data: {{kind: nodules, path: {blobs}}}\ninput: {{kind: nodule, size: [8, 8]}}\nmodel:\n  "
        "activation: preluu\n"
    )
    with pytest.raises(
        ConfigError, match=r"a\.yaml:4: model\.activation\.name is 'preluu'; did you mean prelu\?"
    ):
        train(load_experiment(path), tmp_path / "run", resume=False, epoch_done=quiet)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "data: {kind: store, path: s}\ninput: {kind: nodule, size: [16, 16]}\n",
            r"a\.yaml:2: input\.kind nodule cannot be fed from data\.kind store",
        ),
        (
            (
                "data: {kind: nodules, path: s, labels: l.csv}\n"
                "input: {kind: nodule, size: [16, 16]}\n"
            ),
            r"a\.yaml:1: data\.labels does nothing with data\.kind nodules",
        ),
        (
            (
                "data: {kind: nodules, path: s}\ninput: {kind: nodule, size: [16, 16]}\n"
                "preparation: {margin_mm: 9}\n"
            ),
            r"a\.yaml:3: preparation does nothing with data\.kind nodules",
        ),
        (
            "data: {kind: nodule, path: s}\ninput: {kind: nodule, size: [16, 16]}\n",
            r"a\.yaml:1: data\.kind is 'nodule'; did you mean nodules\?",
        ),
    ],
)
def test_a_kind_of_cohort_that_does_not_fit_is_told_with_its_line(tmp_path, text, words):
    from lungnet.training.train import dry_run

    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        dry_run(load_experiment(tmp_path / "a.yaml"))


def test_a_cohort_that_cannot_be_read_or_split_leaves_no_run(tmp_path, experiment_of, quiet):
    from lungnet.training.train import train

    for data in ({"path": str(tmp_path / "none.npz")}, {"split": {"test": 0.01}}):
        with pytest.raises(InputError):
            train(experiment_of(data=data), tmp_path / "run", resume=False, epoch_done=quiet)
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_what_would_be_done(experiment_of):
    from lungnet.training.train import dry_run

    assert dry_run(experiment_of()).startswith(
        "72 samples of 60 patients, 36 positive; 1 split(s), the first "
    )


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint(
    monkeypatch, experiment_of, tmp_path
):
    import keras

    from lungnet.training import fit as fitting

    def exploding(config, steps):
        return keras.optimizers.SGD(
            keras.optimizers.schedules.PiecewiseConstantDecay([steps // 4], [1e-3, 1e30])
        )

    monkeypatch.setattr(fitting, "build_optimizer", exploding)
    rows = []
    with pytest.raises(NonFiniteLossError, match=r"lower optimizer\.learning_rate"):
        fit_once(experiment_of(), tmp_path, rows.append)
    assert rows
    kept = fitting.load_checkpoint(tmp_path / "checkpoints", experiment_of().config_hash())
    assert kept.epoch == len(rows)
    assert all(
        np.isfinite(value).all() for name, value in kept.arrays.items() if name.startswith("best.")
    )


def test_patience_ends_a_training_and_the_best_weights_count(experiment_of, tmp_path):

    experiment = experiment_of(
        training={"epochs": 50, "patience": 1}, optimizer={"learning_rate": 0.5}
    )
    trained = fit_once(experiment, tmp_path, lambda _: None)
    losses = [row["val_loss"] for row in trained.history]
    assert trained.best_epoch == int(np.argmin(losses)) == len(losses) - 2 < 48


def test_a_damaged_scan_stops_the_training_as_what_it_is(experiment_of, tmp_path):
    from dataclasses import replace

    def read(row, view):
        raise StoreError("scan 7: damaged")

    cohort = replace(cohort_of(experiment_of()), read=read)
    with pytest.raises(StoreError, match="scan 7: damaged"):
        fit_once(experiment_of(), tmp_path, lambda _: None, cohort)


def test_a_checkpoint_of_another_network_is_refused(experiment_of):
    import keras

    from lungnet.models.build import build_model
    from lungnet.training.checkpoint_callback import TrainingState

    def state(channels):
        experiment = experiment_of(model={"channels": channels})
        network = build_model(experiment.model, experiment.input)
        optimizer = keras.optimizers.SGD()
        optimizer.build(network.trainable_variables)
        return TrainingState(network, optimizer, network.trainable_variables)

    kept = state([3, 4])
    kept.end_epoch({"val_loss": 1.0})
    other = state([3, 5])
    with pytest.raises(CheckpointError, match="another network"):
        other.restore(kept.checkpoint())
    state([3, 4]).restore(kept.checkpoint())
