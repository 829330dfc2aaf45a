import numpy as np
import pytest

from lungnet.config.phantom import PhantomConfig
from lungnet.phantom.findings import MEDIAN_MM, diameter_of
from lungnet.phantom.patient import PhantomPatient, make_patient, plan_patient
from lungnet.seeds import stream
from lungnet.volume import spacing_of, to_voxels

TINY = PhantomConfig(matrix=96, thinnest_mm=5, thickest_mm=5, vessel_ends=16)


@pytest.fixture(scope="module")
def patients() -> list[PhantomPatient]:
    return [make_patient(3, index, TINY) for index in range(6)]


def test_the_same_seed_gives_the_same_voxels_and_another_gives_others(
    patients: list[PhantomPatient],
) -> None:
    again = make_patient(3, 1, TINY)
    assert np.array_equal(again.hu, patients[1].hu)
    assert again.nodules == patients[1].nodules
    assert make_patient(4, 1, TINY).patient_id != patients[1].patient_id


def test_lungs_hold_three_to_six_litres_of_air_in_a_body_of_soft_tissue(
    patients: list[PhantomPatient],
) -> None:
    for patient in patients:
        litres = patient.mask.sum() * np.prod(spacing_of(patient.affine)) / 1e6
        assert 2.8 <= litres <= 6.2
        assert -910 <= np.median(patient.hu[patient.mask]) <= -790
        assert np.mean(patient.hu > -200) > 0.15
        assert np.mean(patient.hu > 300) > 0.003  # bones


def test_both_lungs_lie_within_the_grid(patients: list[PhantomPatient]) -> None:
    for patient in patients:
        middle = patient.mask.shape[2] // 2
        right, left = patient.mask[:, :, :middle].sum(), patient.mask[:, :, middle:].sum()
        assert 0.6 < left / right < 1.5
        assert not patient.mask[:, 0].any()
        assert not patient.mask[:, :, 0].any()


def test_every_nodule_lies_in_the_lungs_where_the_truth_says(
    patients: list[PhantomPatient],
) -> None:
    config = PhantomConfig(matrix=128, thinnest_mm=3, thickest_mm=3, vessel_ends=16)
    checked = 0
    for index in range(6):
        plan = plan_patient(3, index, config)
        patient = make_patient(3, index, config)
        for nodule in plan.nodules:
            z, y, x = np.rint(to_voxels(patient.affine, plan.centre_mm(nodule))).astype(int)
            assert patient.mask[z, y, x]
            if nodule.texture == 5 and nodule.diameter_mm > 9:
                assert patient.hu[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean() > -200
                checked += 1
    assert checked >= 2


def test_the_truth_does_not_depend_on_the_matrix() -> None:
    coarse, fine = (
        plan_patient(9, 4, TINY),
        plan_patient(9, 4, PhantomConfig(matrix=512, vessel_ends=16)),
    )
    assert coarse.nodules == fine.nodules


def test_sizes_follow_lidc_by_malignancy() -> None:
    for malignancy, median in enumerate(MEDIAN_MM, 1):
        draw = stream(0, "test", malignancy)
        found = [diameter_of(malignancy, draw) for _ in range(3000)]
        assert np.median(found) == pytest.approx(median, rel=0.06)
        assert 4 <= min(found) <= max(found) <= 32


def test_diameter_alone_does_not_solve_it_and_looks_do() -> None:
    from sklearn.metrics import roc_auc_score

    config = PhantomConfig(vessel_ends=16)
    plans = [plan_patient(0, index, config) for index in range(300)]
    labels = [plan.is_positive for plan in plans]
    diameter = roc_auc_score(labels, [max(n.diameter_mm for n in plan.nodules) for plan in plans])
    looks = roc_auc_score(
        labels, [max(max(n.spiculation, n.lobulation) for n in plan.nodules) for plan in plans]
    )
    print(
        f"AUC of the largest true diameter {diameter:.3f}, of spiculation or lobulation {looks:.3f}"
    )
    assert sum(labels) == 135
    assert all(plan.nodules for plan in plans)
    assert 0.7 <= diameter <= 0.88
    assert looks > diameter + 0.08


def test_what_is_reported_fits_the_vendors_storage(patients: list[PhantomPatient]) -> None:
    for patient in patients:
        vendor = patient.plan.scanner.vendor
        stored = patient.hu.astype(int) - vendor.intercept_hu
        if vendor.padding is not None:
            assert stored[0, 0, 0] == vendor.padding
        if not vendor.is_signed:
            assert stored.min() >= 0
            assert stored.max() < 4096


def test_noise_has_the_kernels_strength() -> None:
    from dataclasses import replace

    from lungnet.phantom.scanner import acquire

    plan = plan_patient(3, 0, TINY)
    for is_sharp in (False, True):
        scanner = replace(plan.scanner, is_sharp=is_sharp, noise_hu=30.0)
        water = np.zeros((4, 96, 96), np.float32)
        seen = acquire(water, scanner, stream(1, "test"))[:, 24:72, 24:72]
        assert seen.std() == pytest.approx(30, rel=0.1)
