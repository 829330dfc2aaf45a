"""Figures of the model factory: activations against the papers' formulas, networks against others.

Activations and their gradients against closed forms, random ones against their laws; every small
network of the kit in OpenVINO and on JAX against Keras on TensorFlow; parameters against counts;
multiply-adds against TensorFlow's own graph.

    python scripts/benchmarks/models.py [--json] [--write]
"""

import argparse
import importlib.util
import math
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "models"))

import keras
import numpy as np
import tensorflow as tf
from figures import Row, add_arguments, report
from independent_counts import traced_multiply_adds
from numpy.typing import NDArray
from other_programs import LARGEST_DIFFERENCE, built, export_difference, jax_differences
from small_networks import CASES

from lungnet.config.model import InputConfig, ModelConfig
from lungnet.layers import ACTIVATIONS
from lungnet.models.architectures import ARCHITECTURES
from lungnet.models.build import build_model
from lungnet.models.description.graph import layer_calls, one_sample
from lungnet.models.description.multiply_adds import multiply_adds

Numbers = NDArray[np.float64]
Formula = tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]

LARGEST_ERROR = 1e-6
DRAWS = 1_000_000
STANDARD_ERRORS = 5.0
"""What a mean or variance of so many draws may differ by: one in a million does by chance."""

COST_SIZES = {2: (32, 32), 3: (48, 48, 48)}
LARGEST_COST_ERROR = 0.01

HALF_NORMAL = math.sqrt(2 / math.pi)
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def sigmoid(x: Numbers) -> Numbers:
    """`1 / (1 + exp(-x))`."""
    return 1 / (1 + np.exp(-x))


def leaky(slope: float) -> Formula:
    """Two straight lines that meet at 0."""
    return lambda x: np.where(x > 0, x, slope * x), lambda x: np.where(x > 0, 1.0, slope)


def exponential(scale: float, alpha: float) -> Formula:
    """ELU and SELU."""
    return (
        lambda x: scale * np.where(x > 0, x, alpha * np.expm1(x)),
        lambda x: scale * np.where(x > 0, 1.0, alpha * np.exp(x)),
    )


def noisy(low: float, high: float, slope: float, offset: float) -> Formula:
    """Gulcehre et al. 2016, algorithm 1 with alpha 1.15, c 1 and p 1, the noise at its mean."""

    def parts(x: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
        linear = slope * x + offset
        hard = np.clip(linear, low, high)
        share = sigmoid(hard - linear)
        return linear, hard, share, np.where((linear > low) & (linear < high), slope, 0.0)

    def value(x: Numbers) -> Numbers:
        linear, hard, share, _ = parts(x)
        return 1.15 * hard - 0.15 * linear + np.sign(x) * (share - 0.5) ** 2 * HALF_NORMAL

    def gradient(x: Numbers) -> Numbers:
        _, _, share, of_hard = parts(x)
        of_noise = 2 * (share - 0.5) * share * (1 - share) * (of_hard - slope)
        return 1.15 * of_hard - 0.15 * slope + np.sign(x) * of_noise * HALF_NORMAL

    return value, gradient


def gaussian(x: Numbers) -> Numbers:
    """The distribution function of a standard normal."""
    return np.array([math.erf(v / math.sqrt(2)) for v in x]) / 2 + 0.5


def mish_gradient(x: Numbers) -> Numbers:
    """Of `x tanh(log(1 + exp(x)))`."""
    tangent = np.tanh(np.logaddexp(0, x))
    return tangent + x * (1 - tangent**2) * sigmoid(x)


FORMULAS: dict[str, Formula] = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": leaky(0),
    "elu": exponential(1, 1),
    "leaky_relu": leaky(1 / 100),
    "very_leaky_relu": leaky(1 / 5.5),
    "prelu": leaky(0.25),
    "rrelu": leaky(1 / 5.5),
    "rrelu_slope": leaky((1 / 8 + 1 / 3) / 2),
    "noisy_hard_tanh": noisy(-1, 1, 1, 0),
    "noisy_hard_sigmoid": noisy(0, 1, 0.25, 0.5),
    "gaussian_noise": leaky(1),
    "selu": exponential(SELU_SCALE, SELU_ALPHA),
    "gelu": (
        lambda x: x * gaussian(x),
        lambda x: gaussian(x) + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
    ),
    "silu": (
        lambda x: x * sigmoid(x),
        lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    ),
    "mish": (lambda x: x * np.tanh(np.logaddexp(0, x)), mish_gradient),
}
"""Name -> value and gradient at test, from the papers."""

