"""`build_model`: from a validated configuration to a network.

Nothing that it builds comes from a file of code.
"""

from typing import Any

import keras
from keras import ops

from lungnet.config.lookup import build_choice, choose
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers import BAG_POOLINGS, GLOBAL_POOLINGS
from lungnet.layers.centre_distance import CentreDistance
from lungnet.layers.hu_window import HUWindows
from lungnet.layers.scalars import StandardizedScalars
from lungnet.models.architectures import ARCHITECTURES, LayerFactory, widened
from lungnet.models.heads import HEADS, OUTPUTS
from lungnet.models.input_sizes import (
    check_architecture,
    check_last_map,
    check_outline,
    check_size,
)


def build_model(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    """A network from HU to a logit.

    Inputs, by name (HU are `int16`):
        `nodule`: `image` (batch, *size).
        `volume`: `image` (batch, z, y, x).
        `bag`: `image` (batch, candidates, z, y, x) and `present` (batch, candidates), 1 for a
            candidate, 0 for filling; with `input.positions` also `positions` (batch, candidates,
            3), millimetres from the candidates' mean.
        With `input.scalars` also `scalars` (batch, columns), NaN where missing.

    Outputs, by name: `logit` (batch, 1), the log-odds of malignancy before calibration; for bags
    also `weights` (batch, candidates), each candidate's share in the answer; for nodules one for
    each of `model.heads`, as described there, and with `model.output` `softmax` or `ordinal` also
    `ratings` (batch, 5), the log-probability of each of the readers' ratings.

    Args:
        config: the network.
        input_config: what it is shown.

    Raises:
        ChoiceError: a name that is in no table, an option that a layer does not take, or an input
            too small.
    """
    config = widened(config)
    check_architecture(config, input_config)
    check_size(config, input_config)
    of_nodules = {
        "heads": bool(config.heads),
        "test_symmetries": config.test_symmetries != "none",
        "output": config.output.name != "logit",
    }
    if input_config.kind != "nodule" and any(of_nodules.values()):
        key = next(name for name, is_set in of_nodules.items() if is_set)
        raise ChoiceError(f"model.{key}", f"is for nodules, not for a {input_config.kind}")
    check_outline(config, input_config)
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
    inputs = {"image": keras.Input(input_config.size, dtype="int16", name="image")}
    inputs |= _scalar_input(input_config)
    encoded = _encoder(config, input_config)(inputs)
    output = choose(OUTPUTS, config.output.name, "model.output.name")
    outputs = output(encoded["features"])
    outputs |= {head.name: encoded[head.name] for head in config.heads}
    named = {name: keras.layers.Identity(name=name)(value) for name, value in outputs.items()}
    return keras.Model(inputs, named, name=input_config.kind)


def _bag_model(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    count = input_config.candidates
    image = keras.Input((count, *input_config.size), dtype="int16", name="image")
    present = keras.Input((count,), dtype="float32", name="present")
    scalars = _scalar_input(input_config)
    crops = {"image": ops.reshape(image, (-1, *input_config.size))}
    # The patient's numbers stand beside each of the candidates.
    crops |= {name: ops.repeat(value, count, axis=0) for name, value in scalars.items()}
    features = _encoder(config, input_config)(crops)["features"]
    features = ops.reshape(features, (-1, count, features.shape[-1]))
    pooling = build_choice(
        BAG_POOLINGS, config.bag_pooling, "model.bag_pooling", name="bag_pooling"
    )
    takes_positions = getattr(pooling, "takes_positions", False)
    if takes_positions != input_config.positions:
        raise ChoiceError(
            "input.positions",
            f"is {str(input_config.positions).lower()}; expected "
            f"{str(takes_positions).lower()} for model.bag_pooling {config.bag_pooling.name}",
        )
    positions = {}
    if takes_positions:
        positions = {"positions": keras.Input((count, 3), dtype="float32", name="positions")}
    logit, weights = pooling(features, present, *positions.values())
    outputs = {
        "logit": keras.layers.Identity(name="logit")(logit),
        "weights": keras.layers.Identity(name="weights")(weights),
    }
    inputs = {"image": image, "present": present, **positions, **scalars}
    return keras.Model(inputs, outputs, name="bag")


def _scalar_input(input_config: InputConfig) -> dict[str, Any]:
    if not input_config.scalars:
        return {}
    shape = (len(input_config.scalars),)
    return {"scalars": keras.Input(shape, dtype="float32", name="scalars")}


def _encoder(config: ModelConfig, input_config: InputConfig) -> keras.Model:
    """From one crop (batch, *size) of HU to `features` (batch, channels), and to the heads."""
    layers = LayerFactory(config, len(input_config.size))
    image = keras.Input(input_config.size, dtype="int16", name="image")
    scalars = _scalar_input(input_config)
    x = HUWindows(input_config.windows_hu, name="window")(image)
    if input_config.centre_distance:
        x = CentreDistance(name="centre_distance")(x)
    architecture = choose(ARCHITECTURES, config.architecture, "model.architecture")
    stages = architecture(x, config, layers)
    features = _global_pooling(config, input_config, layers, stages[-1])
    if scalars:
        standardized = StandardizedScalars(
            [scalar.log for scalar in input_config.scalars], name="scalars_standardized"
        )
        features = keras.layers.Concatenate(name="features_and_scalars")(
            [features, standardized(scalars["scalars"])]
        )
    features = _hidden(features, config, layers)
    outputs = {"features": features} | {
        head.name: choose(HEADS, head.name, "model.heads")(stages, features, layers)
        for head in config.heads
    }
    return keras.Model({"image": image, **scalars}, outputs, name="encoder")


def _hidden(x: Any, config: ModelConfig, layers: LayerFactory) -> Any:
    """Fully connected layers, and dropout before each and before the head."""
    for number, units in enumerate(config.hidden, 1):
        name = f"hidden{number}"
        if not ARCHITECTURES[config.architecture].drops_once:
            x = keras.layers.Dropout(config.dropout, name=f"{name}_dropout")(x)
        activation = layers.activation(f"{name}_activation")
        x = activation(keras.layers.Dense(units, kernel_initializer="he_normal", name=name)(x))
    return keras.layers.Dropout(config.dropout, name="dropout")(x)


def _global_pooling(
    config: ModelConfig, input_config: InputConfig, layers: LayerFactory, last_map: Any
) -> Any:
    """From the last map to a vector (batch, values)."""
    key = "model.global_pooling"
    pooling = build_choice(
        GLOBAL_POOLINGS,
        config.global_pooling,
        key,
        dimensions=layers.dimensions,
        name="global_pooling",
    )
    check_last_map(config, input_config, last_map, getattr(pooling, "least_voxels", 1))
    try:
        return pooling(last_map)
    except ValueError as error:
        raise ChoiceError(f"{key}.options", f"do not fit: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """The telling line of a Keras error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next(
        (line for line in lines if not line.startswith("Exception encountered")),
        type(error).__name__,
    )
