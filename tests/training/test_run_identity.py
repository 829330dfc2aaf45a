"""Nothing but the configuration and the data decides a run: neither the environment nor time."""

import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from lungnet.errors import DataChangedError
from lungnet.training.train import train

SHORT = {"epochs": 2}


@pytest.fixture(scope="module")
def base(tmp_path_factory, experiment_of, quiet):
    folder = tmp_path_factory.mktemp("base") / "run"
    train(experiment_of(training=SHORT), folder, resume=False, epoch_done=quiet)
    return folder


@pytest.fixture
def restored():
    """Keras' settings as they were."""
    form, float_type, epsilon = (
        keras.config.image_data_format(),
        keras.config.floatx(),
        keras.config.epsilon(),
    )
    yield
    keras.config.set_image_data_format(form)
    keras.config.set_floatx(float_type)
    keras.config.set_dtype_policy(float_type)
    keras.config.set_epsilon(epsilon)
    keras.config.set_max_epochs(None)


def changed(blobs, path, **arrays):
    with np.load(blobs) as stored:
        np.savez(path, **{**stored, **arrays})


@pytest.mark.usefixtures("restored")
def test_a_keras_json_decides_nothing(base, experiment_of, quiet, tmp_path):
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    keras.config.set_dtype_policy("float16")
    keras.config.set_epsilon(1e-3)
    keras.config.set_max_epochs(1)
    train(experiment_of(training=SHORT), tmp_path / "run", resume=False, epoch_done=quiet)
    for name in ("predictions.csv", "environment.json", "history.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (base / name).read_bytes(), name


@pytest.mark.parametrize("variable", ["KERAS_BACKEND=torch", "TF_USE_LEGACY_KERAS=1"])
def test_the_environment_chooses_no_other_keras(variable):
    name, value = variable.split("=")
    script = (
        "import lungnet.training, keras, os; "
        "print(keras.backend.backend(), os.environ.get('TF_USE_LEGACY_KERAS'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["tensorflow", "None"]


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        (lambda stored: {"label": 1 - stored["label"]}, "labels"),
        (lambda stored: {"images": stored["images"] + np.int16(1)}, "values"),
        (lambda stored: {"patient_id": np.roll(stored["patient_id"], 1)}, "samples"),
    ],
    ids=["labels", "values", "samples"],
)
def test_a_run_does_not_go_on_with_other_data(arrays, named, blobs, experiment_of, quiet, tmp_path):
    path, folder = tmp_path / "data.npz", tmp_path / "run"
    experiment = experiment_of(training=SHORT, data={"path": str(path)})
    shutil.copy(blobs, path)
    train(experiment, folder, resume=False, epoch_done=quiet)
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    with np.load(blobs) as stored:
        changed(blobs, path, **arrays(stored))
    with pytest.raises(DataChangedError, match=named):
        train(experiment, folder, resume=True, epoch_done=quiet)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    shutil.copy(blobs, path)
    train(experiment, folder, resume=True, epoch_done=quiet)
    assert (folder / "predictions.csv").read_bytes() == before["predictions.csv"]


def test_a_run_whose_environment_is_damaged_names_it(base, experiment_of, quiet, tmp_path):
    shutil.copytree(base, tmp_path / "run")
    (tmp_path / "run" / "environment.json").write_text("{")
    with pytest.raises(DataChangedError, match=r"environment\.json"):
        train(experiment_of(training=SHORT), tmp_path / "run", resume=True, epoch_done=quiet)
