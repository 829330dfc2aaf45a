"""The layers of a network in the order in which they are called, each with its shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True, eq=False)
class LayerCall:
    """A layer, or an operation such as a reshape, as it is called for one sample.

    Attributes:
        layer: Keras' layer or operation.
        inputs: the tensors that it takes. As the batch is one sample, the first axis of a tensor
            has as many rows as the layer sees of it: a bag's candidates, or slices.
        outputs: the tensors that it gives.
    """

    layer: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


def one_sample(network: keras.Model) -> list[Any]:
    """The network's inputs as tensors (1, ...), without values, in its own order."""
    return [
        keras.KerasTensor((1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name)
        for tensor in network.inputs
    ]


def layer_calls(network: keras.Model, inputs: list[Any]) -> list[LayerCall]:
    """Every call for `inputs`, those of networks within the network in place of these.

    The last call of each output comes after all that it needs.
    """
    calls: list[LayerCall] = []

    def recorded(layer: Any) -> Callable[..., Any]:
        """In place of the layer."""

        def call(*args: Any, **kwargs: Any) -> Any:
            """Give the shapes that the layer would give."""
            if isinstance(layer, keras.Model):
                return _shapes(layer, args[0], recorded)
            outputs = layer.compute_output_spec(*args, **kwargs)
            calls.append(LayerCall(layer, _tensors((args, kwargs)), _tensors(outputs)))
            return outputs

        return call

    _shapes(network, inputs, recorded)
    return calls


def _shapes(network: Any, inputs: Any, recorded: Callable[[Any], Callable[..., Any]]) -> Any:
    """Keras' own walk, by which it tells the shapes of outputs.

    It has no public name; the public one, `clone_model`, would tie the layers to a second graph.
    """
    return network._run_through_graph(inputs, operation_fn=recorded)


def _tensors(structure: Any) -> tuple[Any, ...]:
    """The tensors somewhere in arguments or results."""
    return tuple(
        leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, keras.KerasTensor)
    )
