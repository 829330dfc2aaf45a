"""The general mean over the whole map."""

from typing import Any

from lungnet.layers.general_mean import GeneralMean


class GlobalGeneralMean(GeneralMean):
    """`y = (mean over the map of x ** p) ** (1 / p)`; the arguments are those of `GeneralMean`."""

    def call(self, features: Any) -> Any:
        """(batch, [z,] y, x, channels) to (batch, channels)."""
        return self.mean(features, tuple(range(1, len(features.shape) - 1)))

    def compute_output_shape(self, features_shape: Any) -> Any:
        """The channels."""
        return features_shape[0], features_shape[-1]
