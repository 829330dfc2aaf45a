"""Seeds, volumes, errors and progress: what every station stands on."""

import io
import logging
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lungnet import errors, progress
from lungnet.errors import LungnetError, SeriesRefused
from lungnet.seeds import derive, stream
from lungnet.volume import Volume, shifted, spacing_of, to_patient_mm, to_voxels


def test_a_stream_is_a_function_of_seed_and_names_on_every_machine():
    assert derive(7, "order", 3) == 1744714780786333158 == derive(7, "order", 3)
    assert stream(7, "order", 3).random() == stream(7, "order", 3).random()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**31), st.sampled_from(["order", "augmentation"]), st.integers(0, 99)
        ),
        max_size=30,
        unique=True,
    )
)
def test_other_names_give_other_streams(keys):
    seeds = {derive(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


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


def test_every_error_has_an_exit_code_of_the_contract():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LungnetError)
    ]
    codes = {kind.__name__: kind.exit_code for kind in kinds}
    assert set(codes.values()) == {2, 3, 4}
    assert {name for name, code in codes.items() if code == 2} == {"UsageError", "ConfigError"}
    assert {name for name, code in codes.items() if code == 4} == {
        "DamageError",
        "StoreError",
        "BundleError",
        "CheckpointError",
    }


def test_a_refusal_travels_between_processes_whole():
    refusal = pickle.loads(pickle.dumps(SeriesRefused("not-ct", "modality is MR")))
    assert (refusal.reason, refusal.detail, str(refusal)) == (
        "not-ct",
        "modality is MR",
        "not-ct: modality is MR",
    )


@pytest.fixture
def logged():
    stream_ = io.StringIO()
    handler = logging.StreamHandler(stream_)
    level = progress.log.level
    progress.log.addHandler(handler)
    yield stream_
    progress.log.removeHandler(handler)
    progress.log.setLevel(level)


def test_progress_off_a_terminal_is_a_line_every_ten_seconds_and_one_at_the_end(
    logged, monkeypatch
):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    progress.log.setLevel(logging.INFO)
    assert list(progress.track(range(9), "prepare")) == list(range(9))
    lines = logged.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("prepare: 3/9,")
    assert lines[-1].startswith("prepare: 9/9,")


def test_progress_is_silent_when_asked_to_be_quiet(logged):
    progress.log.setLevel(logging.ERROR)
    assert list(progress.track(iter("abc"), "prepare", 3)) == ["a", "b", "c"]
    assert logged.getvalue() == ""
