"""What is decoded once gives what is read anew, from memory as from a file."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.cohort import Keeping
from lungnet.datasets.kept_crops import KeptArrays, keeping_reader
from lungnet.datasets.network_inputs import network_inputs
from lungnet.datasets.view import View, draw_view
from lungnet.datasets.volume_view import reach_voxels, size_to_cut
from lungnet.errors import MachineError

BAG = InputConfig(kind="bag", size=(8, 10, 12), candidates=3)
VOLUME = InputConfig(kind="volume", size=(10, 11, 12), spacing_mm=8.0)
MARGIN = 2
PLENTY, NOTHING = 10**9, 0


@pytest.fixture
def reader(prepared_scan, tmp_path):
    """`reader(shown, budget)`: a keeping reader of three scans, and how often each was read."""

    def make(shown, budget):
        reads = []

        def scan_of(row):
            reads.append(row)
            # The second scan has fewer candidates than a bag holds, the third has none.
            return replace(prepared_scan, candidates=prepared_scan.candidates[: (9, 1, 0)[row]])

        keeping = Keeping(budget, tmp_path, MARGIN)
        return keeping_reader(scan_of, 3, shown, keeping), scan_of, reads

    return make


@pytest.mark.parametrize("budget", [PLENTY, NOTHING], ids=["memory", "file"])
@pytest.mark.parametrize("shown", [BAG, VOLUME], ids=["bag", "volume"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shift=st.tuples(*[st.integers(-MARGIN - 1, MARGIN + 1)] * 3),
    turn=st.sampled_from([0.0, 20.0]),
)
def test_a_kept_scan_shows_what_is_read_anew(reader, shown, budget, shift, turn):
    read, scan_of, _ = reader(shown, budget)
    view = View(tuple(map(float, shift)), turn)
    if shown.kind == "volume" and max(map(abs, shift)) > MARGIN:
        return  # a margin too small would show air; `reach_voxels` does not allow it
    for row in (0, 1, 2, 0):
        kept, anew = read(row, view), network_inputs(scan_of(row), shown, view)
        assert kept.keys() == anew.keys()
        for name in anew:
            assert_array_equal(kept[name], anew[name])


@pytest.mark.parametrize("budget", [PLENTY, NOTHING], ids=["memory", "file"])
@pytest.mark.parametrize("shown", [BAG, VOLUME], ids=["bag", "volume"])
def test_each_scan_is_read_once(reader, shown, budget):
    read, _, reads = reader(shown, budget)
    for shift in range(-MARGIN, MARGIN + 1):
        for row in range(3):
            read(row, View((float(shift), 0.0, 0.0)))
    first = len(reads)
    assert max(map(reads.count, range(3))) <= 2
    for row in range(3):
        read(row, View((0.0, 0.0, 0.0)))
    assert len(reads) == first


def test_the_file_has_no_name_and_memory_stays_empty(tmp_path):
    kept = KeptArrays(5, (4, 4), Keeping(NOTHING, tmp_path))
    made = kept.get(3, lambda: np.full((4, 4), 7, np.int16))
    assert_array_equal(made, kept.get(3, lambda: pytest.fail("made again")))
    assert not kept.fits_memory
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_before_the_first_epoch(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    kept = KeptArrays(5, (4, 4), Keeping(NOTHING, tmp_path))
    with pytest.raises(MachineError, match="no space left on the disk"):
        kept.get(0, lambda: np.zeros((4, 4), np.int16))


@settings(max_examples=60)
@given(
    config=st.builds(
        AugmentationConfig,
        shift_voxels=st.integers(0, 3),
        rotate_degrees=st.sampled_from([5.0, 60.0, 180.0]),
        scale=st.sampled_from([0.0, 0.2]),
        axes=st.sampled_from(["plane", "all"]),
        elastic_voxels=st.sampled_from([0.0, 1.0]),
    ),
    size=st.tuples(*[st.integers(10, 20)] * 3),
    seed=st.integers(0, 99),
)
def test_no_view_looks_beyond_the_margin_that_is_kept(config, size, seed):
    view = draw_view(config, 3, np.random.default_rng(seed))
    margin = (np.array(size_to_cut(size, view)) - size) // 2
    assert (margin + np.abs(view.whole_shift)).max() <= reach_voxels(config, size)
