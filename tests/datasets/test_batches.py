"""Order and augmentation are functions of (seed, epoch, sample).

A resumed run sees what an uninterrupted one sees.
"""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import cohort_targets
from lungnet.datasets.view import straight
from lungnet.errors import StoreError

NODULE = InputConfig(kind="nodule", size=(8, 8))
BAG = InputConfig(kind="bag", size=(8, 8, 8), candidates=2)
PLAIN = AugmentationConfig()
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

    def read(row, view):
        seed = [row, *np.abs(view.whole_shift), round(1000 * abs(view.turn_degrees))]
        image = (100 * row + np.random.default_rng(seed).integers(0, 50, shape)).astype(np.int16)
        return {"image": image} | (
            {"present": np.ones(shown.candidates, np.float32)} if shown.kind == "bag" else {}
        )

    columns = {
        "label": np.arange(n) % 2,
        "diameter_mm": 4.0 + np.arange(n),
        "age": 50 - np.arange(n),
    }
    return Cohort(pd.DataFrame(columns), read, False, None, "")


@pytest.fixture
def task_batches(batches):
    """`task_batches(cohort, shown, schedule, augmentation)`: what one network is trained on."""

    def make(samples, shown, schedule, augmentation=PLAIN, **given):
        heads, validation = given.get("heads", ()), given.get("validation", ())
        targets = cohort_targets(samples.table, shown, heads, 0.0)
        return batches.TaskBatches(samples, shown, targets, schedule, augmentation, validation)

    return make


def listed(dataset):
    return list(dataset)


def assert_same(first, second):
    assert len(first) == len(second)
    for batches_ in zip(first, second, strict=True):
        for a, b in zip(*batches_, strict=True):
            assert a.keys() == b.keys()
            for name in a:
                assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("shown", [NODULE, BAG], ids=["nodule", "bag"])
@pytest.mark.parametrize("labels", [None, [1, 0] * 5], ids=["natural", "balanced"])
def test_a_resumed_range_is_the_tail_of_the_whole_range_bit_for_bit(task_batches, shown, labels):
    schedule = Schedule(list(range(1, 11)), 4, seed=3, labels=labels)
    batches = task_batches(cohort(shown), shown, schedule, STRONG)
    whole, tail = (listed(batches.training(epochs)) for epochs in (range(3), range(1, 3)))
    assert len(whole) == 3 * schedule.steps == 6
    assert_same(whole[schedule.steps :], tail)


def test_augmentation_differs_between_epochs_for_the_same_sample(task_batches):
    batches = task_batches(cohort(), NODULE, Schedule([5], 1, seed=3), STRONG)
    first, second = listed(batches.training(range(2)))
    assert (first[0]["image"] != second[0]["image"]).any()


def test_a_row_that_balance_repeats_is_augmented_anew(task_batches):
    schedule = Schedule([0, 2, 4, 1], 6, seed=3, labels=[0, 0, 0, 1])
    ((inputs, targets),) = listed(
        task_batches(cohort(), NODULE, schedule, STRONG).training(range(1))
    )
    is_positive = targets["logit"][:, 0] == 1
    assert is_positive.sum() == 3
    assert len({image.tobytes() for image in inputs["image"][is_positive]}) == 3


def test_without_augmentation_a_batch_holds_the_samples_as_they_are_with_their_labels(task_batches):
    schedule = Schedule(list(range(11)), 4, seed=0)
    samples = cohort()
    for step, (inputs, targets) in enumerate(
        listed(task_batches(samples, NODULE, schedule).training(range(1)))
    ):
        rows = schedule.order(0)[4 * step : 4 * step + 4, 0]
        assert_array_equal(
            inputs["image"], np.stack([samples.read(row, straight(2))["image"] for row in rows])
        )
        assert targets.keys() == {"logit"}
        assert_array_equal(targets["logit"], (rows % 2)[:, None].astype(np.float32))


def test_plain_batches_keep_the_order_and_the_short_batch_comes_first(task_batches):
    samples = cohort()
    batches = task_batches(samples, NODULE, Schedule([0, 1], 2, 0), STRONG, validation=[7, 3, 9])
    read = listed(batches.plain([7, 3, 9]))
    assert [len(targets["logit"]) for _, targets in read] == [1, 2]
    assert_array_equal(read[0][0]["image"][0], samples.read(7, straight(2))["image"])
    assert_same(read, listed(batches.held_out()))
    assert task_batches(samples, NODULE, Schedule([0, 1], 2, 0)).held_out() is None
    stacked = batches.inputs([7, 3, 9])
    assert_array_equal(stacked["image"], np.concatenate([inputs["image"] for inputs, _ in read]))


@pytest.mark.parametrize(
    "shown",
    [NODULE, BAG, InputConfig(kind="volume", size=(8, 9, 10))],
    ids=["nodule", "bag", "volume"],
)
@pytest.mark.parametrize("scalars", [(), ("diameter_mm", "age")], ids=["image", "and scalars"])
def test_the_batches_fit_the_network_they_are_made_for(task_batches, shown, scalars):
    from lungnet.config.model import ModelConfig
    from lungnet.models.build import build_model

    shown = shown.model_validate(shown.model_dump() | {"scalars": scalars})
    network = build_model(ModelConfig(channels=(2,)), shown)
    read = task_batches(cohort(shown), shown, Schedule([0, 1], 2, 0)).plain([0, 1])
    ((inputs, targets),) = listed(read)
    assert {tensor.name: (tuple(tensor.shape[1:]), tensor.dtype) for tensor in network.inputs} == {
        name: (part.shape[1:], part.dtype.name) for name, part in inputs.items()
    }
    assert network(inputs)["logit"].shape == targets["logit"].shape == (2, 1)


