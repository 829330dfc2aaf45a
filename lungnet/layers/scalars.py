"""Numbers beside the image, standardised; what is missing is learned."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

SMALLEST_DEVIATION = 1e-6
"""A column that is the same for everybody is centred and not scaled."""


class StandardizedScalars(keras.layers.Layer):
    """Standardise numbers by the training rows, put a learned value where one is missing.

    `z = (f(x) - mean) / deviation`, f the logarithm where asked. Mean and deviation are weights
    that no gradient changes: they travel in checkpoints and bundles. A missing number is NaN; a
    flag for each column says which are.

    Args:
        logarithmic: for each column, whether its logarithm is taken first.
    """

    def __init__(self, logarithmic: Sequence[bool], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.logarithmic = tuple(bool(is_log) for is_log in logarithmic)

    def build(self, shape: Any) -> None:
        """Three numbers for each column."""
        columns = (shape[-1],)
        self.mean = self.add_weight(
            shape=columns, initializer="zeros", trainable=False, name="mean"
        )
        self.deviation = self.add_weight(
            shape=columns, initializer="ones", trainable=False, name="deviation"
        )
        self.missing = self.add_weight(shape=columns, initializer="zeros", name="missing")

    def fit_to(self, scalars: NDArray[np.floating[Any]]) -> None:
        """Take mean and deviation from training rows, shape (rows, columns), NaN where missing.

        A column that is missing throughout keeps mean 0 and deviation 1.
        """
        is_log = np.array(self.logarithmic)
        values = np.where(is_log, np.log(np.where(is_log, scalars, 1.0)), scalars)
        has_numbers = (~np.isnan(values)).any(0)
        mean, deviation = np.zeros(len(is_log)), np.ones(len(is_log))
        mean[has_numbers] = np.nanmean(values[:, has_numbers], 0)
        deviation[has_numbers] = np.nanstd(values[:, has_numbers], 0)
        deviation[deviation < SMALLEST_DEVIATION] = 1.0
        self.mean.assign(mean)
        self.deviation.assign(deviation)

    def call(self, scalars: Any) -> Any:
        """(batch, columns) with NaN where missing to (batch, 2 * columns): values, then flags."""
        is_missing = ops.not_equal(scalars, scalars)
        filled_up = ops.where(is_missing, 1.0, scalars)
        is_log = np.array(self.logarithmic)
        # The logarithm of 1 where none is asked for: `where` would hand on the NaN of a gradient.
        values = ops.where(is_log, ops.log(ops.where(is_log, filled_up, 1.0)), filled_up)
        standard = (values - self.mean) / self.deviation
        filled = ops.where(is_missing, ops.convert_to_tensor(self.missing), standard)
        return ops.concatenate([filled, ops.cast(is_missing, self.compute_dtype)], axis=-1)

    def compute_output_spec(self, scalars: Any) -> Any:
        """Twice as many columns."""
        return keras.KerasTensor(
            (*scalars.shape[:-1], 2 * scalars.shape[-1]), dtype=self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "logarithmic": self.logarithmic}
