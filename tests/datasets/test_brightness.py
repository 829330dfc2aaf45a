"""Brightness of a nodule's centre, and what it says of the label together with the diameter."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lungnet.datasets.brightness import (
    BRIGHT_PERCENTILE,
    BRIGHTNESS_NUMBERS,
    RADII_MM,
    centre_brightness,
    diameter_and_brightness,
)
from lungnet.errors import InputError

crops = hnp.arrays(
    np.int16,
    st.one_of(hnp.array_shapes(min_dims=2, max_dims=2, max_side=26), st.just((20, 19, 21))),
    elements=st.integers(-1024, 3071),
)


def cohort(n=80, seed=0):
    """Diameters with gaps, brightness, labels, and which rows are trained on."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    diameters_mm = np.where(rng.random(n) < 0.2, np.nan, rng.normal(8 + 4 * labels, 3))
    brightness = rng.normal(0, 100, (n, 9)) + 30 * labels[:, None]
    return diameters_mm, brightness, labels, np.arange(n) % 5 > 0


@settings(max_examples=30, deadline=None)
@given(crops)
def test_the_numbers_are_those_of_discs_around_the_middle(crop):
    wanted = []
    middle = (np.array(crop.shape) - 1) / 2
    for radius_mm in RADII_MM:
        hu = [
            float(value)
            for place, value in np.ndenumerate(crop)
            if np.sum((np.array(place) - middle) ** 2) <= radius_mm**2
        ]
        wanted += [np.mean(hu), np.std(hu), np.percentile(hu, BRIGHT_PERCENTILE)]
    assert centre_brightness([crop]) == pytest.approx(np.array([wanted]))


@settings(max_examples=30, deadline=None)
@given(crops, st.integers(-500, 500))
def test_brighter_throughout_is_brighter_by_as_much_and_as_varied(crop, hu):
    shift = np.array([0.0 if "deviation" in name else hu for name in BRIGHTNESS_NUMBERS])
    before, after = centre_brightness([crop, crop + np.int16(hu)])
    assert after == pytest.approx(before + shift)


@settings(max_examples=30, deadline=None)
@given(crops, st.integers(0, 2))
def test_mirrored_crops_are_as_bright(crop, axis):
    mirrored = np.flip(crop, axis % crop.ndim)
    numbers = centre_brightness([crop, mirrored])
    assert numbers[0] == pytest.approx(numbers[1])


def test_what_lies_far_from_the_nodule_does_not_count():
    crop = np.full((32, 32), -800, np.int16)
    crop[:7], crop[25:], crop[:, :7], crop[:, 25:] = 700, 700, 700, 700
    assert centre_brightness([crop]).tolist() == [[-800.0, 0.0, -800.0] * 3]


def test_no_crops_are_no_rows():
    assert centre_brightness([]).shape == (0, 9)


def test_the_baseline_is_scikit_learns_on_standardized_numbers():
    diameters_mm, brightness, labels, is_training = cohort()
    missing = np.isnan(diameters_mm)
    filled = np.where(missing, np.nanmedian(diameters_mm[is_training]), diameters_mm)
    numbers = np.column_stack([filled, brightness, missing])
    training = numbers[is_training]
    standardized = (numbers - training.mean(axis=0)) / training.std(axis=0)
    peer = LogisticRegression().fit(standardized[is_training], labels[is_training])
    ours = diameter_and_brightness(diameters_mm, brightness, labels, is_training)
    assert ours == pytest.approx(peer.predict_proba(standardized)[:, 1], abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_rows_that_are_not_trained_on_teach_nothing(seed):
    diameters_mm, brightness, labels, is_training = cohort(seed=seed)
    before = diameter_and_brightness(diameters_mm, brightness, labels, is_training)
    rng = np.random.default_rng(seed)
    changed = ~is_training & (rng.random(labels.size) < 0.5)
    after = diameter_and_brightness(
        np.where(changed, np.nan, diameters_mm),
        np.where(changed[:, None], rng.normal(0, 500, brightness.shape), brightness),
        np.where(is_training, labels, 1 - labels),
        is_training,
    )
    assert np.array_equal(before[~changed], after[~changed])


@pytest.mark.parametrize("known", [np.nan, 8.0])
def test_diameters_that_are_all_missing_or_all_alike_are_no_trouble(known):
    _, brightness, labels, is_training = cohort()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = diameter_and_brightness(np.full(labels.size, known), brightness, labels, is_training)
    assert roc_auc_score(labels[~is_training], ours[~is_training]) > 0.6


def test_training_rows_of_one_label_are_told():
    diameters_mm, brightness, labels, _ = cohort()
    with pytest.raises(InputError, match=r"40 training rows hold the labels \[1\]"):
        diameter_and_brightness(diameters_mm, brightness, labels, labels == 1)


@pytest.mark.real_data
def test_real_nodules_are_told_apart_by_size_and_brightness(shared_data):
    arrays = np.load(shared_data / "nodules/luna1004_slices.npz")
    labels, folds = arrays["label"], arrays["fold"]
    brightness = centre_brightness(arrays["images"])
    probability = np.zeros(labels.size)
    for fold in range(10):
        held_out = folds == fold
        answers = diameter_and_brightness(arrays["diameter_mm"], brightness, labels, ~held_out)
        probability[held_out] = answers[held_out]
    assert labels.size == 994
    assert roc_auc_score(labels, probability) > 0.91
    assert np.mean((probability >= 0.5) == labels) > 0.84
