"""What a user calls a model: a path that exists, or the name of a bundle that ships."""

import json

import pytest

from lungnet.errors import BundleError
from lungnet.models import shipped
from lungnet.models.bundle import MANIFEST, open_bundle
from lungnet.models.shipped import bundle_folder, shipped_names


@pytest.fixture
def pretrained(tmp_path, monkeypatch):
    """A folder of shipped bundles with one in it."""
    folder = tmp_path / "package" / "pretrained"
    (folder / "nodules-x").mkdir(parents=True)
    (folder / "nodules-x" / MANIFEST).write_text(json.dumps({}))
    (folder / "README.md").write_text("no bundle")
    monkeypatch.setattr(shipped, "PRETRAINED", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_name_of_a_bundle_that_ships_is_its_folder(pretrained):
    assert shipped_names() == ["nodules-x"]
    assert bundle_folder("nodules-x") == pretrained / "nodules-x"


def test_a_path_that_exists_wins_over_the_name(pretrained, tmp_path):
    (tmp_path / "nodules-x").mkdir()
    assert bundle_folder("nodules-x").resolve() == tmp_path / "nodules-x"
    (tmp_path / "nodules-x" / "bundle").mkdir()
    assert bundle_folder("nodules-x").resolve() == tmp_path / "nodules-x" / "bundle"


@pytest.mark.parametrize("model", ["nodules-y", "../pretrained/nodules-x", "README.md", ""])
def test_what_is_not_there_is_told_with_the_names_that_are(pretrained, model):
    with pytest.raises(BundleError, match=r"no such bundle; .*ships .* \(nodules-x\)$"):
        bundle_folder(model or "nothing")


def test_every_bundle_that_ships_passes_its_checks():
    for name in shipped_names():
        open_bundle(bundle_folder(name))
