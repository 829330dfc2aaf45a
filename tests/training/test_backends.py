"""A training on JAX: the losses of TensorFlow, exact resume, and no TensorFlow needed.

One backend a process; slow, because each starts Keras anew.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from backend_losses import FROZEN_EPOCHS

from lungnet.cli.main import main
from lungnet.errors import UsageError
from lungnet.processes.keras_backend import use_backend

HERE = Path(__file__).parent

HIDDEN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "openvino"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
from lungnet.cli.main import main

sys.exit(main(sys.argv[1:]))
"""
"""`lungnet` where neither TensorFlow nor OpenVINO can be imported."""


def run(*command, **environment):
    """Run a process and hand on what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def written(experiment, path):
    path.write_text(yaml.safe_dump(experiment.model_dump(mode="json")))
    return path


def test_a_process_has_one_backend():
    with pytest.raises(UsageError, match="backend is jax, but Keras was imported on tensorflow"):
        use_backend("jax")


def test_an_experiment_of_another_backend_is_refused_before_any_work(
    experiment_of, quiet, tmp_path
):
    from lungnet.training.train import train

    experiment = experiment_of(training={"backend": "jax"})
    with pytest.raises(UsageError, match="a process has one backend"):
        train(experiment, tmp_path / "run", resume=False, epoch_done=quiet)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_backend_that_is_not_installed_is_named_with_what_to_do(experiment_of, tmp_path):
    config = written(experiment_of(), tmp_path / "config.yaml")
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, "train", config, "--run", tmp_path / "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("lungnet train: Keras cannot run on tensorflow, which is not")
    assert done.stderr.endswith("training.backend: jax\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_both_backends_give_the_same_losses_for_20_steps(experiment_of, rated_blobs, tmp_path):
    """From the same weights, with nothing random, convolutions frozen at first."""
    told = {}
    for backend in ("tensorflow", "jax"):
        experiment = experiment_of(
            data={"path": str(rated_blobs)},
            input={"scalars": [{"column": "diameter_mm", "log": True}], "centre_distance": True},
            model={
                "activation": "relu",
                "dropout": 0.0,
                "architecture": "resnet",
                "heads": ["attributes", "diameter", "outline"],
            },
            optimizer={"average": 0.6, "accumulate": 2, "learning_rate": 0.005},
            training={
                "backend": backend,
                "epochs": 20,
                "patience": 20,
                "batch_size": 48,
                "loss": {"name": "focal", "balance": True, "label_smoothing": 0.1},
            },
        )
        config = written(experiment, tmp_path / f"{backend}.yaml")
        out = tmp_path / f"{backend}.json"
        run(HERE / "backend_losses.py", config, tmp_path / "weights.npz", out)
        told[backend] = json.loads(out.read_text())
        assert told[backend]["layers"]
        frozen = [True] * FROZEN_EPOCHS + [False] * (20 - FROZEN_EPOCHS)
        # The step of an epoch that only accumulates changes nothing.
        assert told[backend]["frozen"][:FROZEN_EPOCHS] == frozen[:FROZEN_EPOCHS]
        assert not any(told[backend]["frozen"][FROZEN_EPOCHS + 1 :])
    losses = [np.array(told[backend]["losses"]) for backend in ("tensorflow", "jax")]
    assert losses[0].shape == (20, 2)
    np.testing.assert_allclose(*losses, atol=1e-4)


@pytest.mark.slow
def test_on_jax_too_interruptions_averages_and_faults_are_what_they_are_on_tensorflow():
    tests = [
        "test_train.py::test_an_interrupted_run_goes_on_to_the_same_bits",
        "test_train.py::test_a_dry_run_leaves_nothing_in_the_training_that_follows",
        "test_train.py::test_a_damaged_scan_stops_the_training_as_what_it_is",
        "test_train.py::test_patience_ends_a_training_and_the_best_weights_count",
        "test_recipes.py::test_the_average_of_the_weights_is_what_is_kept_validated_and_shipped",
        "test_recipes.py::test_a_run_with_every_kind_of_state_goes_on_to_the_same_bits",
    ]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:warnings"]
    run("-m", "pytest", *options, *(HERE / test for test in tests), LUNGNET_TEST_BACKEND="jax")


@pytest.mark.slow
def test_a_training_without_tensorflow_and_openvino_is_sealed_where_they_are(
    experiment_of, blobs, tmp_path, capsys
):
    cohort = Path(shutil.copy(blobs, tmp_path / "cohort.npz"))
    sections = {"data": {"path": str(cohort)}, "model": {"test_symmetries": "all"}}
    training = {"epochs": 2, "ensemble": {"seeds": 2}}
    config = written(experiment_of(**sections, training=training), tmp_path / "config.yaml")
    folder = tmp_path / "run"
    options = ["--set", "training.backend=jax", "--run", folder]
    told = run("-c", HIDDEN, "train", config, *options)
    assert told.count(f"`lungnet seal {folder}` makes it where TensorFlow and OpenVINO are") == 1
    assert "Warning" not in told
    names = {path.name for path in folder.iterdir()}
    assert {"unsealed", "predictions.csv", "metrics.json", "history.csv"} < names
    assert "bundle" not in names
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["keras"]["backend"] == "jax"
    assert "jax" in environment["libraries"]
    assert list((folder / "tensorboard").rglob("*tfevents*"))

    moved = folder.rename(tmp_path / "elsewhere")
    cohort.unlink()
    assert main(["seal", str(moved), "--quiet"]) == 0
    assert capsys.readouterr().out == f"bundle: {moved / 'bundle'}\n"
    assert not (moved / "unsealed").exists()
    assert_bundle_answers_as_the_training_did(moved, blobs)


def assert_bundle_answers_as_the_training_did(folder, blobs):
    from lungnet.inference.bundle_network import BundleNetwork
    from lungnet.inference.cohort_predictions import predict_cohort

    network = BundleNetwork(folder / "bundle")
    assert network.bundle.networks == 2
    assert network.bundle.training["export_difference"] <= 1e-4
    again = predict_cohort(network, blobs, None).table.set_index("series_uid")
    trained = pd.read_csv(folder / "predictions.csv").set_index("series_uid")
    np.testing.assert_allclose(again["logit"], trained.loc[again.index, "logit"], atol=1e-4)
