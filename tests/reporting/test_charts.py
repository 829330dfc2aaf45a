"""Drawing: ticks are round, paths are short, texts are escaped."""

import numpy as np
import pytest

from lungnet.reporting.charts import Axis, Chart, axis_for


@pytest.mark.parametrize(
    "values", [[0, 1], [3, 3], [0.001, 0.0042], [-0.34, 0.34], [1, 30], [np.nan, 5], [], [1e6, 2e6]]
)
def test_an_axis_holds_its_values_between_round_ticks(values):
    axis = axis_for("x", values)
    finite = [v for v in values if np.isfinite(v)]
    assert axis.low < axis.high
    assert 2 <= len(axis.ticks) <= 8
    assert all(axis.low - 1e-9 <= v <= axis.high + 1e-9 for v in finite)
    assert np.allclose(np.diff(axis.ticks), axis.ticks[1] - axis.ticks[0])


def chart():
    return Chart("c", "<title>", "a & b", Axis("<x>"), Axis("y"))


def test_texts_in_a_drawing_are_escaped():
    drawn = chart()
    drawn.points([0.5], [0.5], "model", ["<b>"])
    svg = drawn.svg()
    assert "&lt;title&gt;" in svg
    assert "a &amp; b" in svg
    assert "<x>" not in svg
    assert "<b>" not in svg


def test_a_line_of_many_points_is_a_short_path():
    drawn = chart()
    steps = np.sort(np.random.default_rng(0).random(200_000))
    drawn.line(steps, np.sort(steps), "model")
    assert len(drawn.elements[0]) < 60_000


def test_corners_survive_and_straight_runs_do_not():
    drawn = chart()
    drawn.line([0, 0, 0, 0.5, 1], [0, 0.5, 1, 1, 1], "model")
    assert drawn.elements[0].count("L") == 2


def test_a_path_of_nothing_is_no_error():
    drawn = chart()
    drawn.line([], [], "model")
    drawn.line([np.nan], [1.0], "model")
    assert "nan" not in drawn.svg()
