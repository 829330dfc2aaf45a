"""A row of ARCHITECTURES: the function that builds the stages, and what it needs of its input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lungnet.config.model import ModelConfig
from lungnet.layers.poolings import STRIDE

Voxels = tuple[int, ...]


def pooling_stride(config: ModelConfig) -> int:
    """Of the pooling between stages; one that is none is refused by the layer, with its key."""
    if config.pooling.name == "none":
        return 1
    stride = config.pooling.options.get("stride", STRIDE)
    return stride if isinstance(stride, int) and stride > 0 else 1


def stage_stride(config: ModelConfig) -> int:
    """Voxels of the input, along an axis, to one of the last map: of stem and poolings."""
    return int(config.stem_stride * pooling_stride(config) ** (len(config.channels) - 1))


def no_outline(config: ModelConfig, dimensions: int) -> Voxels | None:
    """The maps do not lie on the input's grid."""
    del config, dimensions
    return None


@dataclass(frozen=True)
class Architecture:
    """What turns an image into feature maps.

    Attributes:
        stages: function of `(x, config, layers)`: a float tensor (batch, [z,] y, x, channels), the
            `ModelConfig` whose counts are already multiplied by `width`, and the `LayerFactory`;
            it returns the feature map of each stage, finest first.
        least_size: of (config, dimensions): voxels of the least input along each axis; without it,
            as stem and poolings leave one.
        outline_multiples: of (config, dimensions): what the input's voxels must be multiples of for
            the maps to add up to an outline on the crop's own grid, None where they cannot; without
            it, as stem and poolings say.
        dimensions: of the inputs that it takes.
        unused: settings that it does not use; they are refused where they are not as by default.
        drops_once: whether features are dropped only before the heads, not before hidden layers.
    """

    stages: Callable[..., list[Any]]
    least_size: Callable[[ModelConfig, int], Voxels] | None = None
    outline_multiples: Callable[[ModelConfig, int], Voxels | None] | None = None
    dimensions: tuple[int, ...] = (2, 3)
    unused: tuple[str, ...] = ("squeeze_excitation",)
    drops_once: bool = False

    def __call__(self, x: Any, config: ModelConfig, layers: Any) -> list[Any]:
        """The stages."""
        return self.stages(x, config, layers)
