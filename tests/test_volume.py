"""A volume's grid and the patient's millimetres: there and back, cut and measured."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lungnet.volume import Volume, shifted, spacing_of, to_patient_mm, to_voxels


@st.composite
def affines(draw):
    turn, _ = np.linalg.qr(np.random.default_rng(draw(st.integers(0, 999))).normal(size=(3, 3)))
    spacing = draw(st.tuples(*[st.floats(0.3, 5)] * 3))
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    affine[:3, 3] = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return affine, spacing


@settings(max_examples=30, deadline=None)
@given(affines(), st.lists(st.tuples(*[st.floats(-200, 700)] * 3), min_size=1, max_size=5))
def test_to_the_patient_and_back_is_the_way_one_came(made, voxels):
    affine, spacing = made
    assert_allclose(spacing_of(affine), spacing, rtol=1e-9)
    assert_allclose(to_voxels(affine, to_patient_mm(affine, voxels)), voxels, atol=1e-8)
    assert_allclose(
        to_patient_mm(shifted(affine, (1, 2, 3)), voxels),
        to_patient_mm(affine, np.add(voxels, (1, 2, 3))),
        atol=1e-8,
    )


def test_a_volume_says_its_spacing_by_array_axis_and_its_origin_by_patient_axis():
    affine = np.array([[0, 0, 0.7, -10], [0, 0.8, 0, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]])
    volume = Volume(np.zeros((2, 3, 4), np.int16), affine, "p", "1.2")
    assert_allclose(volume.spacing_mm, (2.5, 0.8, 0.7))
    assert volume.origin_mm == (-10, -20, 30)
