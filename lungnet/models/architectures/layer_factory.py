"""Makes the layers that architectures are put together from, in 2D or 3D as the input asks."""

from dataclasses import dataclass
from typing import Any

import keras

from lungnet.config.lookup import build_choice, choose
from lungnet.config.model import ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers import ACTIVATIONS, NORMS, POOLINGS


@dataclass(frozen=True)
class LayerFactory:
    """Makes layers for one network, each under an explicit name.

    A second network built in the same process then has the same paths of variables.

    Attributes:
        config: the network's settings.
        dimensions: 2 or 3.
    """

    config: ModelConfig
    dimensions: int

    def convolution(self, name: str, channels: int, size: int = 3, stride: int = 1) -> Any:
        """A convolution with `same` padding; its bias is left to the norm where there is one."""
        layer = keras.layers.Conv2D if self.dimensions == 2 else keras.layers.Conv3D
        return layer(
            channels,
            size,
            strides=stride,
            padding="same",
            use_bias=self.config.norm.name == "none",
            kernel_initializer="he_normal",
            name=name,
        )

    def norm(self, name: str) -> Any:
        """The norm of the configuration."""
        return build_choice(NORMS, self.config.norm, "model.norm", name=name)

    def activation(self, name: str) -> Any:
        """The activation of the configuration."""
        return build_choice(ACTIVATIONS, self.config.activation, "model.activation", name=name)

    def pooling(self, name: str, channels: int) -> Any:
        """What halves the resolution."""
        if self.config.pooling.options:
            raise ChoiceError("model.pooling.options", "are not taken by any pooling")
        builder = choose(POOLINGS, self.config.pooling.name, "model.pooling.name")
        return builder(self.dimensions, channels, name=name)
