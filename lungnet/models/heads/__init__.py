"""HEADS: what a nodule network tells beside malignancy; OUTPUTS: how it tells malignancy.

A head takes `(stages, features, layers)`: the feature map of each stage, finest first, the feature
vector (batch, features), and the `LayerFactory`; it returns one tensor without a final activation.
An output takes the feature vector and returns tensors by name, `logit` among them.
"""

from collections.abc import Callable
from typing import Any

from lungnet.models.heads.malignancy import logit, ordinal, softmax
from lungnet.models.heads.numbers import attributes, diameter
from lungnet.models.heads.outline import outline

HEADS: dict[str, Callable[..., Any]] = {
    "attributes": attributes,
    "diameter": diameter,
    "outline": outline,
}
"""Name, of the head and of its output -> function of (stages, features, layers)."""

OUTPUTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "logit": logit,
    "softmax": softmax,
    "ordinal": ordinal,
}
"""Name -> function of the features."""