SATURATED = 3.0
"""Where the noisy ones are flat: 2 above where hard tanh bends, 0.25 above for hard sigmoid."""

LAWS: dict[str, tuple[float, float, float]] = {
    "rrelu": (-1, -math.log(8 / 3) / 5, (1 / 3 - 1 / 8) / 5 - (math.log(8 / 3) / 5) ** 2),
    "rrelu_slope": (-1, -(1 / 8 + 1 / 3) / 2, (1 / 3 - 1 / 8) ** 2 / 12),
    "gaussian_noise": (0, 0, 0.1**2),
} | {
    name: (
        SATURATED,
        FORMULAS[name][0](np.array([SATURATED])).item(),
        (1 / (1 + math.exp(beyond)) - 0.5) ** 4 * (1 - 2 / math.pi),
    )
    for name, beyond in (("noisy_hard_tanh", 2.0), ("noisy_hard_sigmoid", 0.25))
}
"""Name -> a number, and mean and variance in training of what becomes of it."""


def formulas() -> list[Row]:
    """The largest error of value and gradient of each activation."""
    # Between the bends, which lie at multiples of 0.005.
    x = (np.arange(-1200, 1200) + 0.5) * 0.005
    rows = []
    for name, build in ACTIVATIONS.items():
        layer, variable = build(), tf.Variable(x[None, :, None], dtype=tf.float32)
        with tf.GradientTape() as tape:
            values = layer(variable, training=False)
        gradients = tape.gradient(values, variable)
        exact = np.asarray(variable, np.float64).ravel()
        error = max(
            np.abs(np.asarray(found).ravel() - formula(exact)).max()
            for found, formula in zip((values, gradients), FORMULAS[name], strict=True)
        )
        rows.append(_at_most(f"{name}: error of value and gradient", error, LARGEST_ERROR, ""))
    return rows


def laws() -> list[Row]:
    """Means and variances of the random activations in training, and their silence at test."""
    rows, moved = [], 0.0
    for name, (x, mean, variance) in LAWS.items():
        layer, same = ACTIVATIONS[name](seed=1), np.full((1, DRAWS, 1), x, np.float32)
        draws = np.asarray(layer(same, training=True), np.float64).ravel()
        fourth = np.mean((draws - draws.mean()) ** 4)
        for moment, found, expected, deviation in (
            ("mean", draws.mean(), mean, math.sqrt(variance)),
            ("variance", draws.var(), variance, math.sqrt(fourth - variance**2)),
        ):
            errors = abs(found - expected) / (deviation / math.sqrt(DRAWS))
            figure = f"{name}: {moment} of {DRAWS:,} draws"
            rows.append(_at_most(figure, errors, STANDARD_ERRORS, "standard errors"))
        first, second = (np.asarray(layer(same, training=False)) for _ in range(2))
        moved = max(moved, float(np.abs(first - second).max()))
    return [*rows, _at_most("random activations at test: difference of two calls", moved, 0, "")]


