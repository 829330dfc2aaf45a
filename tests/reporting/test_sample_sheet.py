"""The sheet shows what a network is shown, says what is synthetic, and names nobody."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from lungnet.config.model import InputConfig
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.batches import TaskBatches
from lungnet.datasets.cohort import Cohort
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.targets import cohort_targets
from lungnet.reporting.sample_sheet import EPOCHS, TEXT_PIXELS, TILE_PIXELS, sample_sheet

NODULE = InputConfig(kind="nodule", size=(8, 8))
BAG = InputConfig(kind="bag", size=(8, 10, 12), candidates=2)
VOLUME = InputConfig(kind="volume", size=(8, 12, 10))


@pytest.fixture
def batches():
    """`batches(shown, **augmentation)`: of four patients, whose image is bright on the left."""

    def make(shown=NODULE, heads=(), **augmentation):
        shape = (shown.candidates, *shown.size) if shown.kind == "bag" else shown.size
        image = np.full(shape, -900, np.int16)
        image[..., : shape[-1] // 2] = 300

        def read(row, view):
            outline = {"outline": (image > 0).astype(np.float32)} if heads else {}
            return {"image": image.copy()} | outline

        table = pd.DataFrame({"label": [0, 1, 0, 1], "patient_id": ["a", "b", "c", "d"]})
        cohort = Cohort(table, read, False, None, "", knows_outlines=bool(heads))
        return TaskBatches(
            cohort,
            shown,
            cohort_targets(table, shown, heads, 0.0),
            Schedule(range(4), 2, seed=1),
            AugmentationConfig(**augmentation),
            (),
        )

    return make


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("shown", [NODULE, BAG, VOLUME], ids=["nodule", "bag", "volume"])
def test_each_sample_has_a_line_and_the_first_slice_is_as_it_is(batches, shown):
    sheet = decoded(sample_sheet(batches(shown, flips=True), [1, 0, 2]))
    assert len(sheet) > 3 * TILE_PIXELS * min(shown.size[-2:]) / max(shown.size[-2:])
    assert sheet.shape[1] >= (EPOCHS + 1) * TILE_PIXELS * shown.size[-1] / max(shown.size[-2:])
    first = sheet[2 * TEXT_PIXELS + 20 : 2 * TEXT_PIXELS + 60, :]
    assert (first[:, 10:50] > 200).all()  # bright on the left
    assert (first[:, TILE_PIXELS // 2 + 20 : 110] < 30).all()
    still = decoded(sample_sheet(batches(shown), [1, 0, 2]))
    assert (still != sheet).any()


def test_the_sheet_is_the_same_each_time_whatever_the_patients_are_called(batches):
    named = batches(flips=True, noise_hu=20)
    png = sample_sheet(named, [1, 0])
    assert sample_sheet(named, [1, 0]) == png
    table = named.cohort.table.assign(patient_id=["Doe", "Roe", "Poe", "Moe"])
    assert sample_sheet(replace(named, cohort=replace(named.cohort, table=table)), [1, 0]) == png


def test_synthetic_samples_say_so_above_the_pictures(batches):
    real = batches()
    synthetic = replace(real, cohort=replace(real.cohort, is_synthetic=True))
    first, second = (decoded(sample_sheet(each, [1, 0])) for each in (real, synthetic))
    changed = np.flatnonzero((first != second).any((1, 2)))
    assert len(changed)
    assert changed.max() < TEXT_PIXELS


def test_an_outline_that_the_network_learns_is_drawn(batches):
    plain, outlined = (decoded(sample_sheet(batches(heads=h), [1])) for h in ((), ("outline",)))
    is_green = (outlined[..., 1] > 150) & (outlined[..., 0] < 120)
    assert is_green.sum() > 100 * (EPOCHS + 1)
    assert not ((plain[..., 1] > 150) & (plain[..., 0] < 120)).any()
