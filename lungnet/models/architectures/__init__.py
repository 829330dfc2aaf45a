"""ARCHITECTURES: what turns an image into a feature map, by name.

Each takes `(x, config, layers)`: a float tensor (batch, [z,] y, x, channels), the `ModelConfig`,
and the `LayerFactory` that make its layers; it returns the feature map of each stage, finest first.
"""

from collections.abc import Callable
from typing import Any

from lungnet.models.architectures.layer_factory import LayerFactory
from lungnet.models.architectures.plain import plain
from lungnet.models.architectures.resnet import resnet

__all__ = ["ARCHITECTURES", "LayerFactory", "plain", "resnet"]

ARCHITECTURES: dict[str, Callable[..., list[Any]]] = {"plain": plain, "resnet": resnet}
"""Name -> function of (x, config, layers)."""
