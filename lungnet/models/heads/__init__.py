"""HEADS: what a nodule network tells beside malignancy, by name.

Each takes `(stages, features, layers)`: the feature map of each stage, finest first, the feature
vector (batch, features), and the `LayerFactory`; it returns one tensor without a final activation.
"""

from collections.abc import Callable
from typing import Any

from lungnet.models.heads.numbers import attributes, diameter
from lungnet.models.heads.outline import outline

HEADS: dict[str, Callable[..., Any]] = {
    "attributes": attributes,
    "diameter": diameter,
    "outline": outline,
}
"""Name, of the head and of its output -> function of (stages, features, layers)."""
