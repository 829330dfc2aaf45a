"""A small network for every row of every table, in every dimension, and how many parameters it has.

    python tests/models/small_networks.py

writes `parameters.json` anew, where a row was added.
"""

import json
from pathlib import Path

import numpy as np

from lungnet.config.model import InputConfig, ModelConfig
from lungnet.layers import ACTIVATIONS, BAG_POOLINGS, GLOBAL_POOLINGS, NORMS, POOLINGS
from lungnet.models.architectures import ARCHITECTURES
from lungnet.models.heads import HEADS, OUTPUTS

RECORD = Path(__file__).with_name("parameters.json")

SIZES = {"2D": (8, 12), "3D": (8, 12, 8)}

ARCHITECTURE_SETTINGS = {"elu15": {"width": 0.01}, "keras_io_3d": {"width": 0.02}}
ARCHITECTURE_LENGTHS = {"elu15": 32, "keras_io_3d": 46}
"""Those that small settings, or a small input, do not make small."""

HALVED_BY_POOLING = ("convnext", "densenet", "plain", "resnet", "vit")
"""Architectures whose last map is as large as stem and poolings leave it, and in 2D."""

OPTIONS = {"group": {"groups": 4}}

TABLES = {
    "activation": ACTIVATIONS,
    "norm": NORMS,
    "pooling": POOLINGS,
    "global_pooling": GLOBAL_POOLINGS,
    "output": OUTPUTS,
}


def architecture_case(name, dimension, **settings):
    """Settings and input of a small network of that architecture."""
    length = ARCHITECTURE_LENGTHS.get(name)
    size = SIZES[dimension] if length is None else (length,) * int(dimension[0])
    settings = {"channels": (4, 8), **ARCHITECTURE_SETTINGS.get(name, {}), **settings}
    return ModelConfig(architecture=name, **settings), InputConfig(kind="nodule", size=size)


def _cases():
    for dimension, size in SIZES.items():
        nodule = InputConfig(kind="nodule", size=size)
        for name, row in ARCHITECTURES.items():
            if int(dimension[0]) in row.dimensions:
                yield f"architecture {name} {dimension}", architecture_case(name, dimension)
        for field, table in TABLES.items():
            for name in table:
                options = {"options": OPTIONS[name]} if name in OPTIONS else {}
                choice = {"name": name, **options}
                case = ModelConfig(channels=(4, 8), **{field: choice}), nodule
                yield f"{field} {name} {dimension}", case
        for name in HEADS:
            yield f"head {name} {dimension}", (ModelConfig(channels=(4, 8), heads=(name,)), nodule)
        excited = ModelConfig(architecture="resnet", channels=(4, 8), squeeze_excitation=2)
        yield f"squeeze_excitation {dimension}", (excited, nodule)
    bag = InputConfig(kind="bag", size=SIZES["3D"], candidates=3)
    for name, layer in BAG_POOLINGS.items():
        shown = bag.model_copy(update={"positions": getattr(layer, "takes_positions", False)})
        yield f"bag_pooling {name} 3D", (ModelConfig(channels=(4, 8), bag_pooling=name), shown)


CASES = dict(_cases())
"""Name -> settings and input."""


def some_inputs(shown, n=2):
    """HU of noise, different in each sample; all candidates of a bag are there."""
    rng = np.random.default_rng(1)
    bag = (shown.candidates,) if shown.kind == "bag" else ()
    hu = rng.normal(-500, 250, (n, *bag, *shown.size)) + 300 * np.arange(n).reshape(
        n, *(1,) * len(bag + shown.size)
    )
    inputs = {"image": np.clip(hu, -1024, 3000).astype(np.int16)}
    if bag:
        inputs["present"] = np.ones((n, *bag), np.float32)
    if shown.positions:
        inputs["positions"] = rng.normal(0, 50, (n, *bag, 3)).astype(np.float32)
    return inputs


def main():
    """Count the parameters of all cases."""
    from lungnet.models.build import build_model

    counts = {name: build_model(*case).count_params() for name, case in CASES.items()}
    RECORD.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
