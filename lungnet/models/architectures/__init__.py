"""ARCHITECTURES: what turns an image into a feature map, by name.

A row is a function `(x, config, layers)` that gives the feature map of each stage, finest first,
and what it asks of its input, as `Architecture` says.
"""

from lungnet.models.architectures.architecture import Architecture
from lungnet.models.architectures.convnext import convnext
from lungnet.models.architectures.densenet import densenet
from lungnet.models.architectures.elu15 import ELU15
from lungnet.models.architectures.keras_io_3d import KERAS_IO_3D
from lungnet.models.architectures.layer_factory import LayerFactory
from lungnet.models.architectures.plain import plain
from lungnet.models.architectures.resnet import RESNET
from lungnet.models.architectures.slices_2d import SLICES_2D
from lungnet.models.architectures.vit import VIT
from lungnet.models.architectures.width import widened

__all__ = ["ARCHITECTURES", "Architecture", "LayerFactory", "plain", "widened"]

ARCHITECTURES: dict[str, Architecture] = {
    "plain": Architecture(plain),
    "resnet": RESNET,
    "densenet": Architecture(densenet),
    "convnext": Architecture(convnext),
    "vit": VIT,
    "slices_2d": SLICES_2D,
    "elu15": ELU15,
    "keras_io_3d": KERAS_IO_3D,
}
"""Name -> its row."""
