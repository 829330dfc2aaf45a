"""Makes the layers that architectures are put together from, in 2D or 3D as the input asks."""

from dataclasses import dataclass
from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers import ACTIVATIONS, NORMS, POOLINGS
from lungnet.models.lookup import build_choice, choose


@dataclass(frozen=True)
class LayerFactory:
    """Makes layers for one network.

    Attributes:
        config: the network's settings.
        dimensions: 2 or 3.
    """

    config: ModelConfig
    dimensions: int

    def convolution(self, channels: int, size: int = 3, stride: int = 1) -> Any:
        """A convolution with `same` padding; its bias is left to the norm where there is one."""
        layer = keras.layers.Conv2D if self.dimensions == 2 else keras.layers.Conv3D
        has_norm = self.config.norm.name != "none"
        return layer(
            channels,
            size,
            strides=stride,
            padding="same",
            use_bias=not has_norm,
            kernel_initializer="he_normal",
        )

    def norm(self) -> Any:
        """The norm of the configuration."""
        return build_choice(NORMS, self.config.norm, "model.norm")

    def activation(self) -> Any:
        """The activation of the configuration."""
        return build_choice(ACTIVATIONS, self.config.activation, "model.activation")

    def pooling(self, channels: int) -> Any:
        """What halves the resolution."""
        if self.config.pooling.options:
            raise ChoiceError("model.pooling.options", "are not taken by any pooling")
        return choose(POOLINGS, self.config.pooling.name, "model.pooling.name")(
            self.dimensions, channels
        )