def test_the_targets_of_the_heads_fit_their_outputs(task_batches):
    from lungnet.config.model import ModelConfig
    from lungnet.models.build import build_model

    heads = ("attributes", "outline", "diameter")
    network = build_model(ModelConfig(channels=(2, 3), heads=heads), NODULE)
    batches = task_batches(cohort(), NODULE, Schedule([0, 1], 2, 0), heads=heads)
    ((inputs, targets),) = listed(batches.plain([0, 1]))
    outputs = network(inputs)
    assert outputs.keys() == targets.keys() == {"logit", *heads}
    assert all(outputs[name].shape == targets[name].shape for name in heads)


def test_an_outline_is_turned_with_its_image(task_batches):
    """The image is the outline in HU, so that one tells of the other."""

    def read(row, view):
        inside = np.zeros((8, 8), np.float32)
        inside[1:4, 2 : 5 + row % 3] = 1
        return {"image": (1000 * inside - 900).astype(np.int16), "outline": inside}

    table = pd.DataFrame({"label": [0, 1] * 4})
    samples = Cohort(table, read, False, None, "", knows_outlines=True)
    symmetry = AugmentationConfig(flips=True, quarter_turns=True)
    schedule = Schedule(range(8), 8, seed=1)
    batches = task_batches(samples, NODULE, schedule, symmetry, heads=("outline",))
    seen = set()
    for inputs, targets in listed(batches.training(range(4))):
        assert_array_equal(targets["outline"], inputs["image"] > 0)
        seen |= {image.tobytes() for image in inputs["image"]}
    assert len(seen) > 8
    plain = listed(batches.plain([0, 1]))
    assert_array_equal(plain[0][1]["outline"][1], read(1, None)["outline"])


def test_numbers_beside_the_image_are_hidden_as_often_as_asked(task_batches):
    shown = NODULE.model_validate(NODULE.model_dump() | {"scalars": ["age"]})
    samples = cohort(n=50)
    schedule = Schedule(range(50), 50, seed=1)
    hide = AugmentationConfig(drop_scalars=0.3)
    batches = task_batches(samples, shown, schedule, hide)
    hidden = [np.isnan(inputs["scalars"]) for inputs, _ in listed(batches.training(range(8)))]
    assert 0.2 < np.mean(hidden) < 0.4
    assert (hidden[0] != hidden[1]).any()
    assert not np.isnan(batches.inputs(range(50))["scalars"]).any()
    assert not np.isnan(batches.targets.scalars).any()


def test_mixup_blends_image_and_target_alike_and_a_sample_keeps_the_larger_share(task_batches):
    """Sample i is i * 100 throughout, its label 1 from the fifth on."""

    def read(row, view):
        return {"image": np.full((8, 8), 100 * row, np.int16)}

    samples = Cohort(pd.DataFrame({"label": [0] * 4 + [1] * 4}), read, False, None, "")
    mixing = AugmentationConfig(mixup=0.5)
    batches = task_batches(samples, NODULE, Schedule(range(8), 8, seed=1), mixing)
    shares = []
    for epoch in range(60):
        for row in range(8):
            inputs, targets = batches.augmented(epoch, row)
            assert inputs["image"].dtype == np.int16
            hu, target = float(inputs["image"][0, 0]), float(targets["logit"][0])
            label = float(row > 3)
            other = 1 - label
            if target != label:  # blended with the other label: the share is known
                share = (target - other) / (label - other)
                shares.append(share)
                partner = (hu - share * 100 * row) / (1 - share) / 100
                assert abs(partner - round(partner)) < 0.02 / (1 - share)
                assert (round(partner) > 3) == other or share > 0.98
    assert 0.5 <= min(shares) < 0.6
    assert max(shares) > 0.95
    assert 150 < len(shares) < 330  # half of the partners are of the other label
    again = batches.augmented(3, 2)
    assert_same([again], [batches.augmented(3, 2)])
    assert_same(listed(batches.training(range(1))), listed(batches.training(range(1))))


def test_mixup_draws_after_all_else(task_batches):
    """So that what else a sample goes through is the same with it and without."""
    samples, schedule = cohort(), Schedule([5], 1, seed=3)
    alone = task_batches(samples, NODULE, schedule, STRONG).augmented(2, 5)[0]["image"]
    mixing = STRONG.model_copy(update={"mixup": 1e-4})  # shares of almost 0 or 1
    mixed = task_batches(samples, NODULE, schedule, mixing).augmented(2, 5)[0]["image"]
    assert_array_equal(mixed, alone)


def test_a_damaged_scan_is_told_as_what_it_is(task_batches, batches):
    def read(row, view):
        raise StoreError("scan 1: damaged")

    broken = Cohort(pd.DataFrame({"label": [0, 1]}), read, False, None, "")
    with (
        pytest.raises(StoreError, match="scan 1: damaged"),
        batches.with_cohort_errors(task_batches(broken, NODULE, Schedule([0], 1, 0))) as readable,
    ):
        listed(readable.plain([0, 1]))
    fine = task_batches(cohort(), NODULE, Schedule([0], 1, 0))
    with pytest.raises(KeyError), batches.with_cohort_errors(fine):
        raise KeyError("ours")
