"""Order and augmentation are functions of (seed, epoch, sample).

A resumed run sees what an uninterrupted one sees.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.cohort import Cohort
from lungnet.errors import StoreError

NODULE = InputConfig(kind="nodule", size=(8, 8))
BAG = InputConfig(kind="bag", size=(8, 8, 8), candidates=2)
STRONG = AugmentationConfig(
    flips=True,
    quarter_turns=True,
    shift_voxels=2,
    rotate_degrees=30,
    scale=0.1,
    shift_hu=20,
    noise_hu=10,
)


@pytest.fixture(scope="module")
def batches():
    from lungnet.datasets import batches

    return batches


def cohort(shown=NODULE, n=11):
    """Sample i is noise around 100 * i, so that a batch tells who is in it."""
    shape = (shown.candidates, *shown.size) if shown.kind == "bag" else shown.size

    def read(row, offset):
        image = (
            100 * row + np.random.default_rng([row, *np.abs(offset)]).integers(0, 50, shape)
        ).astype(np.int16)
        return {"image": image} | (
            {"present": np.ones(shown.candidates, np.float32)} if shown.kind == "bag" else {}
        )

    return Cohort(pd.DataFrame({"label": np.arange(n) % 2}), read, False, None, "")


def listed(dataset):
    return [
        ({name: value.numpy() for name, value in inputs.items()}, label.numpy())
        for inputs, label in dataset
    ]


def assert_same(first, second):
    assert len(first) == len(second)
    for (a, a_label), (b, b_label) in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert_array_equal(a[name], b[name])
        assert_array_equal(a_label, b_label)


@given(
    n=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 99), epoch=st.integers(0, 99)
)
def test_an_epoch_shows_no_sample_twice_in_whole_batches(batches, n, size, seed, epoch):
    rows = list(range(100, 100 + n))
    schedule = batches.Schedule(rows, size, seed)
    order = schedule.order(epoch)
    assert len(order) == schedule.steps * schedule.size
    assert len(set(order)) == len(order)
    assert set(order) <= set(rows)
    assert n - len(order) < schedule.size <= n
    assert_array_equal(order, batches.Schedule(rows, size, seed).order(epoch))


def test_the_order_differs_between_epochs_and_seeds(batches):
    orders = {
        tuple(batches.Schedule(range(20), 4, seed).order(epoch))
        for seed in (1, 2)
        for epoch in (0, 1, 2)
    }
    assert len(orders) == 6


@pytest.mark.parametrize("shown", [NODULE, BAG], ids=["nodule", "bag"])
def test_a_resumed_range_is_the_tail_of_the_whole_range_bit_for_bit(batches, shown):
    schedule = batches.Schedule(list(range(1, 11)), 4, seed=3)
    whole = listed(batches.training_batches(cohort(shown), schedule, range(3), shown, STRONG))
    tail = listed(batches.training_batches(cohort(shown), schedule, range(1, 3), shown, STRONG))
    assert len(whole) == 3 * schedule.steps == 6
    assert_same(whole[schedule.steps :], tail)


def test_augmentation_differs_between_epochs_for_the_same_sample(batches):
    schedule = batches.Schedule([5], 1, seed=3)
    first, second = listed(batches.training_batches(cohort(), schedule, range(2), NODULE, STRONG))
    assert (first[0]["image"] != second[0]["image"]).any()


def test_without_augmentation_a_batch_holds_the_samples_as_they_are_with_their_labels(batches):
    schedule = batches.Schedule(list(range(11)), 4, seed=0)
    samples = cohort()
    for step, (inputs, label) in enumerate(
        listed(batches.training_batches(samples, schedule, range(1), NODULE, AugmentationConfig()))
    ):
        rows = schedule.order(0)[4 * step : 4 * step + 4]
        assert_array_equal(
            inputs["image"], np.stack([samples.read(row, (0, 0))["image"] for row in rows])
        )
        assert_array_equal(label, (rows % 2)[:, None].astype(np.float32))


def test_plain_batches_keep_the_order_and_the_last_short_batch(batches):
    samples = cohort()
    read = listed(batches.plain_batches(samples, [7, 3, 9], 2, NODULE))
    assert [len(label) for _, label in read] == [2, 1]
    assert_array_equal(read[1][0]["image"][0], samples.read(9, (0, 0))["image"])


@pytest.mark.parametrize(
    "shown",
    [NODULE, BAG, InputConfig(kind="volume", size=(8, 9, 10))],
    ids=["nodule", "bag", "volume"],
)
def test_the_batches_fit_the_network_they_are_made_for(batches, shown):
    from lungnet.config.model import ModelConfig
    from lungnet.models.build import build_model

    network = build_model(ModelConfig(channels=(2,)), shown)
    spec = batches.input_tensor_specs(shown)
    assert {tensor.name: (tuple(tensor.shape[1:]), tensor.dtype) for tensor in network.inputs} == {
        name: (tuple(part.shape), part.dtype.name) for name, part in spec.items()
    }
    inputs, label = listed(batches.plain_batches(cohort(shown), [0, 1], 2, shown))[0]
    assert network(inputs)["logit"].shape == label.shape == (2, 1)


def test_a_damaged_scan_is_told_as_what_it_is(batches):
    def read(row, offset):
        raise StoreError("scan 1: damaged")

    broken = Cohort(pd.DataFrame({"label": [0, 1]}), read, False, None, "")
    with (
        pytest.raises(StoreError, match="scan 1: damaged"),
        batches.with_cohort_errors(broken) as told,
    ):
        listed(batches.plain_batches(told, [0, 1], 1, NODULE))
    with pytest.raises(KeyError), batches.with_cohort_errors(cohort()):
        raise KeyError("ours")
