"""Losses against their closed forms; what is not known has no gradient; an AUC of labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from lungnet.config.training import LossConfig
from lungnet.training.recipe.losses import (
    HEAD_LOSSES,
    LabelAUC,
    MalignancyLoss,
    known_outline,
    known_ratings,
    known_square,
)

ALIKE = (1.0, 1.0)
LOGITS = np.linspace(-6, 6, 25, dtype=np.float32)[:, None]


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, np.float64)))


def losses(config, targets, logits=LOGITS, label_weights=ALIKE):
    """Of each sample."""
    loss = MalignancyLoss(LossConfig.model_validate(config), label_weights)
    targets = np.broadcast_to(np.asarray(targets, np.float32), logits.shape)
    return np.asarray(loss.call(tf.constant(targets), tf.constant(logits)), np.float64)


def entropy(targets, logits=LOGITS):
    p = sigmoid(logits[:, 0])
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p))


@pytest.mark.parametrize("target", [0.0, 0.3, 0.75, 1.0])
def test_it_is_cross_entropy_also_with_a_target_between_the_labels(target):
    assert_allclose(losses({}, target), entropy(target), rtol=1e-4, atol=1e-6)


def test_a_soft_target_is_reached_at_its_own_probability():
    fine = np.linspace(-3, 3, 601, dtype=np.float32)[:, None]
    best = fine[np.argmin(losses({}, 0.75, fine)), 0]
    assert best == pytest.approx(np.log(3), abs=0.02)


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_smoothing_moves_the_target_towards_a_half(smoothing, label):
    expected = entropy(label * (1 - smoothing) + smoothing / 2)
    assert_allclose(losses({"label_smoothing": smoothing}, label), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("focus", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_focal_is_that_of_the_paper(focus, label):
    """(1 - p_t)**gamma * -log(p_t), equation 4 of arXiv:1708.02002."""
    p = sigmoid(LOGITS[:, 0])
    p_t = p if label else 1 - p
    got = losses({"name": "focal", "focus": focus}, label)
    assert_allclose(got, -((1 - p_t) ** focus) * np.log(p_t), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("target", [0.0, 0.4, 1.0])
def test_focal_without_focus_is_cross_entropy(target):
    assert_array_equal(losses({"name": "focal", "focus": 0}, target), losses({}, target))


def test_focal_has_finite_gradients_also_where_the_answer_is_exact():
    loss = MalignancyLoss(LossConfig(name="focal", focus=0.5), ALIKE)
    logits = tf.Variable([[0.0], [60.0], [-60.0], [60.0]])
    targets = tf.constant([[0.5], [1.0], [1.0], [0.0]])
    with tf.GradientTape() as tape:
        value = loss(targets, logits)
    assert np.isfinite(np.asarray(value))
    assert np.isfinite(np.asarray(tape.gradient(value, logits))).all()


def test_label_weights_are_those_of_the_label_that_the_target_means():
    targets = np.where(np.arange(25)[:, None] % 2, 0.8, 0.3)
    weighted = losses({}, targets, label_weights=(0.6, 3.0))
    assert_allclose(
        weighted, losses({}, targets) * np.where(targets[:, 0] > 0.5, 3.0, 0.6), rtol=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=8, max_size=8))
def test_numbers_are_held_to_the_mean_square_of_what_is_known(numbers):
    targets = np.array(numbers, np.float32).reshape(1, 8)
    answers = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    known = ~np.isnan(targets)
    expected = np.mean((targets - answers)[known] ** 2) if known.any() else 0.0
    got = np.asarray(known_square(tf.constant(targets), tf.constant(answers)))
    assert got.shape == (1,)
    assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [(6, 7), (4, 5, 6)])
def test_an_outline_is_held_to_cross_entropy_and_dice(size):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (3, *size)).astype(np.float32)
    targets = (rng.random((3, *size)) < 0.3).astype(np.float32)
    got = np.asarray(known_outline(tf.constant(targets), tf.constant(logits)))
    for i in range(3):
        p = sigmoid(logits[i])
        cross = -np.mean(targets[i] * np.log(p) + (1 - targets[i]) * np.log(1 - p))
        dice = (2 * np.sum(p * targets[i]) + 1) / (np.sum(p) + np.sum(targets[i]) + 1)
        assert_allclose(got[i], cross + 1 - dice, rtol=1e-4)
    perfect = known_outline(tf.constant(targets), tf.constant(200 * targets - 100))
    assert_allclose(np.asarray(perfect), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("head", "shape"), [("attributes", (8,)), ("diameter", (1,)), ("outline", (5, 6))]
)
def test_a_target_that_is_not_known_has_neither_loss_nor_gradient(head, shape):
    rng = np.random.default_rng(1)
    answers = tf.Variable(rng.normal(size=(3, *shape)).astype(np.float32))
    targets = rng.integers(0, 2, (3, *shape)).astype(np.float32)
    targets[1] = np.nan
    with tf.GradientTape() as tape:
        value = HEAD_LOSSES[head](tf.constant(targets), answers)
        total = tf.reduce_sum(value)
    gradient = np.asarray(tape.gradient(total, answers))
    assert np.asarray(value)[1] == 0
    assert np.isfinite(gradient).all()
    assert not gradient[1].any()
    assert gradient[0].any()
    if head == "attributes":
        targets[0, 3] = np.nan
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(HEAD_LOSSES[head](tf.constant(targets), answers))
        gradient = np.asarray(tape.gradient(total, answers))
        assert np.flatnonzero(gradient[0] == 0).tolist() == [3]


def test_the_auc_is_that_of_scikit_learn_on_the_labels():
    rng = np.random.default_rng(0)
    targets = np.clip(rng.random(300), 0.01, 0.99).astype(np.float32)[:, None]
    logits = (3 * (targets - 0.5) + rng.normal(0, 1, targets.shape)).astype(np.float32)
    metric = LabelAUC(from_logits=True, num_thresholds=2000)
    for part in range(0, 300, 70):
        metric.update_state(targets[part : part + 70], logits[part : part + 70])
    assert float(metric.result()) == pytest.approx(
        roc_auc_score(targets[:, 0] > 0.5, logits[:, 0]), abs=2e-3
    )
    plain = keras.metrics.AUC(from_logits=True, num_thresholds=2000)
    plain.update_state(targets > 0.5, logits)
    assert float(metric.result()) == pytest.approx(float(plain.result()), abs=1e-6)


def test_ratings_are_held_to_the_readers_shares_and_unrated_samples_count_for_nothing():
    rng = np.random.default_rng(3)
    scores, shares = rng.normal(size=(4, 5)), rng.dirichlet(np.ones(5), 4)
    shares[2] = np.nan
    log_p = (scores - np.log(np.exp(scores).sum(1, keepdims=True))).astype(np.float32)
    guess = tf.Variable(log_p)
    with tf.GradientTape() as tape:
        loss = known_ratings(tf.constant(shares, tf.float32), guess)
    expected = -(shares * log_p).sum(1)
    assert_allclose(loss, np.where(np.isnan(expected), 0, expected), rtol=1e-5)
    gradient = np.asarray(tape.gradient(loss, guess))
    assert_allclose(gradient, np.nan_to_num(-shares), atol=1e-6)
