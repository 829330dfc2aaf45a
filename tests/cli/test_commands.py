"""`train`, `predict` and `doctor` as a person calls them."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lungnet.cli.main import main
from lungnet.intake.pixels.codecs import DECODERS
from lungnet.version import __version__


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_dry_run_checks_everything_and_leaves_nothing(config, capsys, tmp_path):
    assert main(["train", str(config), "--run", str(tmp_path / "run"), "--dry-run"]) == 0
    samples, cost = capsys.readouterr().out.splitlines()
    assert samples.startswith("40 samples of 40 patients, 20 positive;")
    assert cost.startswith("about ")
    assert cost.endswith(" GB of memory")
    assert not (tmp_path / "run").exists()


def test_samples_are_shown_without_a_training_the_same_each_time(config, capsys, tmp_path):
    run = ["train", str(config), "--run", str(tmp_path / "run"), "--quiet"]
    augmented = ["--set", "training.augmentation={flips: true, elastic_voxels: 0.8, noise_hu: 30}"]
    for folder in ("first", "second"):
        assert main([*run, *augmented, "--show-samples", str(tmp_path / folder)]) == 0
        assert capsys.readouterr().out == f"samples: {tmp_path / folder / 'samples.png'}\n"
    assert main([*run, "--show-samples", str(tmp_path / "plain")]) == 0
    first, second, plain = (
        (tmp_path / folder / "samples.png").read_bytes() for folder in ("first", "second", "plain")
    )
    assert first == second != plain
    assert first.startswith(b"\x89PNG")
    assert not (tmp_path / "run").exists()


def test_a_training_says_what_came_out_and_where_it_lies(config, capsys, tmp_path):
    run = tmp_path / "run"
    assert main(["train", str(config), "--run", str(run), "--set", "seed=3", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out.endswith(f"run: {run}\n")
    assert captured.err == ""
    assert json.loads((run / "environment.json").read_text())["seed"] == 3
    assert main(["train", str(config), "--run", str(run), "--set", "seed=3", "--quiet"]) == 2
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "none.yaml"], 2, "none.yaml: No such file"),
        (
            ["train", "CONFIG", "--set", "model.activatoin=relu"],
            2,
            "did you mean model.activation?",
        ),
        (
            ["train", "CONFIG", "--set", "model.activation=preluu"],
            2,
            "--set model.activation=preluu: model.activation.name is 'preluu'; did you mean prelu?",
        ),
        (
            ["train", "CONFIG", "--set", "model.norm={name: group, options: {groups: 3}}"],
            2,
            "cannot be built",
        ),
        (["train", "CONFIG", "--set", "data.path=none.npz"], 3, "none.npz: No such file"),
        (["predict", "none", "also-none"], 4, "none: no such bundle"),
    ],
)
def test_a_wrong_call_is_one_line_and_the_right_code(here, config, capsys, arguments, code, words):
    assert main([str(config) if word == "CONFIG" else word for word in arguments]) == code
    told = capsys.readouterr().err.strip()
    assert words in told
    assert "\n" not in told
    assert not (here / "runs").exists()


def test_doctor_tells_what_will_not_work_and_why(monkeypatch, capsys):
    from lungnet import doctor

    findings = [
        doctor.Finding("Python", "3.11", works=True),
        doctor.Finding("disk", "1 GB free", works=False),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert main(["doctor"]) == 3
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["ok", "Python", "3.11"], ["WILL", "NOT", "WORK", "disk", "1", "GB", "free"]]
    assert main(["doctor", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["findings"][1] == {
        "what": "disk",
        "found": "1 GB free",
        "works": False,
    }
    monkeypatch.setattr(doctor, "examine", lambda: findings[:1])
    assert main(["doctor"]) == 0


def test_doctor_examines_this_machine():
    from lungnet.doctor import examine

    found = {finding.what: finding for finding in examine()}
    assert found["Python"].works
    assert found["tensorflow"].works
    assert {"memory", "disk", "GPU", "CPU cores"} <= set(found)
    assert sum(what.startswith("decoder for") for what in found) == len(DECODERS)


def test_doctor_names_a_library_that_cannot_be_imported(monkeypatch):
    from lungnet import doctor

    monkeypatch.setattr(doctor, "LIBRARIES", {"no-such": "no_such_module_here"})
    (finding,) = doctor._libraries()
    assert not finding.works
    assert "no_such_module_here" in finding.found


def test_doctor_names_versions_outside_what_lungnet_needs(monkeypatch):
    from lungnet import doctor
    from lungnet.version import Requirement, requirements

    assert {"keras", "tensorflow"} <= {needed.name for needed in requirements()}
    needed = [
        Requirement("keras", ">=3.12", "3.9.2"),
        Requirement("numpy", ">=2.2", "2.3.0rc1"),
        Requirement("rich", ">=14", None),
    ]
    monkeypatch.setattr(doctor, "requirements", lambda: needed)
    keras, rich, versions = doctor._versions()
    assert keras.found.startswith(f"keras 3.9.2 is installed, lungnet {__version__} needs >=3.12;")
    assert rich.found.startswith("rich is not installed, ")
    assert versions.found.startswith("1 of 3 packages are as ")
    assert not any(finding.works for finding in (keras, rich, versions))


def test_doctor_says_what_of_the_environment_keras_will_not_heed(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "backend": "torch"}')
    program = (
        "from lungnet.doctor import examine\n"
        "for finding in examine():\n"
        "    if 'Keras' in finding.what:\n"
        "        print(finding.works, finding.what, finding.found, sep='|')"
    )
    asked = {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **asked},
    )
    backend, legacy, settings = (line.split("|") for line in done.stdout.splitlines())
    assert backend[:2] == ["True", "Keras backend"]
    assert backend[2] == "tensorflow; KERAS_BACKEND=jax in the environment is not heeded"
    assert legacy[2] == "not in use; TF_USE_LEGACY_KERAS=1 in the environment is not heeded"
    assert settings[2].startswith("image_data_format channels_last, floatx float32, epsilon 1e-07;")
    assert settings[2].endswith("keras.json says floatx float16, which is not heeded")


def test_a_training_with_a_version_outside_is_one_line_before_any_work(config, tmp_path):
    program = (
        "import sys, importlib.metadata as metadata\n"
        "version = metadata.version\n"
        "metadata.version = lambda name: '2.15.0' if name == 'keras' else version(name)\n"
        "from lungnet.cli.main import main\n"
        f"sys.exit(main(['train', {str(config)!r}, '--run', 'run']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 3
    assert done.stderr.startswith("lungnet train: keras 2.15.0 is installed, lungnet ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_demo_is_not_walked_twice(monkeypatch, tmp_path, capsys):
    from lungnet import demo

    walked = []
    monkeypatch.setattr(demo, "_make_chests", lambda raw, _: walked.append(("chests", raw.name)))
    monkeypatch.setattr(
        demo, "_prepare", lambda _raw, store, _: walked.append(("prepare", store.name))
    )
    monkeypatch.setattr(
        demo, "_report", lambda _, report: (SimpleNamespace(), report / "report.html")
    )
    monkeypatch.setattr(demo, "_summary", lambda _, page: f"report: {page}")
    trained = []

    def train(experiment, run):
        if not demo._is_done(experiment, run):
            from lungnet.config.load import dump_experiment
            from lungnet.files import write_text

            trained.append(run.path.name)
            write_text(run.config, dump_experiment(experiment))
            write_text(run.metrics, "{}")

    monkeypatch.setattr(demo, "_train", train)
    for _ in range(2):
        assert main(["demo", "--out", str(tmp_path / "demo"), "--quiet"]) == 0
    assert trained == ["run"]
    assert walked == [("chests", "raw"), ("prepare", "store")] * 2
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == f"report: {tmp_path / 'demo' / 'report' / 'report.html'}"
    )
    (tmp_path / "demo" / "run" / "config.yaml").write_text("modle: {}")
    main(["demo", "--out", str(tmp_path / "demo"), "--quiet"])
    assert trained == ["run", "run"]
