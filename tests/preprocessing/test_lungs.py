"""Lungs: both, closed, without the airway; in any position; never empty."""

import numpy as np
import pytest

from lungnet.preprocessing.lungs import find_lungs
from lungnet.preprocessing.resample import mask_on, resample
from lungnet.volume import Volume


def outline(chest_volume):
    coarse = resample(chest_volume, (2.0, 2.0, 2.0))
    lungs = find_lungs(coarse)
    return lungs, mask_on(
        lungs.mask, coarse.affine, chest_volume.hu.shape, chest_volume.affine
    ).astype(bool)


def codes(lungs):
    return {warned.code for warned in lungs.warnings}


def test_both_lungs_are_outlined_without_doubts(chest):
    lungs, mask = outline(chest.volume)
    assert codes(lungs) == set()
    assert 2 * (mask & chest.lung).sum() / (mask.sum() + chest.lung.sum()) > 0.95
    assert lungs.litres == pytest.approx(chest.lung.sum() * 2.5 * 1.5 * 1.5 * 1e-6, rel=0.05)


def test_nodules_on_the_pleura_and_vessels_are_inside(chest):
    _, mask = outline(chest.volume)
    dense = chest.lung & (chest.volume.hu > -100)
    assert mask[dense].mean() > 0.96


def test_the_airway_and_the_outside_are_out(chest):
    _, mask = outline(chest.volume)
    assert not mask[chest.airway].any()
    assert mask[~chest.lung].sum() < 0.05 * mask.sum()


@pytest.mark.parametrize(
    "turned",
    [(1, 0), (2, 0), (3, 0), (0, 1)],
    ids=["on one side", "prone", "on the other side", "mirrored"],
)
def test_the_position_of_the_body_does_not_matter(chest, turned):
    quarter_turns, mirror = turned
    hu = np.rot90(chest.volume.hu, quarter_turns, (1, 2))
    lung = np.rot90(chest.lung, quarter_turns, (1, 2))
    if mirror:
        hu, lung = hu[:, :, ::-1], lung[:, :, ::-1]
    lungs, mask = outline(Volume(np.ascontiguousarray(hu), chest.volume.affine, "p", "s"))
    assert 2 * (mask & lung).sum() / (mask.sum() + lung.sum()) > 0.94
    assert "no-lungs" not in codes(lungs)


def test_one_lung_alone_is_doubted(make_chest):
    lungs, mask = outline(make_chest(lungs=1).volume)
    assert "one-lung" in codes(lungs)
    assert mask.any()


def test_lungs_that_the_scan_cuts_are_doubted(chest):
    lungs, _ = outline(Volume(chest.volume.hu[34:46], chest.volume.affine, "p", "s"))
    assert {"lung-cut", "lung-volume"} <= codes(lungs)


def test_gas_in_the_gut_is_no_lung(chest):
    hu = chest.volume.hu.copy()
    hu[:12, 55:90, 90:110] = -1005
    _, mask = outline(Volume(hu, chest.volume.affine, "p", "s"))
    assert not mask[:11, 57:88, 92:108].any()


@pytest.mark.parametrize(
    "hu",
    [
        np.full((20, 60, 60), -1000),
        np.full((20, 60, 60), 40),
        np.full((1, 60, 60), -1024),
        np.full((3, 2, 1), 0),
    ],
    ids=["air only", "tissue only", "one slice", "a few voxels"],
)
def test_without_lungs_the_body_box_stands_in_with_a_warning(chest, hu):
    lungs, _ = outline(Volume(hu.astype(np.int16), chest.volume.affine, "p", "s"))
    assert "no-lungs" in codes(lungs)
    assert lungs.mask.any()
