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


def changed(chest, hu):
    return Volume(hu, chest.volume.affine, "p", "s")


def ball(shape, centre, radius_mm, spacing_mm=(2.5, 1.5, 1.5)):
    """Voxels within a radius of a voxel."""
    axes = ((np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing_mm, strict=True))
    z, y, x = axes
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < radius_mm**2


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("width", [3, 8], ids=["4 mm", "12 mm"])
def test_a_drain_between_lung_and_room_does_not_let_the_room_in(chest, width):
    hu = chest.volume.hu.copy()
    hu[34 : 34 + max(2, width // 2), 78 : 78 + width, :80] = -1000
    lungs, mask = outline(changed(chest, hu))
    assert "no-lungs" not in codes(lungs)
    assert dice(mask, chest.lung) > 0.94


def test_a_stoma_between_trachea_and_room_does_not_let_the_room_in(chest):
    hu = chest.volume.hu.copy()
    hu[66:70, :73, 96:104] = -1000
    lungs, mask = outline(changed(chest, hu))
    assert "no-lungs" not in codes(lungs)
    assert dice(mask, chest.lung) > 0.94


def test_a_lung_at_the_side_of_the_image_is_used_and_named_as_cut(chest):
    hu, lung = chest.volume.hu[:, :, 40:].copy(), chest.lung[:, :, 40:]
    lungs, mask = outline(changed(chest, hu))
    assert "lung-cut" in codes(lungs)
    assert dice(mask, lung) > 0.94


def test_a_lung_at_the_rim_of_a_round_field_of_view_is_used_and_named_as_cut(chest):
    hu = chest.volume.hu.copy()
    y, x = np.ogrid[:150, :200]
    outside = np.broadcast_to((y - 75) ** 2 + (x - 100) ** 2 > 62**2, hu.shape)
    hu[outside] = -1024
    lungs, mask = outline(changed(chest, hu))
    assert "lung-cut" in codes(lungs)
    assert dice(mask, chest.lung & ~outside) > 0.92


def test_gas_of_half_a_litre_under_a_thin_diaphragm_is_no_lung(chest):
    hu = chest.volume.hu.copy()
    gas = ball(hu.shape, (20, 75, 100), 18)
    hu[ball(hu.shape, (20, 75, 100), 22)] = 40
    hu[gas] = -1000
    _, mask = outline(changed(chest, hu))
    assert mask[gas].mean() < 0.05


@pytest.mark.parametrize("diameter_mm", [50, 70])
def test_a_mass_in_the_lung_belongs_to_it(chest, diameter_mm):
    hu = chest.volume.hu.copy()
    mass = ball(hu.shape, (34, 80, 60), diameter_mm / 2) & chest.lung
    hu[mass] = 40
    _, mask = outline(changed(chest, hu))
    assert mask[mass].mean() > 0.9


def test_a_mass_of_which_four_tenths_lie_in_the_wall_belongs_to_the_lung(chest):
    hu = chest.volume.hu.copy()
    mass = ball(hu.shape, (34, 110, 45), 25)
    assert 0.5 < (mass & chest.lung).sum() / mass.sum() < 0.6
    hu[mass] = 40
    _, mask = outline(changed(chest, hu))
    assert mask[mass & chest.lung].mean() > 0.9


def test_a_mattress_with_the_density_of_lung_is_none(chest):
    hu = chest.volume.hu.copy()
    hu[:, 136:142, 20:180] = -900
    lungs, mask = outline(changed(chest, hu))
    assert not mask[:, 134:].any()
    assert codes(lungs) == set()


def test_lungs_that_touch_are_closed_each_for_itself(chest):
    hu = chest.volume.hu.copy()
    hu[30:44, 62:66, 80:120] = -860  # a bridge in front of the heart
    _, mask = outline(changed(chest, hu))
    assert mask[34:40, 70:90, 97:103].mean() < 0.1
