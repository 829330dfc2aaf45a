"""`lungnet model`: what the network of a configuration is made of, costs and sees."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lungnet.models.description import NetworkDescription

SUMMARY = "a network's layers, parameters, multiply-adds, receptive field and memory; needs no data"
EXAMPLE = "lungnet model configs/nodule.yaml --set model.architecture=densenet --svg network.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `lungnet model`."""
    parser.add_argument(
        "config", metavar="CONFIG", help="an experiment in YAML; those in configs/ are commented"
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a setting; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--svg", metavar="FILE", help="draw the network, a box for each stage")


def run(args: argparse.Namespace) -> None:
    """Build the network, describe it, and draw it where asked to."""
    from pathlib import Path

    from lungnet.cli.main import print_json
    from lungnet.config.load import load_experiment
    from lungnet.errors import ChoiceError, ConfigError
    from lungnet.files import write_text
    from lungnet.processes.keras_backend import use_backend

    experiment = load_experiment(Path(args.config), args.overrides)
    use_backend(experiment.training.backend)
    from lungnet.models.description import describe_network
    from lungnet.models.description.drawing import draw
    from lungnet.training.fit import new_network

    try:
        network = new_network(experiment.model, experiment.input, experiment.seed)
    except ChoiceError as error:
        raise ConfigError(f"{experiment.where(error.key)}: {error}") from None
    description = describe_network(network, experiment)
    if args.svg:
        title = f"{Path(args.config).stem}: {experiment.model.architecture}"
        write_text(Path(args.svg), draw(description, title))
    if args.json:
        print_json(_document(description))
        return
    _print_layers(description)
    for sentence in _sentences(description):
        print(sentence)
    if args.svg:
        print(f"drawing: {args.svg}")


def _document(description: "NetworkDescription") -> dict[str, Any]:
    memory = description.memory
    layers = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "shape": layer.shape,
            "rows": layer.rows,
            "parameters": layer.parameters,
            "multiply_adds": layer.multiply_adds,
            "receptive_field_voxels": layer.receptive_field,
        }
        for layer in description.layers
    ]
    return {
        "parameters": description.parameters,
        "multiply_adds": description.multiply_adds,
        "receptive_field_voxels": description.receptive_field_voxels,
        "receptive_field_mm": description.receptive_field_mm,
        "sees_whole_input": description.sees_whole_input,
        "memory_bytes": {"training": memory.training, "prediction": memory.prediction},
        "batch_size": description.batch_size,
        "prediction_views": description.views,
        "layers": layers,
    }


def _print_layers(description: "NetworkDescription") -> None:
    from lungnet.cli.tables import print_table

    rows = (
        (
            layer.name,
            _product(layer.shape) + (f", {layer.rows} times" if layer.rows > 1 else ""),
            f"{layer.parameters:,}",
            f"{layer.multiply_adds:,}",
            "" if layer.receptive_field is None else _product(layer.receptive_field),
            layer.kind,
        )
        for layer in description.layers
    )
    print_table(("layer", "shape", "parameters", "multiply-adds", "sees", "kind"), rows)


def _sentences(description: "NetworkDescription") -> Iterator[str]:
    size, voxels = description.input_size, description.receptive_field_voxels
    yield f"parameters: {description.parameters:,}"
    views = description.views
    averaged = f"; a prediction averages over {views} views of it" if views > 1 else ""
    yield f"multiply-adds: {description.multiply_adds:,} for a sample{averaged}"
    extent = "the whole input: " if description.sees_whole_input else ""
    beyond = any(seen > length for seen, length in zip(voxels, size, strict=True))
    of_input = f", more than the input's {_product(size)}" if beyond else ""
    yield (
        f"receptive field of a voxel of the last map: {extent}{_product(voxels)} voxels, "
        f"{_product(description.receptive_field_mm)} mm{of_input}"
    )
    memory = description.memory
    yield (
        f"memory for a batch of {description.batch_size}, estimated: {memory.training / 1e6:,.1f} "
        f"MB in training, {memory.prediction / 1e6:,.1f} MB in prediction"
        f"{' of one view' if views > 1 else ''}"
    )


def _product(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)
