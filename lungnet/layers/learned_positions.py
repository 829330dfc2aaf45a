"""What tells a token of a transformer where on the grid it stands."""

from typing import Any

import keras


class LearnedPositions(keras.layers.Layer):
    """`y = x + e`, with a learned vector e for each place of the grid.

    Dosovitskiy et al. 2021, arXiv:2010.11929, begin with a deviation of 0.02 as well.
    """

    def build(self, input_shape: Any) -> None:
        """As many weights as one sample has numbers."""
        self.embedding = self.add_weight(
            name="embedding",
            shape=(1, *input_shape[1:]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )

    def call(self, x: Any) -> Any:
        """(batch, *grid, channels), the same shape out."""
        return x + self.embedding

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Same shape."""
        return input_shape
