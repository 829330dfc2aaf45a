"""The whole preparation: geometry, the box, robustness, real scans."""

import csv

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation calls it so
from hypothesis import given, settings
from hypothesis import strategies as st

from lungnet.config.preparation import PreparationConfig
from lungnet.preprocessing import prepare
from lungnet.seeds import stream
from lungnet.volume import ScanWarning, Volume, to_voxels

SPEC = PreparationConfig()


def turned(degrees):
    """The chest's affine, tilted about the left-right axis as an oblique reconstruction is."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1], [-s, c, 0], [c, s, 0]]) * (2.5, 1.5, 1.5)
    affine[:3, 3] = (-140, -100, -620)
    return affine


@pytest.mark.parametrize("degrees", [0, 12])
@pytest.mark.parametrize("spacing_mm", [1.0, 1.7])
def test_a_voxel_of_the_result_names_its_patient_millimetre(make_chest, degrees, spacing_mm):
    chest = make_chest(turned(degrees))
    scan = prepare(chest.volume, PreparationConfig(spacing_mm=spacing_mm))
    assert np.linalg.norm(scan.affine[:3, :3], axis=0) == pytest.approx([spacing_mm] * 3, abs=1e-12)
    for centre, radius in chest.nodules:
        z, y, x = to_voxels(scan.affine, centre)
        grid = np.moveaxis(np.indices(scan.hu.shape), 0, -1)
        near = (
            (np.linalg.norm(grid - [z, y, x], axis=-1) * spacing_mm < radius + 3)
            & (scan.hu > -400)
            & (scan.mask > 0)
        )
        if chest.nodules[1][0] is not centre:  # the one on the pleura has no free outline
            assert grid[near].mean(axis=0) == pytest.approx([z, y, x], abs=0.5)


def test_the_box_holds_the_lungs_and_the_margin_and_little_more(chest):
    scan = prepare(chest.volume, SPEC)
    used = [
        np.flatnonzero(scan.mask.any(axis=tuple(a for a in range(3) if a != axis)))
        for axis in range(3)
    ]
    for axis, at in enumerate(used):
        assert 7 <= at[0] <= 13
        assert 7 <= scan.hu.shape[axis] - 1 - at[-1] <= 13


def test_all_that_is_known_travels_and_nothing_is_drawn_by_chance(chest):
    told = ScanWarning("lossy", "the pixels went through lossy compression")
    volume = Volume(chest.volume.hu, chest.volume.affine, "p1", "1.2.3", (told,))
    one, two = prepare(volume, SPEC), prepare(volume, SPEC)
    assert told in one.warnings
    assert (one.patient_id, one.series_uid) == ("p1", "1.2.3")
    assert (one.hu == two.hu).all()
    assert (one.mask == two.mask).all()
    assert one.candidates == two.candidates
    assert one.hu.dtype == np.int16
    assert one.mask.dtype == np.uint8


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 24)] * 3),
    level=st.sampled_from([-1024, -860, 0, 3000]),
    spread=st.sampled_from([0, 30, 600, 20000]),
    spacing=st.tuples(*[st.floats(0.3, 6)] * 3),
)
def test_no_volume_makes_it_crash_or_leaves_an_empty_mask(shape, level, spread, spacing):
    hu = np.clip(stream(0, "any", *shape).normal(level, spread, shape), -32768, 32767).astype(
        np.int16
    )
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]) * spacing
    scan = prepare(Volume(hu, affine, "p", "s"), SPEC)
    assert scan.mask.any()
    assert scan.mask.shape == scan.hu.shape


@pytest.fixture(scope="module")
def real_scans(shared_data):
    from lungnet.intake import find_series, read_series

    volumes = [read_series(found) for found in find_series([shared_data / "lidc" / "dicom"])]
    return [(volume, prepare(volume, SPEC)) for volume in volumes]


@pytest.fixture(scope="module")
def real_nodules(shared_data):
    with (shared_data / "lidc" / "nodules.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.real_data
def test_real_nodules_lie_in_the_region_and_are_among_the_first_candidates(
    real_scans, real_nodules
):
    for _, scan in real_scans:
        found = np.array([c.centre_mm for c in scan.candidates])
        for row in (row for row in real_nodules if row["series_uid"] == scan.series_uid):
            centre = np.array([float(row[k]) for k in ("x_mm", "y_mm", "z_mm")])
            assert scan.mask[tuple(np.rint(to_voxels(scan.affine, centre)).astype(int))]
            if int(row["readers"]) >= 3:
                away = np.linalg.norm(found[:20] - centre, axis=1)
                assert away.min() <= max(5.0, float(row["diameter_mm"]) / 2)


@pytest.mark.real_data
def test_real_scans_show_two_lungs_without_doubts(real_scans):
    doubts = {"no-lungs", "one-lung", "lung-cut", "lung-volume"}
    assert not [w for _, scan in real_scans for w in scan.warnings if w.code in doubts]


@pytest.mark.real_data
def test_real_scans_refined_equal_simpleitk(real_scans):
    from lungnet.preprocessing.resample import resample

    for volume, _ in real_scans:
        part = Volume(volume.hu[40:60, 150:350, 150:350], volume.affine, "p", "s")
        fine = resample(part, (0.9, 0.6, 0.65))
        image = sitk.GetImageFromArray(part.hu)
        image.SetSpacing(part.spacing_mm[::-1])
        image.SetOrigin(part.origin_mm)
        grid = (
            fine.hu.shape[::-1],
            sitk.Transform(),
            sitk.sitkLinear,
            fine.origin_mm,
            fine.spacing_mm[::-1],
        )
        theirs = sitk.GetArrayFromImage(sitk.Resample(image, *grid))
        assert np.abs(theirs.astype(int) - fine.hu).max() <= 1
