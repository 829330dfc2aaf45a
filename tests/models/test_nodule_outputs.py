"""Ratings come in the readers' units; the outline is what is joined to the middle."""

import numpy as np
import pytest

from lungnet.config.model import ATTRIBUTES
from lungnet.models.nodule_outputs import outline_in_middle, readers_ratings


def discs(*discs_of, size=(32, 32)):
    """Log-odds above 0 in discs of (y, x, radius), counted from the middle."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in size)
    depths = [r - np.hypot(y[:, None] - cy, x - cx) for cy, cx, r in discs_of]
    return 3 * np.max(depths, 0).astype(np.float32)


def test_ratings_lie_between_the_lowest_and_the_highest_that_readers_give():
    shares = np.array([[0] * 8, [1] * 8, [0.5] * 8, [-3] * 8, [2] * 8], np.float32)
    ratings = readers_ratings(shares)
    assert list(ratings) == list(ATTRIBUTES)
    for name, (low, high) in ATTRIBUTES.items():
        assert ratings[name].tolist() == [low, high, (low + high) / 2, low, high]


@pytest.mark.parametrize("radius_mm", [2.0, 4.5, 9.0])
@pytest.mark.parametrize("size", [(32, 32), (33, 31)])
def test_the_diameter_is_that_of_the_disc_in_the_middle(radius_mm, size):
    outline = outline_in_middle(discs((0, 0, radius_mm), size=size))
    assert outline.diameter_mm == pytest.approx(2 * radius_mm, rel=0.06)
    distance_mm = np.hypot(*outline.border_mm.T)
    assert np.abs(distance_mm - radius_mm).max() < 0.5
    assert np.abs(outline.border_mm.mean(0)).max() < 0.3


def test_what_is_not_joined_to_the_middle_does_not_count():
    alone = outline_in_middle(discs((0, 0, 3)))
    beside = outline_in_middle(discs((0, 0, 3), (10, 10, 5)))
    assert beside.diameter_mm == pytest.approx(alone.diameter_mm, abs=0.05)


def test_a_nodule_a_little_off_the_middle_is_still_meant():
    outline = outline_in_middle(discs((0, 6, 4)))
    assert outline.diameter_mm == pytest.approx(8, rel=0.06)
    assert outline.border_mm.mean(0) == pytest.approx([0, 6], abs=0.3)
    assert outline_in_middle(discs((0, 9, 4))) is None
    assert outline_in_middle(np.full((32, 32), -5.0)) is None