def kit() -> list[Row]:
    """Every small network elsewhere, against Keras on TensorFlow, by the logits' scale."""
    networks = {name: built(name) for name in CASES}
    differences = {"OpenVINO": {n: export_difference(net, n) for n, net in networks.items()}}
    if importlib.util.find_spec("jax"):
        differences["JAX"] = jax_differences(networks)
    rows = []
    for program, of in differences.items():
        worst = max(of, key=lambda name: of[name])
        figure = f"{len(of)} networks in {program}: largest difference ({worst})"
        rows.append(_at_most(figure, of[worst], LARGEST_DIFFERENCE, "of the logit"))
    return rows


def parameters() -> list[Row]:
    """The published networks at full width, against counts that are not ours."""
    sides, maps = [6, *[3] * 11], [1, 96, *[512] * 3, *[768] * 5, *[1024] * 3]
    convolutions = sum(
        side**2 * a * b + b for side, (a, b) in zip(sides, pairwise(maps), strict=True)
    )
    units = [(1 + 4 + 16) * 1024, 4096, 4096, 1000, 1]
    dense = sum((a + 1) * b for a, b in pairwise(units))
    image = InputConfig(kind="nodule", size=(32, 32))
    scan = InputConfig(kind="volume", size=(128, 128, 64))
    return [
        _equal("elu15: parameters against a count by hand", "elu15", image, convolutions + dense),
        # As keras.io/examples/vision/3D_image_classification prints them.
        _equal("keras_io_3d: parameters against the original", "keras_io_3d", scan, 1_352_897),
    ]


def costs() -> list[Row]:
    """Multiply-adds by the layers' formulas, against an independent count over TensorFlow's graph.

    Of every architecture as its paper or the defaults have it, and of the kit's small networks.
    """
    rows = []
    for name, row in ARCHITECTURES.items():
        for dimensions in row.dimensions:
            shown = InputConfig(kind="nodule", size=COST_SIZES[dimensions])
            # A pyramid in 3D would ask for billions of weights.
            width = 0.1 if (name, dimensions) == ("elu15", 3) else 1.0
            config = ModelConfig(architecture=name, width=width)
            ours, peer = _multiply_adds(config, shown)
            figure = f"{name} {dimensions}D: multiply-adds against an independent count"
            holds = abs(ours / peer - 1) <= LARGEST_COST_ERROR
            rows.append(Row(figure, ours, peer, ours / peer, "products", "within 1 %", holds))
    errors = {name: abs(a / b - 1) for name, (a, b) in _kit_multiply_adds().items()}
    worst = max(errors, key=lambda name: errors[name])
    figure = f"{len(errors)} small networks: multiply-adds against an independent count ({worst})"
    return [*rows, _at_most(figure, errors[worst], LARGEST_COST_ERROR, "of the count")]


def _kit_multiply_adds() -> dict[str, tuple[int, int]]:
    return {name: _multiply_adds(*case) for name, case in CASES.items()}


def _multiply_adds(config: ModelConfig, shown: InputConfig) -> tuple[int, int]:
    """Ours, and those of TensorFlow's graph."""
    keras.backend.clear_session()
    network = build_model(config, shown)
    ours = sum(multiply_adds(call) for call in layer_calls(network, one_sample(network)))
    return ours, traced_multiply_adds(network)


def _equal(figure: str, name: str, shown: InputConfig, expected: int) -> Row:
    keras.backend.clear_session()
    count = build_model(ModelConfig(architecture=name), shown).count_params()
    return Row(figure, count, expected, count / expected, "parameters", "equal", count == expected)


def _at_most(figure: str, value: float, most: float, unit: str) -> Row:
    return Row(
        figure=figure,
        ours=float(f"{value:.3g}"),
        peer=None,
        ratio=None,
        unit=unit,
        goal=f"at most {most:g}",
        holds=bool(value <= most),
    )


FIGURES = (formulas, laws, kit, parameters, costs)
"""Functions that each measure a group; another group is another function here."""


def main() -> None:
    """Measure each group of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    rows = [row for figures in FIGURES for row in figures()]
    report(rows, args, "models", ("keras", "tensorflow", "openvino"))


if __name__ == "__main__":
    main()
