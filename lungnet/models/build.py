"""`build_model`: from a validated configuration to a network.

Nothing that it builds comes from a file of code.
"""

from typing import Any

import keras
from keras import ops

from lungnet.config.lookup import build_choice, choose
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers import BAG_POOLINGS
from lungnet.layers.hu_window import HUWindow
from lungnet.models.architectures import ARCHITECTURES, LayerFactory


def build_model(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    """A network from HU to a logit.

    Inputs, by name (HU are `int16`):
        `nodule`: `image` (batch, *size).
        `volume`: `image` (batch, z, y, x).
        `bag`: `image` (batch, candidates, z, y, x) and `present` (batch, candidates), 1 for a
            candidate, 0 for filling.

    Outputs, by name: `logit` (batch, 1), the log-odds of malignancy before calibration; for bags
    also `weights` (batch, candidates), each candidate's share in the answer.

    Args:
        config: the network.
        input_config: what it is shown.

    Raises:
        ChoiceError: a name that is in no table, an option that a layer does not take, or an input
            too small.
    """
    _check_size(config, input_config)
    try:
        return (
            _bag_model(config, input_config)
            if input_config.kind == "bag"
            else _image_model(config, input_config)
        )
    except (TypeError, ValueError) as error:
        # Such as 8 groups of 12 channels, which shows only when shapes meet.
        raise ChoiceError("model", f"cannot be built: {_reason(error)}") from error


def _image_model(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    image = keras.Input(input_config.size, dtype="int16", name="image")
    features = _encoder(config, input_config)(image)
    logit = keras.layers.Dense(1, name="score")(features)
    return keras.Model(
        {"image": image},
        {"logit": keras.layers.Identity(name="logit")(logit)},
        name=input_config.kind,
    )


def _bag_model(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    image = keras.Input((input_config.candidates, *input_config.size), dtype="int16", name="image")
    present = keras.Input((input_config.candidates,), dtype="float32", name="present")
    crops = ops.reshape(image, (-1, *input_config.size))
    features = _encoder(config, input_config)(crops)
    features = ops.reshape(features, (-1, input_config.candidates, features.shape[-1]))
    pooling = build_choice(
        BAG_POOLINGS, config.bag_pooling, "model.bag_pooling", name="bag_pooling"
    )
    logit, weights = pooling(features, present)
    outputs = {
        "logit": keras.layers.Identity(name="logit")(logit),
        "weights": keras.layers.Identity(name="weights")(weights),
    }
    return keras.Model({"image": image, "present": present}, outputs, name="bag")


def _encoder(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    """From one crop (batch, *size) of HU to its feature vector (batch, channels)."""
    layers = LayerFactory(config, len(input_config.size))
    image = keras.Input(input_config.size, dtype="int16", name="crop")
    x = HUWindow(*input_config.window_hu, name="window")(image)
    x = choose(ARCHITECTURES, config.architecture, "model.architecture")(
        ops.expand_dims(x, -1), config, layers
    )
    x = _global_pooling(config, layers.dimensions)(x)
    for number, units in enumerate(config.hidden, 1):
        name = f"hidden{number}"
        x = keras.layers.Dropout(config.dropout, name=f"{name}_dropout")(x)
        activation = layers.activation(f"{name}_activation")
        x = activation(keras.layers.Dense(units, kernel_initializer="he_normal", name=name)(x))
    x = keras.layers.Dropout(config.dropout, name="dropout")(x)
    return keras.Model(image, x, name="encoder")


def _global_pooling(config: ModelConfig, dimensions: int) -> Any:
    name = "Average" if config.global_pooling == "average" else "Max"
    return getattr(keras.layers, f"Global{name}Pooling{dimensions}D")(name="global_pooling")


def _reason(error: Exception) -> str:
    """The telling line of a Keras error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next(
        (line for line in lines if not line.startswith("Exception encountered")),
        type(error).__name__,
    )


def _check_size(config: ModelConfig, input_config: InputConfig) -> None:
    """Pooling and stride must leave at least one whole voxel.

    Refuse what `same` padding would quietly fill up.
    """
    halvings = 0 if config.pooling.name == "none" else len(config.channels) - 1
    least = config.stem_stride * 2**halvings
    if min(input_config.size) < least:
        raise ChoiceError(
            "input.size",
            f"{list(input_config.size)} is too small for {len(config.channels)} stages; at least "
            f"{least} voxels along each axis",
        )
