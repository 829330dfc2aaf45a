"""A bundle answers for a new series as its Keras network does, calibrated, and refuses what it
cannot judge."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lungnet.datasets.network_inputs import network_inputs
from lungnet.errors import BundleError, MachineError, UsageError
from lungnet.evaluation.calibration import Calibration
from lungnet.inference import Predictor
from lungnet.inference.bundle_network import BundleNetwork
from lungnet.intake import find_series
from lungnet.intake.formats.nifti import write_nifti
from lungnet.models.bundle import open_bundle, seal
from lungnet.preprocessing import prepare
from lungnet.version import __version__


@pytest.fixture(scope="module")
def bag(bundle_of):
    return bundle_of("bag")


WITH_POSITIONS = {
    "input": {"positions": True},
    "model": {"bag_pooling": {"name": "self_attention", "options": {"units": 8, "heads": 2}}},
}


@pytest.mark.parametrize(
    ("kind", "sections"), [("bag", None), ("volume", None), ("bag", WITH_POSITIONS)]
)
def test_the_answer_is_that_of_keras_calibrated(kind, sections, bundle_of, volumes):
    path, network, experiment = bundle_of(kind, sections=sections)
    predictor = Predictor(BundleNetwork(path))
    calibration = Calibration("temperature", 0.37, 0.0)
    for volume in volumes:
        probability, seen, _ = predictor.predict_volume(volume)
        scan = prepare(volume, experiment.preparation)
        inputs = {
            name: value[None] for name, value in network_inputs(scan, experiment.input).items()
        }
        outputs = {
            name: np.asarray(value) for name, value in network(inputs, training=False).items()
        }
        assert probability == pytest.approx(calibration.apply(outputs["logit"]).item(), abs=1e-4)
        assert 0 < probability < 1
        if kind == "bag":
            assert [one.centre_mm for one in seen] == [c.centre_mm for c in scan.candidates[:4]]
            np.testing.assert_allclose(
                [one.weight for one in seen], outputs["weights"][0, : len(seen)], atol=1e-4
            )
        else:
            assert seen == ()


def test_the_library_answers_for_paths_as_for_their_series(bag, tmp_path, volumes):
    import lungnet
    from lungnet.intake.formats.nifti import write_nifti

    for number, volume in enumerate(volumes):
        write_nifti(volume, tmp_path / f"scan{number}.nii.gz")
    model = lungnet.load_model(bag[0])
    answers = list(model.predict(tmp_path))
    assert answers == list(model.predict_series(lungnet.find_series(tmp_path)))
    assert len(answers) == len(volumes)


def test_the_answer_depends_on_the_scan_and_on_nothing_else(bag, volumes):
    predictor = Predictor(BundleNetwork(bag[0]))
    first, second = (predictor.predict_volume(volume)[0] for volume in volumes)
    assert first != second
    assert predictor.predict_volume(volumes[0])[0] == first
    assert Predictor(BundleNetwork(bag[0])).predict_volume(volumes[0])[0] == first


def test_the_bundle_says_how_far_its_export_is_from_keras(bag):
    bundle = open_bundle(bag[0])
    assert 0 <= bundle.training["export_difference"] <= 1e-4
    assert bundle.preparation_hash == bag[2].preparation.preparation_hash()


def test_a_network_for_single_nodules_is_refused(bundle_of):
    with pytest.raises(UsageError, match="judges nodules at places"):
        Predictor(BundleNetwork(bundle_of("nodule")[0]))


def test_the_size_of_the_largest_candidate_stands_beside_a_bag_and_other_numbers_are_missing(
    bundle_of, volumes, caplog
):
    scalars = {"scalars": ["diameter_mm", "age"]}
    path, network, experiment = bundle_of("bag", sections={"input": scalars})
    with caplog.at_level("WARNING", "lungnet"):
        predictor = Predictor(BundleNetwork(path))
    assert [r.getMessage() for r in caplog.records if r.name == "lungnet"] == [
        "age: not known in prediction, taken as missing; the network has learned to do without"
    ]
    scan = prepare(volumes[0], experiment.preparation)
    inputs = {n: v[None] for n, v in network_inputs(scan, experiment.input).items()}
    largest = max(2 * candidate.radius_mm for candidate in scan.candidates[:4])
    inputs["scalars"] = np.array([[largest, np.nan]], np.float32)
    logit = np.asarray(network(inputs, training=False)["logit"])
    assert predictor.predict_volume(volumes[0])[0] == pytest.approx(
        Calibration("temperature", 0.37, 0.0).apply(logit).item(), abs=1e-4
    )


def test_a_bundle_of_another_preparation_is_refused(bundle_of):
    with pytest.raises(BundleError, match="trained on scans of preparation 0123456789abcdef"):
        BundleNetwork(bundle_of("bag", "0123456789abcdef")[0])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("calibration.json", "{}"),
        ("calibration.json", '{"method": "none", "scale": -1, "offset": 0}'),
        ("openvino/network.xml", "<net"),
    ],
)
def test_a_bundle_that_cannot_be_loaded_is_refused_even_under_right_checksums(
    bag, tmp_path, name, text
):
    broken = tmp_path / "bundle"
    shutil.copytree(bag[0], broken)
    (broken / name).write_text(text)
    with pytest.raises(BundleError, match="was altered"):
        BundleNetwork(broken)
    seal(broken)
    with pytest.raises(BundleError, match="cannot be loaded"):
        BundleNetwork(broken)


@pytest.mark.parametrize("library", ["openvino", "keras"])
def test_a_full_disk_while_the_bundle_is_made_is_told_and_leaves_nothing(
    bundle_of, monkeypatch, tmp_path_factory, library
):
    from lungnet.training.bundling import export

    def full(*_, **__):
        raise RuntimeError("basic_ios::clear: iostream error")

    owner, name = {
        "openvino": (export.openvino, "save_model"),
        "keras": (export.keras.Model, "save_weights"),
    }[library]
    monkeypatch.setattr(owner, name, full)
    folder = tmp_path_factory.mktemp("full")
    monkeypatch.setattr(tmp_path_factory, "mktemp", lambda _: folder)
    with pytest.raises(MachineError, match="most likely because the disk is full"):
        bundle_of("nodule", sections={"model": {"channels": [5]}})
    assert not list(folder.iterdir())


@pytest.fixture
def series(volumes, tmp_path):
    """Two chests as NIfTI with a text that calls itself NIfTI between them."""
    for name, volume in zip("ac", volumes, strict=True):
        write_nifti(volume, tmp_path / "scans" / f"{name}.nii.gz")
    (tmp_path / "scans" / "b.nii.gz").write_bytes(b"no scan at all")
    return find_series([tmp_path / "scans"])


def test_a_refused_series_is_a_row_and_never_stops_the_rest(bag, series, volumes):
    predictor = Predictor(BundleNetwork(bag[0]))
    rows = list(predictor.predict_series(series))
    assert len(rows) == len(series) == 3
    by_name = {row.path.rpartition("/")[2][0]: row for row in rows}
    assert [by_name[name].status for name in "abc"] == ["usable", "refused", "usable"]
    refused = by_name["b"]
    assert refused.reason
    assert refused.detail
    assert refused.probability is None
    assert refused.candidates == ()
    for name, volume in zip("ac", volumes, strict=True):
        assert by_name[name].probability == pytest.approx(
            predictor.predict_volume(volume)[0], abs=1e-6
        )
        assert by_name[name].reason is None
    assert {row.model_hash for row in rows} == {open_bundle(bag[0]).model_hash}
    assert {row.lungnet_version for row in rows} == {__version__}
    assert {row.preparation_hash for row in rows} == {bag[2].preparation.preparation_hash()}


def test_the_command_prints_one_document_and_loads_nothing_slow_that_it_does_not_need(
    bag, series, tmp_path
):
    code = (
        "import sys; from lungnet.cli.main import main; code = main(sys.argv[1:]);"
        "slow = {'tensorflow', 'keras', 'pandas', 'pyarrow', 'scipy.optimize'};"
        "assert not slow & set(sys.modules); sys.exit(code)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "predict",
        str(bag[0]),
        str(tmp_path / "scans"),
        "--json",
        "--strict",
        "--quiet",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "none"},
    )
    assert done.returncode == 3, done.stderr
    import json

    document = json.loads(done.stdout)
    assert document["model"] == str(bag[0])
    assert "not a diagnosis" in document["meaning"]
    assert len(document["series"]) == 3
    keys = {
        "path",
        "patient_id",
        "series_uid",
        "status",
        "reason",
        "probability",
        "interval",
        "abstained",
        "candidates",
        "warnings",
        "preparation_hash",
        "model_hash",
        "lungnet_version",
    }
    assert all(keys <= set(row) for row in document["series"])
    usable = next(row for row in document["series"] if row["status"] == "usable")
    assert set(usable["candidates"][0]) == {"centre_mm", "radius_mm", "weight"}
