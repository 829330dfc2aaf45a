"""Noisy hard tanh and hard sigmoid: noise where the unit saturates, so that a gradient can pass."""

import math
from typing import Any

import keras
from keras import ops


class NoisyHardTanh(keras.layers.Layer):
    """Noisy hard tanh after Gulcehre et al.

    2016 (arXiv:1603.00391, algorithm 1, half-normal noise).

    With h the hard function, u its linear part, `delta = h(x) - u(x)`:
    `y = alpha * h(x) + (1 - alpha) * u(x) + d(x) * sigma(x) * eps`, where `d(x) = -sign(x) * sign(1
    - alpha)`, `sigma(x) = c * (sigmoid(p * delta) - 0.5)^2`, p learned for each channel, and eps
    the absolute value of a standard normal draw in training, its mean sqrt(2 / pi) at test. Where
    the unit does not saturate, delta is 0 and so is the noise.

    Args:
        alpha: share of the hard function; above 1 the mean leans back into the linear range.
        c: scale of the noise.
        seed: of the layer's own `SeedGenerator`, whose state is saved with the weights.
    """

    def __init__(
        self, alpha: float = 1.15, c: float = 1.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.c = c
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """One p for each channel (the last axis), starting at 1."""
        self.p = self.add_weight(name="p", shape=(input_shape[-1],), initializer="ones")

    def hard(self, x: Any) -> Any:
        """The saturating function."""
        return ops.clip(x, -1.0, 1.0)

    def linear(self, x: Any) -> Any:
        """Its first-order expansion at 0."""
        return x

    def call(self, x: Any, training: bool = False) -> Any:
        """Any shape with channels last in, the same shape out."""
        hard, linear = self.hard(x), self.linear(x)
        if training:
            noise = ops.abs(
                keras.random.normal(
                    ops.shape(x), dtype=self.compute_dtype, seed=self.seed_generator
                )
            )
        else:
            noise = math.sqrt(2 / math.pi)
        direction = -ops.sign(x) * math.copysign(1.0, 1.0 - self.alpha)
        # The authors' published code has a `+` before the noise term's square where the paper
        # multiplies; this is the paper.
        spread = self.c * ops.square(ops.sigmoid(ops.cast(self.p, x.dtype) * (hard - linear)) - 0.5)
        return self.alpha * hard + (1.0 - self.alpha) * linear + direction * spread * noise

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Same shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "alpha": self.alpha, "c": self.c, "seed": self.seed}


class NoisyHardSigmoid(NoisyHardTanh):
    """Noisy hard sigmoid.

    As `NoisyHardTanh` with `h(x) = clip(x / 4 + 1 / 2, 0, 1)` and `u(x) = x / 4 + 1 / 2`.
    """

    def hard(self, x: Any) -> Any:
        """The saturating function."""
        return ops.clip(0.25 * x + 0.5, 0.0, 1.0)

    def linear(self, x: Any) -> Any:
        """Its first-order expansion at 0."""
        return 0.25 * x + 0.5
