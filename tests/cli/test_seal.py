"""`seal` makes the bundle that a training could not make, and says in one line what is wrong."""

import json
import shutil
from pathlib import Path

import pytest

from lungnet.cli.main import main
from lungnet.models.bundle import open_bundle
from lungnet.training.bundling import sealing, unsealed


@pytest.fixture
def trained(config, tmp_path, monkeypatch, capsys):
    """A run that was trained where OpenVINO is not."""
    with monkeypatch.context() as patched:
        patched.setattr(unsealed, "lacking_to_seal", lambda: "OpenVINO cannot be imported")
        assert main(["train", str(config), "--run", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().err.count("`lungnet seal ") == 1
    return tmp_path / "run"


def test_a_run_is_sealed_once_without_its_cohort(trained, tmp_path, capsys):
    assert not (trained / "bundle").exists()
    assert main(["predict", str(trained), "scans", "--quiet"]) == 4
    assert f"has no bundle yet; `lungnet seal {trained}` makes it" in capsys.readouterr().err
    moved = trained.rename(tmp_path / "moved")
    (tmp_path / "nodules.npz").unlink()
    assert main(["seal", str(moved)]) == 0
    bundle = open_bundle(moved / "bundle")
    assert bundle.training["export_difference"] <= 1e-4
    assert not (moved / "unsealed").exists()
    capsys.readouterr()
    assert main(["seal", str(moved)]) == 3
    told = capsys.readouterr().err
    assert told == f"lungnet seal: {moved}: is sealed already; {moved / 'bundle'} is its bundle\n"


def test_a_training_that_goes_on_where_bundles_are_made_leaves_a_bundle_alone(
    trained, config, tmp_path
):
    assert main(["train", str(config), "--run", str(trained), "--resume", "--quiet"]) == 0
    assert (trained / "bundle").is_dir()
    assert not (trained / "unsealed").exists()


def cut_weights(run):
    path = run / "unsealed" / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-1])


def lose_proof(run):
    (run / "unsealed" / "proof.npz").unlink()


def change_note(run):
    path = run / "unsealed" / "unsealed.json"
    note = json.loads(path.read_text())
    note["summary"]["calibration"]["scale"] = 9.0
    path.write_text(json.dumps(note))


def lose_note(run):
    (run / "unsealed" / "unsealed.json").unlink()


def change_config(run):
    path = run / "config.yaml"
    path.write_text(path.read_text().replace("seed: 7", "seed: 8"))


DAMAGES = {
    cut_weights: "model.weights.h5 was altered, cut or lost",
    lose_proof: "proof.npz was altered, cut or lost",
    change_note: "unsealed.json was altered, cut or lost",
    lose_note: "unsealed.json: is damaged or missing (FileNotFoundError)",
    change_config: "belongs to another configuration than the run's",
}


def test_what_is_damaged_is_named_and_nothing_is_made(trained, tmp_path, capsys):
    for damage, words in DAMAGES.items():
        copy = Path(shutil.copytree(trained, tmp_path / damage.__name__))
        damage(copy)
        assert main(["seal", str(copy), "--quiet"]) == 4
        told = capsys.readouterr().err
        assert words in told
        assert told.count("\n") == 1
        assert not (copy / "bundle").exists()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds no run; expected the folder of a training"),
        (["config.yaml"], "holds nothing to seal; expected a finished training"),
    ],
)
def test_nothing_to_seal_is_one_line(tmp_path, capsys, names, words):
    for name in names:
        (tmp_path / name).write_text("")
    assert main(["seal", str(tmp_path)]) == 3
    told = capsys.readouterr().err
    assert told.startswith(f"lungnet seal: {tmp_path}: {words}")
    assert told.count("\n") == 1


def test_without_openvino_it_says_so(trained, monkeypatch, capsys):
    monkeypatch.setattr(sealing, "lacking_to_seal", lambda: "OpenVINO cannot be imported")
    assert main(["seal", str(trained)]) == 2
    assert capsys.readouterr().err == (
        f"lungnet seal: {trained}: cannot be sealed here, as OpenVINO cannot be imported\n"
    )
