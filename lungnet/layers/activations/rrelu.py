"""RReLU in both conventions: x / a with a uniform, and slope * x with the slope uniform.

They are not the same law.
"""

from typing import Any

import keras
from keras import ops


class RReLU(keras.layers.Layer):
    """Randomized leaky ReLU after Xu et al. 2015 (arXiv:1505.00853, section 2.4).

    For x < 0: in training `y = x / a`, a drawn from U(low, high) for every element; at test `y = x
    / ((low + high) / 2)`.

    Args:
        low: smallest divisor, above 0; at least 1 for a slope not above 1.
        high: largest divisor, at least `low`.
        seed: of the layer's own `SeedGenerator`, whose state is saved with the weights.
    """

    def __init__(
        self, low: float = 3.0, high: float = 8.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0 < low <= high:
            raise ValueError(f"low {low} and high {high}; expected 0 < low <= high")
        self.low = low
        self.high = high
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def slopes(self, shape: Any) -> Any:
        """Random slopes of the negative half, one for each element."""
        return 1.0 / keras.random.uniform(
            shape, self.low, self.high, dtype=self.compute_dtype, seed=self.seed_generator
        )

    def mean_slope(self) -> float:
        """The slope at test."""
        return 2.0 / (self.low + self.high)

    def call(self, x: Any, training: bool = False) -> Any:
        """Any shape in, the same shape out."""
        slope = self.slopes(ops.shape(x)) if training else self.mean_slope()
        return ops.where(x > 0, x, x * slope)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Same shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "low": self.low, "high": self.high, "seed": self.seed}


class RReLUSlope(RReLU):
    """Randomized leaky ReLU by its slope.

    Drawn from U(low, high) in training, the mean of the two at test.

    This is what other libraries call RReLU. Its mean slope, 0.229 by default, is larger than that
    of the paper's law (0.196 in training), so that results of the two must not be mixed.

    Args:
        low: smallest slope, above 0.
        high: largest slope, at least `low`.
        seed: of the layer's own `SeedGenerator`.
    """

    def __init__(
        self, low: float = 1 / 8, high: float = 1 / 3, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(low=low, high=high, seed=seed, **kwargs)

    def slopes(self, shape: Any) -> Any:
        """Random slopes of the negative half, one for each element."""
        return keras.random.uniform(
            shape, self.low, self.high, dtype=self.compute_dtype, seed=self.seed_generator
        )

    def mean_slope(self) -> float:
        """The slope at test."""
        return (self.low + self.high) / 2
