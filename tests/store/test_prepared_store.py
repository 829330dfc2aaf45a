"""Reading a store: crops, geometry, and zarr-python as the independent reader."""

import json
import shutil
import weakref

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lungnet.errors import StoreError
from lungnet.intake import read_series
from lungnet.preprocessing import prepare, with_candidates
from lungnet.preprocessing.boxes import first_voxels
from lungnet.store import Store, series_worker
from lungnet.volume import AIR_HU


@pytest.fixture(scope="module")
def store(whole):
    return Store.open(whole)


def test_a_scan_comes_back_as_it_was_prepared(store, found, spec):
    one = next(f for f in found if f.patient_id == "p1")
    scan, stored = prepare(read_series(one), spec), store.read(one.series_uid)
    assert (stored.hu == scan.hu).all()
    assert (stored.mask == scan.mask).all()
    assert (stored.affine == scan.affine).all()
    assert stored.candidates == scan.candidates
    assert stored.warnings == scan.warnings
    assert (stored.patient_id, stored.series_uid, stored.shape) == (
        "p1",
        one.series_uid,
        scan.hu.shape,
    )
    assert stored.is_synthetic


def test_zarr_python_reads_the_same_values(store, whole):
    for uid, key in zip(store.manifest["series_uid"], store.manifest["key"], strict=True):
        group = zarr.open_group(whole / "scans" / f"{key}.zarr", mode="r")
        assert group.attrs["series_uid"] == uid
        assert group["hu"].metadata.fill_value == AIR_HU
        assert group["hu"].chunks == (32, 32, 32)
        assert (group["hu"][:] == store.read(uid).hu).all()
        assert (group["mask"][:] == store.read(uid).mask).all()


def test_the_source_is_out_of_memory_while_candidates_are_sought(
    found, spec, tmp_path, monkeypatch
):
    sources = []

    def read(series):
        volume = read_series(series)
        sources.append(weakref.ref(volume.hu))
        return volume

    def ranked(scan, config):
        assert [source() for source in sources] == [None]
        return with_candidates(scan, config)

    monkeypatch.setattr(series_worker, "read_series", read)
    monkeypatch.setattr(series_worker, "with_candidates", ranked)
    series = next(one for one in found if one.patient_id == "p1")
    row = series_worker.prepare_series(series, tmp_path, spec)
    assert row.status == "prepared"
    assert row.candidates


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    share=st.tuples(*[st.floats(-0.4, 1.4)] * 3),
    size=st.one_of(st.integers(1, 70), st.tuples(*[st.integers(1, 40)] * 3)),
)
def test_a_crop_is_a_slice_with_air_outside(store, share, size):
    scan = store.read(store.manifest["series_uid"][0])
    edges = (size,) * 3 if isinstance(size, int) else size
    centre = np.array(share) * scan.shape
    padded = np.pad(scan.hu, 150, constant_values=AIR_HU)
    start = first_voxels(centre, edges) + 150
    z, y, x = (slice(a, a + n) for a, n in zip(start, edges, strict=True))
    assert (scan.crop(centre, size) == padded[z, y, x]).all()
    assert (np.abs(start - 150 + (np.array(edges) - 1) / 2 - centre) <= 0.5).all()


def test_many_crops_equal_one_by_one(store):
    scan = store.read(store.manifest["series_uid"][2])
    centres = np.random.default_rng(0).uniform(-5, 90, (9, 3))
    assert (
        scan.crops(centres, 24) == np.stack([scan.crop(centre, 24) for centre in centres])
    ).all()
    assert scan.mask_crops(centres, (8, 9, 10)).shape == (9, 8, 9, 10)


def test_the_settings_and_their_hash_are_in_the_store(store, spec):
    assert store.preparation == spec
    assert store.preparation_hash == spec.preparation_hash()
    assert store.is_synthetic
    assert list(store.manifest["spacing_mm"][0]) == [2.0] * 3


def test_what_is_no_store_or_unknown_is_told(store, tmp_path):
    with pytest.raises(StoreError, match="no prepared store"):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match="not in the store"):
        store.read("1.2.3")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("preparation.json", "{"),
        ("manifest.parquet", "PAR1"),
        ("preparation.json", None),
        ("manifest.parquet", None),
    ],
)
def test_a_damaged_store_does_not_open(whole, tmp_path, name, content):
    shutil.copytree(whole, tmp_path / "s")
    (tmp_path / "s" / name).unlink()
    if content is not None:
        (tmp_path / "s" / name).write_text(content)
    with pytest.raises(StoreError):
        Store.open(tmp_path / "s")


def test_changed_settings_do_not_pass_for_the_old_ones(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "s")
    path = tmp_path / "s" / "preparation.json"
    value = json.loads(path.read_text())
    value["preparation"]["margin_mm"] = 9.0
    path.write_text(json.dumps(value))
    with pytest.raises(StoreError, match="its settings have the hash"):
        Store.open(tmp_path / "s")


def test_a_scan_that_is_gone_is_told(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "s")
    store = Store.open(tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "scans")
    with pytest.raises(StoreError, match="is missing"):
        store.read(store.manifest["series_uid"][0])


def test_the_picture_is_a_picture(whole):
    import cv2

    pictures = [cv2.imread(str(path)) for path in (whole / "pictures").glob("*.png")]
    assert len(pictures) == 3
    assert all(picture.shape[0] > 50 and picture.std() > 20 for picture in pictures)


@pytest.mark.parametrize("name", ["hu", "mask"])
def test_a_scan_whose_chunks_are_gone_is_damaged_not_air(whole, tmp_path, name):
    shutil.copytree(whole, tmp_path / "s")
    store = Store.open(tmp_path / "s")
    uid, key = store.manifest[["series_uid", "key"]].iloc[0]
    folder = tmp_path / "s" / "scans" / f"{key}.zarr"
    shutil.rmtree(folder / name / "c")
    words = f"^{folder}: the scan is missing; run `lungnet verify {tmp_path / 's'} --repair`"
    with pytest.raises(StoreError, match=words):
        getattr(store.read(uid), name)
