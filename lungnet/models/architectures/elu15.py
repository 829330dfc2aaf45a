"""`elu15`: the 15 layers of the paper that introduced ELU, which the tutorial's poster shows."""

from typing import Any

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.architecture import Architecture
from lungnet.models.architectures.layer_factory import LayerFactory

STACKS = ((1, 6), (3, 3), (5, 3), (3, 3))
"""Convolutions of each stack, and voxels of their kernels along an axis."""


def elu15(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Stacks of 1 x 96 (kernel 6), 3 x 512, 5 x 768 and 3 x 1024 (kernel 3) maps, and a pyramid.

    Clevert et al. 2016, arXiv:1511.07289, section 4.3: 2 x 2 maximum after each stack, spatial
    pyramid pooling of 1, 2 and 4 cells along an axis, then 4096, 4096 and 1000 units; here the
    heads come after the 1000. The maximum after the last stack is that of the pyramid itself: a
    cell's maximum is the maximum of its 2 x 2 maxima, and a map of 4 voxels still fills the
    pyramid, so an input of 32 voxels does where 64 would be needed.

    In 2D, for one channel and without a norm, as in the paper, by hand:

        3,552                                   6 * 6 * 1 * 96 + 96
        442,880 + 2 * 2,359,808                 9 * 96 * 512 + 512, 9 * 512 * 512 + 512
        3,539,712 + 4 * 5,309,184               9 * 512 * 768 + 768, 9 * 768 * 768 + 768
        7,078,912 + 2 * 9,438,208               9 * 768 * 1024 + 1024, 9 * 1024 * 1024 + 1024
        88,084,480 + 16,781,312 + 4,097,000     21 cells * 1024 to 4096, to 4096, to 1000
        1,001                                   the logit

    in all 164,861,617 parameters.
    """
    stages = []
    for stage, (channels, (depth, size)) in enumerate(zip(config.channels, STACKS, strict=True), 1):
        for block in range(1, depth + 1):
            name = f"stage{stage}_block{block}"
            x = layers.convolution(f"{name}_conv", channels, size=size)(x)
            x = layers.activation(f"{name}_activation")(layers.norm(f"{name}_norm")(x))
        stages.append(x)
        if stage < len(STACKS):
            x = layers.pooling(f"stage{stage}_pool", channels)(x)
    return stages


ELU15 = Architecture(elu15, unused=("squeeze_excitation", "blocks"))
