"""Progress: a line every ten seconds off a terminal, nothing where asked to be quiet."""

import io
import logging

import pytest

from lungnet import progress


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
