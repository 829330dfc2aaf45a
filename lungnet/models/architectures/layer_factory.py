"""Makes the layers that architectures are put together from, in 2D or 3D as the input asks."""

from dataclasses import dataclass
from typing import Any

import keras

from lungnet.config.lookup import build_choice
from lungnet.config.model import ModelConfig
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

    def convolution(
        self,
        name: str,
        channels: int,
        size: int | tuple[int, ...] = 3,
        stride: int = 1,
        **options: Any,
    ) -> Any:
        """A convolution with `same` padding; its bias is left to the norm where there is one.

        Options are those of Keras' layer.
        """
        layer = keras.layers.Conv2D if self.dimensions == 2 else keras.layers.Conv3D
        return layer(channels, size, name=name, **self._settings(stride) | options)

    def transposed_convolution(
        self, name: str, channels: int, size: int = 3, stride: int = 1, **options: Any
    ) -> Any:
        """As `convolution`, backwards: it enlarges the map by its stride."""
        layers = keras.layers
        layer = layers.Conv2DTranspose if self.dimensions == 2 else layers.Conv3DTranspose
        return layer(channels, size, name=name, **self._settings(stride) | options)

    def norm(self, name: str) -> Any:
        """The norm of the configuration."""
        return build_choice(NORMS, self.config.norm, "model.norm", name=name)

    def activation(self, name: str) -> Any:
        """The activation of the configuration."""
        return build_choice(ACTIVATIONS, self.config.activation, "model.activation", name=name)

    def pooling(self, name: str, channels: int) -> Any:
        """What lowers the resolution."""
        return build_choice(
            POOLINGS,
            self.config.pooling,
            "model.pooling",
            dimensions=self.dimensions,
            channels=channels,
            name=name,
        )

    def _settings(self, stride: int) -> dict[str, Any]:
        return {
            "strides": stride,
            "padding": "same",
            "use_bias": self.config.norm.name == "none",
            "kernel_initializer": "he_normal",
        }
