"""Who is shown when: a function of (seed, epoch), in whole batches, both labels alike if asked."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.datasets.schedule import Schedule


@given(
    n=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 99), epoch=st.integers(0, 99)
)
def test_an_epoch_shows_no_sample_twice_in_whole_batches(n, size, seed, epoch):
    rows = list(range(100, 100 + n))
    schedule = Schedule(rows, size, seed)
    shown, times = schedule.order(epoch).T
    assert len(shown) == schedule.steps * schedule.size
    assert len(set(shown)) == len(shown)
    assert set(shown) <= set(rows)
    assert not times.any()
    assert n - len(shown) < schedule.size <= n
    assert_array_equal(schedule.order(epoch), Schedule(rows, size, seed).order(epoch))


@pytest.mark.parametrize("labels", [None, [0, 1] * 10])
def test_the_order_differs_between_epochs_and_seeds(labels):
    orders = {
        Schedule(range(20), 4, seed, labels).order(epoch).tobytes()
        for seed in (1, 2)
        for epoch in (0, 1, 2)
    }
    assert len(orders) == 6


@given(
    negatives=st.integers(1, 30),
    positives=st.integers(1, 30),
    seed=st.integers(0, 99),
    epoch=st.integers(0, 99),
)
def test_balanced_sampling_shows_both_labels_equally_often(negatives, positives, seed, epoch):
    n = negatives + positives
    rows = [100 + row for row in range(n)]
    labels = [int(row < positives) for row in range(n)]
    schedule = Schedule(rows, 1, seed, labels)
    shown, times = schedule.order(epoch).T
    most = max(negatives, positives)
    is_positive = shown < 100 + positives
    assert is_positive.sum() == (~is_positive).sum() == most
    assert set(shown) == set(rows)
    for members in (shown[is_positive], shown[~is_positive]):
        counts = Counter(members.tolist()).values()
        assert max(counts) - min(counts) <= 1  # nobody is preferred within a label
    pairs = list(zip(shown.tolist(), times.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)  # each repetition has a number of its own
    for row, count in Counter(shown.tolist()).items():
        assert sorted(time for who, time in pairs if who == row) == list(range(count))
    assert_array_equal(schedule.order(epoch), Schedule(rows, 1, seed, labels).order(epoch))


def test_balanced_batches_mix_the_labels():
    schedule = Schedule(range(40), 10, 1, [1] * 8 + [0] * 32)
    rows = schedule.order(0)[:, 0].reshape(schedule.steps, 10)
    assert schedule.steps == 6
    assert all(0 < (batch < 8).sum() < 10 for batch in rows)


@pytest.mark.parametrize(("labels", "rare_share"), [(None, 0.1), ([1] + [0] * 9, 0.5)])
def test_a_row_is_drawn_as_often_as_it_is_shown(labels, rare_share):
    schedule, rng = Schedule(range(50, 60), 4, 0, labels), np.random.default_rng(0)
    drawn = [schedule.draw_row(rng) for _ in range(2000)]
    assert set(drawn) == set(range(50, 60))
    assert abs(np.mean(np.array(drawn) == 50) - rare_share) < 0.04
