"""What each output of a network is held to; a target that is NaN counts for nothing."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from lungnet.config.model import RATINGS_OUTPUT
from lungnet.config.training import LossConfig


class MalignancyLoss(keras.losses.Loss):
    """Cross-entropy of a logit, focal and balanced where asked.

    `w(y) * |y - p|**focus * cross-entropy(y, p)`, p the sigmoid of the logit and y a probability
    (Lin et al. 2017, arXiv:1708.02002, for y of 0 or 1); focus 0 and weights 1 are cross-entropy.

    Args:
        config: label smoothing, name and focus.
        label_weights: of samples of label 0 and 1.
    """

    def __init__(self, config: LossConfig, label_weights: tuple[float, float]) -> None:
        super().__init__(name="malignancy")
        self.config = config
        self.label_weights = label_weights

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Targets as probabilities and logits, (batch, 1) each, to losses (batch,)."""
        target = ops.cast(y_true, y_pred.dtype)
        smoothing = self.config.label_smoothing
        smooth = target * (1.0 - smoothing) + 0.5 * smoothing if smoothing else target
        loss = ops.mean(ops.binary_crossentropy(smooth, y_pred, from_logits=True), axis=-1)
        if self.config.name == "focal":
            distance = ops.abs(smooth - ops.sigmoid(y_pred))
            loss = loss * ops.mean(ops.power(distance + 1e-7, self.config.focus), axis=-1)
        negative, positive = self.label_weights
        if negative == positive:
            return loss
        return loss * ops.mean(ops.where(target > 0.5, positive, negative), axis=-1)


def known_square(y_true: Any, y_pred: Any) -> Any:
    """Mean squared error over the numbers that are known, shape (batch,)."""
    is_known = ops.equal(y_true, y_true)
    square = ops.square(ops.where(is_known, y_true, 0.0) - y_pred)
    return _known_mean(square, is_known)


def known_outline(y_true: Any, y_pred: Any) -> Any:
    """Cross-entropy of log-odds plus 1 - soft Dice (Milletari et al. 2016, arXiv:1606.04797).

    Targets and log-odds of shape (batch, [z,] y, x) to losses (batch,).
    """
    axes = tuple(range(1, len(y_pred.shape)))
    is_known = ops.equal(y_true, y_true)
    inside = ops.where(is_known, y_true, 0.0)
    # Log-odds z: max(z, 0) - z y + log(1 + exp(-|z|)), which stays finite.
    entropy = ops.maximum(y_pred, 0.0) - y_pred * inside + ops.log1p(ops.exp(-ops.abs(y_pred)))
    probability = ops.sigmoid(y_pred)
    overlap = ops.sum(probability * inside, axis=axes)
    dice = (2 * overlap + 1) / (ops.sum(probability + inside, axis=axes) + 1)
    flat = (ops.shape(y_pred)[0], -1)
    knows = ops.cast(ops.any(is_known, axis=axes), y_pred.dtype)
    cross = _known_mean(ops.reshape(entropy, flat), ops.reshape(is_known, flat))
    return cross + knows * (1 - dice)


def known_ratings(y_true: Any, y_pred: Any) -> Any:
    """Cross-entropy of log-probabilities against the readers' shares, both (batch, ratings).

    A sample that no reader rated counts for nothing; losses (batch,).
    """
    shares = ops.where(ops.equal(y_true, y_true), y_true, 0.0)
    return -ops.sum(shares * y_pred, axis=-1)


def _known_mean(values: Any, is_known: Any) -> Any:
    """Over the last axis, of what is known; 0 where nothing is."""
    weight = ops.cast(is_known, values.dtype)
    return ops.sum(values * weight, axis=-1) / ops.maximum(ops.sum(weight, axis=-1), 1.0)


HEAD_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "attributes": known_square,
    "diameter": known_square,
    "outline": known_outline,
    RATINGS_OUTPUT: known_ratings,
}
"""Name of an output beside the logit -> its loss."""


class LabelAUC(keras.metrics.AUC):
    """Area under the ROC curve against the label, where the target is a probability.

    A target is above 0.5 exactly where the label is 1.
    """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Count a batch."""
        label = ops.cast(ops.greater(y_true, 0.5), "float32")
        return super().update_state(label, y_pred, sample_weight)
