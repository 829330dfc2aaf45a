"""`keras_io_3d`: Keras' example of 3D image classification, from CT scans."""

from typing import Any

import keras

from lungnet.config.model import ModelConfig
from lungnet.models.architectures.architecture import Architecture, Voxels, no_outline
from lungnet.models.architectures.layer_factory import LayerFactory


def keras_io_3d(x: Any, config: ModelConfig, layers: LayerFactory) -> list[Any]:
    """Stages of convolution, activation, 2 x 2 x 2 maximum and norm, all without padding.

    Zunair et al. 2020, arXiv:2007.13224, as keras.io/examples/vision/3D_image_classification has
    it: 64, 64, 128 and 256 channels, the mean over the map, 512 units, dropout of 0.3 before the
    logit. Its 1,352,897 parameters for one channel, of which the convolutions have a bias each:
    1,792 + 110,656 + 221,312 + 884,992 in convolutions, 256 + 256 + 512 + 1,024 in batch norms,
    131,584 in the fully connected layer and 513 in the logit.
    """
    stages = []
    for stage, channels in enumerate(config.channels, 1):
        name = f"stage{stage}"
        convolution = keras.layers.Conv3D(
            channels, 3, kernel_initializer="he_normal", name=f"{name}_conv"
        )
        x = layers.activation(f"{name}_activation")(convolution(x))
        x = layers.norm(f"{name}_norm")(keras.layers.MaxPooling3D(2, name=f"{name}_pool")(x))
        stages.append(x)
    return stages


def _least_size(config: ModelConfig, dimensions: int) -> Voxels:
    """What leaves one voxel: each stage cuts a voxel off either end and halves the rest."""
    voxels = 1
    for _ in config.channels:
        voxels = 2 * voxels + 2
    return (voxels,) * dimensions


KERAS_IO_3D = Architecture(
    keras_io_3d,
    least_size=_least_size,
    outline_multiples=no_outline,
    dimensions=(3,),
    unused=("squeeze_excitation", "blocks", "pooling"),
    drops_once=True,
)
