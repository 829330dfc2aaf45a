"""Weights of another training, taken where path and shape agree."""

import logging
from pathlib import Path
from typing import Any

import keras

from lungnet.errors import ChoiceError
from lungnet.models.bundle import network_folders, open_bundle
from lungnet.training.bundling.weights import read_network

log = logging.getLogger("lungnet")

LISTED = 6
"""So many of the weights that were not taken are named."""


def take_weights(network: keras.Model, bundle_path: Path, number: int) -> frozenset[str]:
    """Put a bundle's weights into a network, and list what was not taken.

    Args:
        network: what starts.
        bundle_path: of the bundle.
        number: of the network to take where the bundle holds several; counted on from the first
            beyond the last.

    Returns:
        Names of the layers all of whose weights were taken.

    Raises:
        ChoiceError: nothing has the same path and shape.
        BundleError: the bundle fails its checks, or its weights are not those of its network.
    """
    bundle = open_bundle(bundle_path)
    folder = network_folders(bundle.networks)[number % bundle.networks]
    source = read_network(bundle_path / folder, bundle.experiment)
    given = {_place(variable): variable for variable in source.weights}
    missing, taken = [], set()
    for variable in network.weights:
        source_variable = given.get(_place(variable))
        if source_variable is None or tuple(source_variable.shape) != tuple(variable.shape):
            missing.append(variable.path)
        else:
            variable.assign(source_variable)
            taken.add(variable.path)
    if not taken:
        raise ChoiceError(
            "model.start_from", f"{bundle_path} has no weights of a path and shape as this network"
        )
    log.info(
        "start from %s: %d of %d weights taken%s%s",
        bundle.model_hash,
        len(taken),
        len(network.weights),
        "; not: " if missing else "",
        ", ".join(missing[:LISTED]) + (" ..." if len(missing) > LISTED else ""),
    )
    return frozenset(layer.name for layer in _layers(network) if _is_whole(layer, taken))


def set_trainable(network: keras.Model, layers: frozenset[str], *, trainable: bool) -> None:
    """Freeze the layers of these names, or free them."""
    for layer in _layers(network):
        if layer.name in layers:
            layer.trainable = trainable


def _place(variable: Any) -> str:
    """Where a variable stands below the network, whose own name does not count."""
    return str(variable.path).removeprefix("encoder/")


def _layers(network: keras.Model) -> list[Any]:
    """The layers that hold weights themselves, within nested networks too."""
    layers = network._flatten_layers(include_self=False, recursive=True)
    return [layer for layer in layers if layer.weights and not isinstance(layer, keras.Model)]


def _is_whole(layer: Any, taken: set[str]) -> bool:
    return all(variable.path in taken for variable in layer.weights)
