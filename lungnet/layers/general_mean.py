"""The general mean, whose power may be learned: between the average (1) and the maximum (many)."""

from typing import Any

import keras
import numpy as np
from keras import ops

SMALLEST = 1e-6
"""A power of a negative number is none: features below this count as this (Radenovic et al.)."""

POWERS = (1.0, 64.0)
"""Below, it is no norm; above, float32 cannot tell it from the maximum."""


class GeneralMean(keras.layers.Layer):
    """`y = (mean(x ** p)) ** (1 / p)` (Radenovic et al. 2018, arXiv:1711.02512, equation 3).

    For features that are not negative, as after ReLU. Computed relative to the largest feature, in
    float32, so that no power overflows.

    Args:
        power: p, or where p is learned, where it starts; within `POWERS`.
        learned: whether p is a weight, one for the layer, which stays within `POWERS`.
    """

    def __init__(self, power: float = 3.0, learned: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not POWERS[0] <= power <= POWERS[1]:
            raise ValueError(f"power is {power}; expected {POWERS[0]:g} to {POWERS[1]:g}")
        self.power = power
        self.learned = learned

    def build(self, input_shape: Any) -> None:
        """The power, where it is learned."""
        del input_shape
        if self.learned:
            self.p = self.add_weight(
                name="p",
                shape=(),
                initializer=keras.initializers.Constant(self.power),
                constraint=_within_powers,
                autocast=False,
            )

    def mean(self, features: Any, axis: tuple[int, ...], counted: Any = None) -> Any:
        """The general mean of features over axes.

        Args:
            features: any shape.
            axis: what the mean is over.
            counted: 1 for what counts and 0 for filling, which must not be above 0; broadcast.
        """
        power = self.p if self.learned else self.power
        values = ops.maximum(ops.cast(features, "float32"), SMALLEST)
        # The result does not depend on the scale, so no gradient goes through it.
        scale = ops.stop_gradient(ops.max(values, axis=axis, keepdims=True))
        powers = ops.power(values / scale, power)
        if counted is None:
            average = ops.mean(powers, axis=axis)
        else:
            average = ops.sum(powers * counted, axis=axis) / np.sum(counted, axis=axis)
        return ops.cast(
            ops.squeeze(scale, axis) * ops.power(average, 1.0 / power), self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "power": self.power, "learned": self.learned}


def _within_powers(power: Any) -> Any:
    return ops.clip(power, *POWERS)
