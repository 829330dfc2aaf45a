"""A network and its configuration come in, a description for people and programs goes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from lungnet.config.experiment import Experiment
from lungnet.datasets.crop_recipe import crop_recipe
from lungnet.models.description.graph import LayerCall, layer_calls, one_sample
from lungnet.models.description.memory import MemoryBytes, estimate_memory, optimizer_slots
from lungnet.models.description.multiply_adds import multiply_adds
from lungnet.models.description.receptive_field import ReceptiveField, field_after
from lungnet.models.symmetries import symmetries

IMAGE, GLOBAL_POOLING = "image", "global_pooling"
"""Names, in every network, of the input and of the layer that takes the last map."""


@dataclass(frozen=True)
class LayerDescription:
    """A layer or an input of a network.

    Attributes:
        name: in the network.
        kind: its class.
        shape: of what it gives, without the batch; of several outputs, the first.
        rows: how often it is applied in a sample: to each candidate of a bag, to each slice.
        parameters: weights, trained or not.
        multiply_adds: for a sample, over all rows.
        receptive_field: voxels of the input behind a number of its output; None where that does
            not come from the image.
        sources: positions, in the list of layers, of those whose output it takes.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    rows: int
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, ...] | None
    sources: tuple[int, ...]


@dataclass(frozen=True)
class NetworkDescription:
    """What a network costs and sees.

    Attributes:
        layers: inputs first, then in the order of their calls.
        input_size: voxels of the image.
        receptive_field_voxels: of a voxel of the last map; the size of the input where that sees
            all of it by attention or pooling.
        sees_whole_input: whether it does.
        spacing_mm: of the input's voxels.
        batch_size: samples in a step of the training.
        memory: for a batch.
        views: of each sample that a prediction averages over (`model.test_symmetries`).
    """

    layers: tuple[LayerDescription, ...]
    input_size: tuple[int, ...]
    receptive_field_voxels: tuple[int, ...]
    sees_whole_input: bool
    spacing_mm: float
    batch_size: int
    memory: MemoryBytes
    views: int

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of all layers, for a sample."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def receptive_field_mm(self) -> tuple[float, ...]:
        """The same in millimetres."""
        return tuple(voxels * self.spacing_mm for voxels in self.receptive_field_voxels)


def describe_network(network: keras.Model, experiment: Experiment) -> NetworkDescription:
    """Describe the network that `build_model` made of an experiment."""
    model, input_config = experiment.model, experiment.input
    inputs = one_sample(network)
    calls = layer_calls(network, inputs)
    walk = _Walk(inputs, input_config.size)
    for call in calls:
        walk.go_on(call)
    last_map = next(walk.field(call) for call in calls if call.layer.name == GLOBAL_POOLING)
    is_averaged = model.test_symmetries != "none"
    return NetworkDescription(
        layers=tuple(walk.layers),
        input_size=input_config.size,
        receptive_field_voxels=walk.voxels(last_map),
        sees_whole_input=last_map.is_whole,
        spacing_mm=_spacing_mm(experiment),
        batch_size=experiment.training.batch_size,
        memory=estimate_memory(
            network, calls, optimizer_slots(experiment.optimizer), experiment.training.batch_size
        ),
        views=len(symmetries(len(input_config.size), model.test_symmetries)) if is_averaged else 1,
    )


class _Walk:
    """Along the calls of a network, what is known of each tensor so far.

    Attributes:
        layers: of the inputs and of the calls so far.
    """

    def __init__(self, inputs: Sequence[Any], size: tuple[int, ...]) -> None:
        self.layers: list[LayerDescription] = []
        self._size = size
        self._fields: dict[int, ReceptiveField] = {}
        self._sources: dict[int, tuple[int, ...]] = {}
        for tensor in inputs:
            is_image = tensor.name == IMAGE
            self._sources[id(tensor)] = (len(self.layers),)
            if is_image:
                self._fields[id(tensor)] = ReceptiveField.of_input(len(size))
            field = (1,) * len(size) if is_image else None
            shape = tuple(tensor.shape[1:])
            self.layers.append(
                LayerDescription(tensor.name, "InputLayer", shape, 1, 0, 0, field, ())
            )

    def go_on(self, call: LayerCall) -> None:
        """Take the next call; an operation without weights is no layer of its own."""
        taken = sum((self._sources[id(tensor)] for tensor in call.inputs), ())
        sources = tuple(dict.fromkeys(taken))
        if any(id(tensor) in self._fields for tensor in call.inputs):
            after = field_after(call, self._known(call))
            self._fields |= {id(tensor): after for tensor in call.outputs}
        if isinstance(call.layer, keras.layers.Layer):
            self.layers.append(self._described(call, sources))
            sources = (len(self.layers) - 1,)
        self._sources |= {id(tensor): sources for tensor in call.outputs}

    def field(self, call: LayerCall) -> ReceptiveField:
        """Of what a layer takes from the image."""
        return self._known(call)[0]

    def voxels(self, field: ReceptiveField) -> tuple[int, ...]:
        """Along each axis of the input."""
        return self._size if field.is_whole else tuple(axis.voxels for axis in field.axes)

    def _known(self, call: LayerCall) -> list[ReceptiveField]:
        return [self._fields[id(tensor)] for tensor in call.inputs if id(tensor) in self._fields]

    def _described(self, call: LayerCall, sources: tuple[int, ...]) -> LayerDescription:
        rows, *shape = call.outputs[0].shape
        field = self._fields.get(id(call.outputs[0]))
        return LayerDescription(
            name=call.layer.name,
            kind=type(call.layer).__name__,
            shape=tuple(shape),
            rows=rows,
            parameters=call.layer.count_params(),
            multiply_adds=multiply_adds(call),
            receptive_field=None if field is None else self.voxels(field),
            sources=sources,
        )


def _spacing_mm(experiment: Experiment) -> float:
    """Of the voxels that the network is shown."""
    if experiment.input.kind == "volume":
        return experiment.input.spacing_mm
    if experiment.input.kind == "bag":
        return experiment.preparation.spacing_mm
    return float(crop_recipe()["spacing_mm"])
