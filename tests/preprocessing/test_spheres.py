"""Balls through what rays meet: their place, their size, how much of a surface lies on them."""

import numpy as np
import pytest

from lungnet.preprocessing.spheres import fit_ball, sphere_through
from lungnet.seeds import stream

SPACING_MM = (4.0, 4.0, 4.0)


def lung_around(centre, radius_mm, wall=None, shape=(40, 40, 40)):
    """Aerated blocks but for a ball, and for what lies below a column."""
    grid = np.moveaxis(np.indices(shape), 0, -1)
    lung = np.linalg.norm((grid - centre) * 4, axis=-1) >= radius_mm
    if wall is not None:
        lung[..., :wall] = False
    return lung


def test_a_sphere_goes_through_its_points():
    points = stream(3, "sphere").normal(size=(50, 3))
    points *= 7 / np.linalg.norm(points, axis=1, keepdims=True)
    centre, radius = sphere_through(points + np.array([1, 2, 3]))
    assert centre == pytest.approx([1, 2, 3])
    assert radius == pytest.approx(7)


@pytest.mark.parametrize("wall", [None, 18], ids=["free", "on a wall"])
def test_a_rough_ball_moves_to_the_place_and_the_size_of_the_mass(wall):
    lung = lung_around((20.3, 19.6, 20), 34, wall)
    ball = fit_ball(lung, (21, 19, 21), 30, SPACING_MM)
    assert np.linalg.norm(np.subtract(ball.centre, (20.3, 19.6, 20))) * 4 < 3
    assert ball.radius_mm == pytest.approx(34, abs=3)
    assert ball.evenness > 0.9
    assert ball.facing > 0.85 if wall is None else 0.5 < ball.facing < 0.7


def test_what_is_no_ball_is_uneven_and_what_has_no_surface_is_none():
    lung = np.ones((40, 40, 40), bool)
    lung[8:32, 14:26, 14:26] = False
    ball = fit_ball(lung, (20, 20, 20), 28, SPACING_MM)
    assert ball is None or ball.evenness < 0.7
    assert fit_ball(np.zeros_like(lung), (20, 20, 20), 28, SPACING_MM) is None
