"""Resampling: positions, agreement with SimpleITK, no aliasing."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation calls it so
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungnet.preprocessing.resample import cropped, mask_on, resample
from lungnet.seeds import stream
from lungnet.volume import Volume, to_patient_mm, to_voxels

spacings = st.floats(0.5, 3.0)


def oblique(spacing_mm, degrees=20.0):
    """Axes turned about x: columns of the affine stay orthogonal."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes = np.array([[0, 0, 1], [-s, c, 0], [c, s, 0]], float)
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing_mm
    affine[:3, 3] = (-12.5, 30.25, 7.125)
    return affine


def noise(shape, affine):
    return Volume(
        stream(3, "noise").integers(-1024, 1500, shape).astype(np.int16), affine, "p", "s"
    )


def as_itk(volume):
    image = sitk.GetImageFromArray(volume.hu)
    image.SetSpacing(volume.spacing_mm[::-1])
    image.SetOrigin(volume.origin_mm)
    image.SetDirection((volume.affine[:3, :3] / volume.spacing_mm)[:, ::-1].ravel().tolist())
    return image


def itk_linear(volume, like):
    return sitk.GetArrayFromImage(
        sitk.Resample(
            as_itk(volume), as_itk(like), sitk.Transform(), sitk.sitkLinear, -1024, sitk.sitkInt16
        )
    )


@settings(max_examples=20, deadline=None)
@given(
    source=st.tuples(spacings, spacings, spacings),
    refine=st.tuples(*[st.floats(0.4, 1.0)] * 3),
    degrees=st.floats(0, 40),
)
def test_refining_equals_simpleitk_within_one_hu(source, refine, degrees):
    # Where the last centre falls on the source's very edge, SimpleITK takes it as outside.
    assume(all(abs((n / r) % 1 - 0.5) > 1e-6 for n, r in zip((9, 21, 17), refine, strict=True)))
    volume = noise((9, 21, 17), oblique(source, degrees))
    fine = resample(volume, tuple(s * r for s, r in zip(source, refine, strict=True)))
    assert np.abs(fine.hu.astype(int) - itk_linear(volume, fine)).max() <= 1


@settings(max_examples=20, deadline=None)
@given(
    source=st.tuples(spacings, spacings, spacings), target=st.tuples(spacings, spacings, spacings)
)
def test_voxel_centres_keep_their_patient_position(source, target):
    # A ramp over patient space is its own resampling wherever the whole kernel lies inside.
    affine = oblique(source)
    grid = np.moveaxis(np.indices((30, 40, 40)), 0, -1)
    slope = np.array([3.0, -2.0, 4.0])
    volume = Volume(np.rint(to_patient_mm(affine, grid) @ slope).astype(np.int16), affine, "p", "s")
    result = resample(volume, target)
    at = np.moveaxis(np.indices(result.hu.shape), 0, -1)
    expected = to_patient_mm(result.affine, at) @ slope
    distance = np.array(to_voxels(affine, to_patient_mm(result.affine, at)))
    reach = 2 + 2 * np.array(target) / source
    inside = ((distance > reach) & (distance < np.array(volume.hu.shape) - 1 - reach)).all(axis=-1)
    assert np.abs(result.hu - expected)[inside].max(initial=0) <= 1.5


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("ratio", [1.6, 2.0, 3.3])
def test_what_the_new_grid_cannot_hold_is_averaged_not_folded_back(axis, ratio):
    volume = noise((48, 48, 48), oblique((1.0, 1.0, 1.0)))
    wave = np.where(np.arange(48) % 2, 500, -500).astype(np.int16)
    volume = Volume(
        volume.hu * 0 + np.moveaxis(np.broadcast_to(wave, (48, 48, 48)), 2, axis),
        volume.affine,
        "p",
        "s",
    )
    coarse = resample(volume, tuple(ratio if a == axis else 1.0 for a in range(3)))
    # The outermost plane sees the edge repeated; plain sampling would leave up to 500 everywhere.
    inner = np.take(coarse.hu, range(2, coarse.hu.shape[axis] - 2), axis)
    assert np.abs(inner.astype(int)).max() < 500 * (0.25 if ratio < 2 else 0.05)


def test_the_same_spacing_gives_the_same_values_and_a_constant_stays():
    volume = noise((7, 12, 11), oblique((2.5, 0.7, 0.8)))
    assert (resample(volume, volume.spacing_mm).hu == volume.hu).all()
    flat = Volume(np.full((7, 12, 11), -873, np.int16), volume.affine, "p", "s")
    assert (resample(flat, (1.0, 1.9, 0.5)).hu == -873).all()


def test_a_grid_that_differs_by_under_a_voxel_in_plane_is_interpolated_too():
    ramp = np.broadcast_to(np.arange(4, dtype=np.int16) * 100, (3, 5, 4))
    result = resample(Volume(ramp.copy(), np.eye(4), "p", "s"), (0.5, 1.05, 1.05))
    assert result.hu.shape == (6, 5, 4)
    columns = np.clip((np.arange(4) + 0.5) * 1.05 - 0.5, 0, 3) * 100
    assert (np.abs(result.hu - columns) <= 1).all()


def test_a_crop_keeps_the_place_of_its_voxels():
    volume = noise((9, 10, 11), oblique((2.0, 1.0, 0.5)))
    part = cropped(volume, ((2, 5), (0, 4), (7, 11)))
    assert part.hu[1, 2, 3] == volume.hu[3, 2, 10]
    assert to_patient_mm(part.affine, (1, 2, 3)) == pytest.approx(
        to_patient_mm(volume.affine, (3, 2, 10))
    )


def test_a_mask_keeps_its_place_and_volume_on_a_finer_grid():
    z, y, x = np.indices((30, 30, 30)) - 14.5
    coarse = Volume(np.zeros((30, 30, 30), np.int16), oblique((2.0, 2.0, 2.0)), "p", "s")
    ball = (z**2 + y**2 + x**2 < 10**2).astype(np.uint8)
    fine = resample(coarse, (1.0, 0.8, 1.1))
    carried = mask_on(ball, coarse.affine, fine.hu.shape, fine.affine)
    assert set(np.unique(carried)) == {0, 1}
    assert carried.sum() * 0.88 == pytest.approx(ball.sum() * 8.0, rel=0.03)
    centre = to_patient_mm(fine.affine, np.argwhere(carried).mean(axis=0))
    assert centre == pytest.approx(to_patient_mm(coarse.affine, (14.5,) * 3), abs=0.2)


def test_a_mask_is_zero_outside_its_grid():
    affine = oblique((2.0, 2.0, 2.0))
    moved = affine.copy()
    moved[:3, 3] = to_patient_mm(affine, (-3, -3, -3))
    carried = mask_on(np.ones((4, 4, 4), np.uint8), affine, (10, 10, 10), moved)
    assert carried[3:7, 3:7, 3:7].all()
    assert carried.sum() == 64
