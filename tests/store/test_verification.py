"""Verify names what is damaged, wherever a bit flips.

Repair and prepare give the same bytes again.
"""

import shutil

import pytest

from lungnet.errors import StoreError
from lungnet.store import fill_store, repair_store, verify_store

FILES = [
    "manifest.parquet",
    "preparation.json",
    "refused.csv",
    "SHA256SUMS",
    "group",
    "hu/zarr.json",
    "hu/c/0/0/0",
    "mask/c/0/0/0",
    "picture",
]


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "s")


def path_of(store, name):
    folder = min((store / "scans").iterdir())
    inside = {"group": folder / "zarr.json", "picture": store / "pictures" / f"{folder.stem}.png"}
    return inside.get(name, folder / name if "/" in name else store / name)


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x11
    path.write_bytes(data)


def problems(store):
    return [checked for checked in verify_store(store) if checked.problem]


def test_a_whole_store_holds(whole):
    checked = list(verify_store(whole))
    assert len(checked) == 6
    assert not [c for c in checked if c.problem]


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_anywhere_is_found_and_mended(found, whole, copy, spec, bytes_of, name):
    damage(path_of(copy, name))
    damaged = problems(copy)
    assert damaged
    repair_store(copy, damaged)
    assert not problems(copy)
    list(fill_store(found, copy, spec))
    assert bytes_of(copy) == bytes_of(whole)


@pytest.mark.parametrize(
    "name", ["manifest.parquet", "refused.csv", "group", "hu/c/0/0/0", "picture"]
)
def test_one_missing_file_is_found_and_mended(found, whole, copy, spec, bytes_of, name):
    path_of(copy, name).unlink()
    damaged = problems(copy)
    assert damaged
    repair_store(copy, damaged)
    list(fill_store(found, copy, spec))
    assert bytes_of(copy) == bytes_of(whole)


def test_a_missing_scan_is_named(copy):
    folder = min((copy / "scans").iterdir())
    shutil.rmtree(folder)
    assert [c.name for c in problems(copy)] == [f"scans/{folder.stem}"]


def test_what_is_no_store_cannot_be_verified(tmp_path):
    with pytest.raises(StoreError, match="no prepared store"):
        list(verify_store(tmp_path))
