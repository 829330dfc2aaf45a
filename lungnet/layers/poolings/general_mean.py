"""The general mean of each window: a pooling between average and maximum that may be learned."""

import itertools
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from lungnet.layers.general_mean import GeneralMean
from lungnet.layers.poolings.window import STRIDE, WINDOW, check_window
from lungnet.layers.sizes import pooling_size


class GeneralMeanPooling(GeneralMean):
    """`y = (mean over the window of x ** p) ** (1 / p)`; of p `GeneralMean` tells.

    Args:
        window: voxels along each axis.
        stride: by how many it moves.
        options: `power` and `learned`, of `GeneralMean`.
    """

    def __init__(self, window: int = WINDOW, stride: int = STRIDE, **options: Any) -> None:
        super().__init__(**options)
        check_window(window, stride)
        self.window = window
        self.stride = stride

    def call(self, features: Any) -> Any:
        """(batch, [z,] y, x, channels), ceil(L / stride) voxels along each axis left of L."""
        counted = _counted(features.shape[1:-1], self.window, self.stride)
        filling = [(0, 0), *_filling(features.shape[1:-1], self.window, self.stride), (0, 0)]
        padded = ops.pad(features, filling)
        windows = ops.stack(
            [
                padded[(slice(None), *places)]
                for places in _places(features.shape[1:-1], self.window, self.stride)
            ],
            axis=1,
        )
        return self.mean(windows, (1,), None if counted.all() else counted)

    def compute_output_shape(self, features_shape: Any) -> Any:
        """Fewer voxels."""
        size = [pooling_size(length, self.stride) for length in features_shape[1:-1]]
        return features_shape[0], *size, features_shape[-1]

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "window": self.window, "stride": self.stride}


def _filling(size: tuple[int, ...], window: int, stride: int) -> list[tuple[int, int]]:
    """Voxels before and after each axis, as `same` padding adds them."""
    totals = [
        max(0, (pooling_size(length, stride) - 1) * stride + window - length) for length in size
    ]
    return [(total // 2, total - total // 2) for total in totals]


def _places(size: tuple[int, ...], window: int, stride: int) -> list[tuple[slice, ...]]:
    """For each voxel of a window, where it lies in the padded map for all windows at once."""
    spans = [(pooling_size(length, stride) - 1) * stride + 1 for length in size]
    return [
        tuple(slice(first, first + span, stride) for first, span in zip(offset, spans, strict=True))
        for offset in itertools.product(range(window), repeat=len(size))
    ]


def _counted(size: tuple[int, ...], window: int, stride: int) -> NDArray[np.float32]:
    """1 where a voxel of a window lies in the map, shape (1, window voxels, *size left, 1)."""
    inside = np.pad(np.ones(size, np.float32), _filling(size, window, stride))
    windows = [inside[places] for places in _places(size, window, stride)]
    return np.stack(windows)[None, ..., None]
