"""A bundle opens whole or not at all; reading one needs neither Keras nor TensorFlow."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from lungnet.config.experiment import Experiment
from lungnet.config.load import dump_experiment
from lungnet.errors import BundleError, ConfigError
from lungnet.files import canonical_hash
from lungnet.models import bundle as bundles
from lungnet.models.bundle import (
    DESCRIPTIONS,
    MANIFEST,
    OF_A_NETWORK,
    network_folders,
    open_bundle,
    write_bundle,
)

EXPERIMENT = Experiment.model_validate(
    {"data": {"path": "store"}, "input": {"kind": "bag", "size": [8, 8, 8]}}
)


ALONE = [*DESCRIPTIONS, *OF_A_NETWORK]
"""Files of a bundle of one network."""

OF_THREE = [
    *DESCRIPTIONS,
    *(f"networks/{number}/{name}" for number in ("00", "01", "02") for name in OF_A_NETWORK),
]
"""Files of a bundle of three."""

TEXTS = {
    "config.yaml": dump_experiment(EXPERIMENT),
    "preparation.json": json.dumps({"hash": "abc"}),
    "calibration.json": json.dumps({"scale": 1.0}),
    "training.json": json.dumps({"synthetic": True}),
    "card.md": "# Model card\n",
}


def filling(count):
    def fill(folder):
        for number, place in enumerate(network_folders(count)):
            for name in OF_A_NETWORK:
                (folder / place / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / place / name).write_text(f"{name} of network {number}")

    return fill


fill = filling(1)


@pytest.fixture
def written(tmp_path):
    """A small bundle; no network in it, as opening reads none."""
    path = tmp_path / "bundle"
    write_bundle(path, TEXTS, fill)
    return path


@pytest.fixture
def ensemble(tmp_path):
    """A small bundle of three networks."""
    path = tmp_path / "ensemble"
    write_bundle(path, TEXTS, filling(3))
    return path


def test_what_was_written_is_read(written):
    opened = open_bundle(written)
    assert opened.experiment.config_hash() == EXPERIMENT.config_hash()
    assert opened.preparation_hash == "abc"
    assert opened.calibration == {"scale": 1.0}
    assert opened.training == {"synthetic": True}
    assert len(opened.model_hash) == 16
    assert opened.networks == 1
    (network,) = opened.exported_networks()
    assert network == written / "openvino/network.xml"
    assert network.read_text() == "openvino/network.xml of network 0"


def test_an_ensemble_is_read_in_its_order(ensemble):
    opened = open_bundle(ensemble)
    assert opened.networks == 3
    assert [path.read_text()[-9:] for path in opened.exported_networks()] == [
        "network 0",
        "network 1",
        "network 2",
    ]
    assert {path.relative_to(ensemble).as_posix() for path in ensemble.rglob("*.*")} == {
        *OF_THREE,
        MANIFEST,
    }


def test_a_hundred_networks_are_read_in_their_order(tmp_path):
    write_bundle(tmp_path / "bundle", TEXTS, filling(100))
    texts = [path.read_text() for path in open_bundle(tmp_path / "bundle").exported_networks()]
    assert [int(text.rpartition(" ")[2]) for text in texts] == list(range(100))


def test_the_same_files_have_the_same_hash_and_others_another(written, tmp_path):
    again = tmp_path / "again"
    texts = {name: (written / name).read_text() for name in DESCRIPTIONS}
    write_bundle(again, texts, fill)
    assert open_bundle(again).model_hash == open_bundle(written).model_hash
    write_bundle(again, texts | {"calibration.json": '{"scale": 2.0}'}, fill)
    assert open_bundle(again).model_hash != open_bundle(written).model_hash


def assert_every_altered_byte_is_refused(written, name):
    path = written / name
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        for mask in (1, 32):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
            with pytest.raises(BundleError):
                open_bundle(written)
    for cut in (whole[:-1], whole + b"\n", b""):
        path.write_bytes(cut)
        with pytest.raises(BundleError):
            open_bundle(written)
    path.write_bytes(whole)
    open_bundle(written)


@pytest.mark.parametrize("name", [*ALONE, MANIFEST])
def test_every_altered_byte_is_refused(written, name):
    assert_every_altered_byte_is_refused(written, name)


@pytest.mark.parametrize("name", [*OF_THREE, MANIFEST])
def test_every_altered_byte_of_an_ensemble_is_refused(ensemble, name):
    assert_every_altered_byte_is_refused(ensemble, name)


@pytest.mark.parametrize("name", [*ALONE, MANIFEST])
def test_a_missing_file_is_named(written, name):
    (written / name).unlink()
    with pytest.raises(BundleError, match=name):
        open_bundle(written)


@pytest.mark.parametrize("name", [*OF_THREE, MANIFEST])
def test_a_missing_file_of_an_ensemble_is_named(ensemble, name):
    (ensemble / name).unlink()
    with pytest.raises(BundleError, match=name):
        open_bundle(ensemble)


@pytest.mark.parametrize("number", ["00", "01", "02"])
def test_an_ensemble_that_lost_a_network_is_refused_even_under_right_checksums(ensemble, number):
    shutil.rmtree(ensemble / "networks" / number)
    with pytest.raises(BundleError):
        open_bundle(ensemble)
    bundles.seal(ensemble)
    if number == "02":  # what is left is a whole ensemble of two
        assert open_bundle(ensemble).networks == 2
        return
    with pytest.raises(BundleError, match=f"networks/{number}"):
        open_bundle(ensemble)


def test_a_network_more_beside_or_among_the_others_is_refused(written, ensemble):
    (written / "networks").mkdir()
    shutil.copytree(ensemble / "networks" / "00", written / "networks" / "00")
    bundles.seal(written)
    with pytest.raises(BundleError, match="networks/00"):
        open_bundle(written)
    shutil.copytree(ensemble / "networks" / "00", ensemble / "networks" / "x")
    bundles.seal(ensemble)
    with pytest.raises(BundleError, match="networks/x"):
        open_bundle(ensemble)


def test_a_file_more_is_named_also_a_link(written):
    (written / "openvino" / "more.bin").write_bytes(b"")
    with pytest.raises(BundleError, match=r"openvino/more\.bin"):
        open_bundle(written)
    (written / "openvino" / "more.bin").unlink()
    (written / "linked").symlink_to(written)
    with pytest.raises(BundleError, match="linked"):
        open_bundle(written)


def test_no_folder_and_too_large_a_file_are_told(written, tmp_path, monkeypatch):
    with pytest.raises(BundleError, match="no such bundle"):
        open_bundle(tmp_path / "none")
    monkeypatch.setattr(bundles, "LARGEST_BYTES", 5)
    with pytest.raises(BundleError, match="at most 5 are read"):
        open_bundle(written)


def forged(body):
    """A manifest whose own checksum holds, whatever it says."""
    return (
        json.dumps({**body, "manifest_sha256": canonical_hash(body)}, indent=1, sort_keys=True)
        + "\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        forged({"files": {}, "lungnet_version": "0"}),
        forged({"files": None, "lungnet_version": "0"}),
        forged({"files": dict.fromkeys(ALONE, 3), "lungnet_version": "0"}),
        forged({"files": {"networks/..//x": "x"}, "lungnet_version": "0"}),
        forged({"files": {"networks/": "x"}, "lungnet_version": "0"}),
        forged({"files": dict.fromkeys([*ALONE, "../outside"], "x"), "lungnet_version": "0"}),
        '{"files": NaN, "lungnet_version": 1}',
        '{"files": 1e999, "lungnet_version": 1}',
        "[]",
        "[" * 100_000,
    ],
)
def test_a_forged_manifest_is_refused(written, text):
    (written / MANIFEST).write_text(text)
    with pytest.raises(BundleError):
        open_bundle(written)


def test_a_configuration_that_does_not_hold_is_refused_even_under_a_right_checksum(written):
    (written / "config.yaml").write_text("modle: {}\n")
    bundles.seal(written)
    with pytest.raises(BundleError, match="modle is not a setting") as caught:
        open_bundle(written)
    assert not isinstance(caught.value, ConfigError)


def test_a_bundle_that_fails_while_it_is_made_leaves_the_old_one(written):
    before = open_bundle(written).model_hash

    def fail(folder):
        fill(folder)
        raise RuntimeError("export")

    with pytest.raises(RuntimeError):
        write_bundle(written, {}, fail)
    assert open_bundle(written).model_hash == before
    assert [path.name for path in written.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    "module",
    [
        "lungnet.models.bundle",
        "lungnet.inference",
        "lungnet.config.load",
        "lungnet.evaluation.metrics",
        "lungnet.store",
    ],
)
def test_reading_needs_no_training_framework(module):
    code = (
        f"import sys, {module}; print([m for m in ('tensorflow', 'keras', 'jax', 'torch') if m in "
        "sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.stdout == "[]\n"
