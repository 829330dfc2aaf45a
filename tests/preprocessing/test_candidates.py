"""Candidates: where nodules are, how large, in which order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungnet.config.preparation import PreparationConfig
from lungnet.preprocessing.candidates import find_candidates
from lungnet.seeds import stream
from lungnet.volume import Volume, to_patient_mm

SPEC = PreparationConfig()
ONE_MM = np.array([[0, 0, 1, -40], [0, 1, 0, 10], [1, 0, 0, 5], [0, 0, 0, 1]], float)


def scene(shape=(72, 72, 72)):
    return stream(5, "scene").normal(-860, 25, shape), np.moveaxis(np.indices(shape), 0, -1)


def found_in(hu, affine=ONE_MM, spec=SPEC):
    return find_candidates(
        Volume(np.rint(hu).astype(np.int16), affine, "p", "s"), np.ones(hu.shape, np.uint8), spec
    )


@settings(max_examples=12, deadline=None)
@given(radius=st.floats(2.5, 15), shift=st.tuples(*[st.floats(-3, 3)] * 3))
def test_a_ball_is_the_first_candidate_with_its_centre_and_radius(radius, shift):
    hu, grid = scene()
    centre = np.array([36.0, 36.0, 36.0]) + shift
    hu[np.linalg.norm(grid - centre, axis=-1) < radius] = 40
    first = found_in(hu)[0]
    assert np.linalg.norm(np.array(first.centre_mm) - to_patient_mm(ONE_MM, centre)) < 0.8
    assert first.radius_mm == pytest.approx(radius, abs=0.6)


def test_a_ball_ranks_before_tubes_and_sheets_of_its_density():
    hu, grid = scene()
    z, y, x = np.moveaxis(grid, -1, 0)
    hu[np.hypot(y - 15, x - 15) < 4] = 40
    hu[np.abs(z - 60) < 3] = 40
    hu[np.linalg.norm(grid - [25, 45, 45], axis=-1) < 4] = 40
    first = found_in(hu)[0]
    assert first.centre_mm == pytest.approx(tuple(to_patient_mm(ONE_MM, (25, 45, 45))), abs=1)


def test_the_ranking_falls_and_the_number_is_bounded(chest):
    mask = chest.lung.astype(np.uint8)
    few = find_candidates(chest.volume, mask, PreparationConfig(candidates=5))
    assert len(few) == 5
    assert [c.score for c in few] == sorted((c.score for c in few), reverse=True)
    assert few == find_candidates(chest.volume, mask, SPEC)[:5]
    assert find_candidates(chest.volume, mask, PreparationConfig(candidates=0)) == ()


def test_every_nodule_of_the_chest_is_among_the_first(chest):
    found = np.array(
        [c.centre_mm for c in find_candidates(chest.volume, chest.lung.astype(np.uint8), SPEC)[:4]]
    )
    for centre, radius in chest.nodules:
        assert np.linalg.norm(found - centre, axis=1).min() < max(3.0, radius)


def test_nothing_is_found_outside_the_region_or_in_even_tissue():
    hu, _ = scene((40, 40, 40))
    assert found_in(np.full((40, 40, 40), -860.0)) == ()
    hu[15:25, 15:25, 15:25] = 40
    assert (
        find_candidates(
            Volume(hu.astype(np.int16), ONE_MM, "p", "s"), np.zeros(hu.shape, np.uint8), SPEC
        )
        == ()
    )


@pytest.mark.parametrize("hu_inside", [-600, 40], ids=["ground glass", "solid"])
def test_faint_and_solid_balls_of_a_size_rank_before_a_tree_of_vessels(hu_inside):
    hu, grid = scene((80, 80, 80))
    z, y, x = np.moveaxis(grid, -1, 0)
    for k in range(12, 72, 12):
        hu[np.hypot(y - k, x - 20) < 1.5] = 40
        hu[np.hypot(z - k, x - y) < 1.5] = 40
    hu[np.linalg.norm(grid - [40, 60, 62], axis=-1) < 7] = hu_inside
    first = found_in(hu)[0]
    assert first.centre_mm == pytest.approx(tuple(to_patient_mm(ONE_MM, (40, 60, 62))), abs=3)


def test_a_mass_larger_than_the_scales_of_the_search_is_the_first_candidate():
    hu, grid = scene((110, 110, 110))
    hu[np.linalg.norm(grid - [55, 55, 55], axis=-1) < 35] = 40
    first = found_in(hu)[0]
    assert np.linalg.norm(first.centre_mm - to_patient_mm(ONE_MM, (55, 55, 55))) < 6
    assert first.radius_mm == pytest.approx(35, abs=5)


def test_a_mass_of_which_a_third_lies_in_the_wall_is_the_first_candidate():
    hu, grid = scene((110, 110, 110))
    region = grid[..., 2] >= 30
    hu[~region] = 40
    mass = np.linalg.norm(grid - [55, 55, 38], axis=-1) < 30
    hu[mass] = 40
    hu[np.linalg.norm(grid - [20, 90, 90], axis=-1) < 9] = 40
    volume = Volume(np.rint(hu).astype(np.int16), ONE_MM, "p", "s")
    first = find_candidates(volume, (region | mass).astype(np.uint8), SPEC)[0]
    assert np.linalg.norm(first.centre_mm - to_patient_mm(ONE_MM, (55, 55, 38))) < 4
    assert first.radius_mm == pytest.approx(30, abs=3)


def test_a_cap_on_the_wall_scores_near_a_free_ball_and_a_vessel_along_the_wall_does_not():
    hu, grid = scene()
    _, y, x = np.moveaxis(grid, -1, 0)
    hu[x < 12] = 40
    hu[np.linalg.norm(grid - [36, 50, 10], axis=-1) < 5] = 40
    hu[np.linalg.norm(grid - [36, 25, 50], axis=-1) < 2.6] = 40
    hu[np.hypot(x - 14, y - 20) < 4] = 40
    volume = Volume(np.rint(hu).astype(np.int16), ONE_MM, "p", "s")
    free, cap, vessel = find_candidates(volume, (x >= 12).astype(np.uint8), SPEC)[:3]
    assert np.linalg.norm(cap.centre_mm - to_patient_mm(ONE_MM, (36, 50, 13))) < 3
    assert cap.score > 0.65 * free.score
    assert vessel.score < 0.1 * free.score


def test_a_score_hardly_depends_on_what_else_a_scan_holds():
    hu, grid = scene((72, 72, 72))
    hu[np.linalg.norm(grid - [20, 20, 20], axis=-1) < 5] = 40
    alone = found_in(hu)[0]
    hu[np.linalg.norm(grid - [50, 50, 50], axis=-1) < 9] = 40
    second = found_in(hu)[1]
    assert second.score == pytest.approx(alone.score, rel=0.05)
