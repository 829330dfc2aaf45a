"""What a network is shown of a scan is the same from a store and fresh, in its place, with air
around."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.config.experiment import Experiment
from lungnet.config.model import InputConfig
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.network_inputs import largest_diameter_mm, network_inputs
from lungnet.datasets.view import View, straight
from lungnet.errors import InputError, LabelsError, StoreError, UsageError
from lungnet.preprocessing import PreparedScan
from lungnet.volume import AIR_HU

BAG = InputConfig(kind="bag", size=(12, 13, 14), candidates=9)


def cohort_of(experiment):
    return load_cohort(experiment.data, experiment.input, experiment.preparation)


def scan_of(hu, spacing=1.0, candidates=()):
    affine = np.array([[0, 0, spacing, 0], [0, spacing, 0, 0], [spacing, 0, 0, 0], [0, 0, 0, 1]])
    return PreparedScan(hu, np.ones(hu.shape, np.uint8), affine, candidates, 0.1, "p", "1", ())


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    offset=st.tuples(*[st.integers(-5, 5)] * 3),
    turn=st.sampled_from([0.0, 20.0]),
    size=st.tuples(*[st.integers(8, 20)] * 3),
)
def test_fresh_and_stored_scans_show_the_same(prepared_scan, stored, offset, turn, size):
    view = View(offset, turn)
    shown = InputConfig(kind="bag", size=size, candidates=9)
    fresh, kept = (
        network_inputs(prepared_scan, shown, view),
        network_inputs(stored, shown, view),
    )
    assert fresh.keys() == kept.keys()
    for name, value in fresh.items():
        assert_array_equal(value, kept[name])
        assert value.dtype == kept[name].dtype


@pytest.fixture
def stored(store_of):
    store, _ = store_of({"1.2.3": 1})
    return store.read("1.2.3")


def test_fresh_and_stored_volumes_are_the_same(prepared_scan, stored):
    shown = InputConfig(kind="volume", size=(16, 16, 16), spacing_mm=3.0)
    assert_array_equal(
        network_inputs(prepared_scan, shown)["image"],
        network_inputs(stored, shown)["image"],
    )
    assert_allclose(stored.affine, prepared_scan.affine)


def test_a_bag_holds_the_best_candidates_in_order_and_air_for_the_rest(prepared_scan):
    inputs = network_inputs(prepared_scan, BAG)
    n = len(prepared_scan.candidates)
    assert inputs["image"].shape == (9, 12, 13, 14)
    assert inputs["image"].dtype == np.int16
    assert inputs["present"].tolist() == [1] * n + [0] * (9 - n)
    assert (inputs["image"][n:] == AIR_HU).all()
    assert (inputs["image"][4:6] == AIR_HU).all()  # they lie outside the grid
    fewer = network_inputs(prepared_scan, InputConfig(kind="bag", size=(12, 13, 14), candidates=2))
    assert_array_equal(fewer["image"], inputs["image"][:2])
    assert fewer["present"].tolist() == [1, 1]


def test_positions_are_millimetres_from_the_mean_and_0_for_filling(prepared_scan):
    shown = BAG.model_copy(update={"positions": True})
    positions = network_inputs(prepared_scan, shown)["positions"]
    centres_mm = np.array([candidate.centre_mm for candidate in prepared_scan.candidates])
    n = len(centres_mm)
    assert positions.dtype == np.float32
    assert positions.shape == (9, 3)
    assert_allclose(positions[:n], centres_mm - centres_mm.mean(0), atol=1e-4)
    assert not positions[n:].any()
    assert "positions" not in network_inputs(prepared_scan, BAG)


def test_a_scan_without_candidates_has_no_positions():
    shown = BAG.model_copy(update={"positions": True})
    inputs = network_inputs(scan_of(np.zeros((20, 20, 20), np.int16)), shown)
    assert not inputs["positions"].any()
    assert not inputs["present"].any()


def test_a_crop_lies_around_its_candidate(prepared_scan):
    """The first candidate is at voxel (15.2, 20.5, 26.9).

    12 voxels whose middle is nearest to 15.2 begin at 10, and so on.
    """
    image = network_inputs(prepared_scan, BAG)["image"]
    assert_array_equal(image[0], prepared_scan.hu[10:22, 15:28, 20:34])
    moved = network_inputs(prepared_scan, BAG, View((1, -2, 3)))["image"]
    assert_array_equal(moved[0], prepared_scan.hu[11:23, 13:26, 23:37])


@pytest.mark.parametrize("shift", [(1, -2, 3), (0, 1.4, -0.6)])
def test_a_view_looks_the_same_way_into_a_volume_as_into_a_crop(shift):
    z, y, x = np.mgrid[:20, :30, :40]
    scan = scan_of((100 * z + 10 * y + x).astype(np.int16))
    shown = InputConfig(kind="volume", size=(10, 12, 14), spacing_mm=1.0)
    straight_on, moved = (
        network_inputs(scan, shown, view)["image"] for view in (straight(3), View(shift))
    )
    inner = moved[2:-2, 2:-2, 2:-2].astype(int) - straight_on[2:-2, 2:-2, 2:-2]
    assert_allclose(inner, np.dot(shift, (100, 10, 1)), atol=1)


def test_a_scan_without_candidates_is_a_bag_of_air():
    inputs = network_inputs(scan_of(np.zeros((5, 5, 5), np.int16)), BAG)
    assert (inputs["image"] == AIR_HU).all()
    assert not inputs["present"].any()
    assert np.isnan(largest_diameter_mm(scan_of(np.zeros((5, 5, 5), np.int16)), BAG))


def test_the_largest_diameter_is_among_what_the_network_sees(prepared_scan):
    few = InputConfig(kind="bag", size=(8, 8, 8), candidates=2)
    assert largest_diameter_mm(prepared_scan, few) == 8.0
    assert largest_diameter_mm(prepared_scan, InputConfig(kind="volume", size=(8, 8, 8))) == 18.0


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(*[st.integers(4, 40)] * 3), factor=st.sampled_from([1.0, 2.0, 2.5]))
def test_a_volume_is_centred_with_air_outside(shape, factor):
    shown = InputConfig(kind="volume", size=(16, 12, 20), spacing_mm=factor)
    image = network_inputs(scan_of(np.full(shape, 100, np.int16)), shown)["image"]
    assert image.shape == shown.size
    inside = image != AIR_HU
    assert (image[inside] == 100).all()
    for axis, (n, want) in enumerate(zip(shape, shown.size, strict=True)):
        have = max(1, round(n / factor))
        used = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        assert len(used) == min(have, want)
        assert abs(used[0] - (want - 1 - used[-1])) <= 1


def test_a_coarse_voxel_is_the_mean_of_what_it_covers():
    hu = np.random.default_rng(0).integers(-1000, 300, (16, 24, 16), np.int16)
    shown = InputConfig(kind="volume", size=(8, 12, 8), spacing_mm=2.0)
    means = hu.reshape(8, 2, 12, 2, 8, 2).mean((1, 3, 5))
    assert_allclose(network_inputs(scan_of(hu), shown)["image"], means, atol=1.01)  # rounded twice


def experiment(store, table=None, **more):
    values = {
        "data": {"path": str(store.path), "labels": str(table) if table else None},
        "input": {"kind": "bag", "size": [8, 8, 8]},
    }
    return Experiment.model_validate(values | more)


def test_a_store_becomes_a_cohort_with_its_own_labels_or_those_of_a_file(store_of):
    store, table = store_of({"1.2.3": 1, "1.2.4": 0, "1.2.5": None})
    for labels in (None, table):
        cohort = cohort_of(experiment(store, labels))
        assert cohort.table["patient_id"].tolist() == ["patient-1.2.3", "patient-1.2.4"]
        assert cohort.table["label"].tolist() == [1, 0]
        assert cohort.table["diameter_mm"].tolist() == [18.0, 18.0]
        assert cohort.is_synthetic
        assert cohort.preparation_hash == store.preparation_hash
        assert cohort.read(0, straight(3))["image"].shape == (8, 8, 8, 8)


def test_scanned_patients_are_not_called_synthetic(store_of):
    store, _ = store_of({"1.2.3": 1, "1.2.4": 0}, manufacturer="GE MEDICAL SYSTEMS")
    assert not cohort_of(experiment(store)).is_synthetic


def test_a_store_of_another_preparation_without_labels_or_no_store_is_refused(store_of, tmp_path):
    store, _ = store_of({"1.2.3": 1}, known=False)
    with pytest.raises(UsageError, match=f"prepared as {store.preparation_hash}"):
        cohort_of(experiment(store, preparation={"margin_mm": 9.0}))
    with pytest.raises(InputError, match="no patient has a label"):
        cohort_of(experiment(store))
    (tmp_path / "strangers.csv").write_text("id,cancer\nsomebody,1\n")
    with pytest.raises(LabelsError):
        cohort_of(experiment(store, tmp_path / "strangers.csv"))
    with pytest.raises(StoreError, match="no prepared store"):
        cohort_of(
            Experiment.model_validate(
                {
                    "data": {"path": str(tmp_path / "none")},
                    "input": {"kind": "bag", "size": [8, 8, 8]},
                }
            )
        )
