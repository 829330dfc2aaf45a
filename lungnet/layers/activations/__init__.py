"""ACTIVATIONS: every activation of the tutorial, and the modern ones, by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from lungnet.layers.activations.mish import Mish
from lungnet.layers.activations.noisy import NoisyHardSigmoid, NoisyHardTanh
from lungnet.layers.activations.prelu import PReLU
from lungnet.layers.activations.rrelu import RReLU, RReLUSlope

__all__ = [
    "ACTIVATIONS",
    "Mish",
    "NoisyHardSigmoid",
    "NoisyHardTanh",
    "PReLU",
    "RReLU",
    "RReLUSlope",
]

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": partial(keras.layers.Activation, "sigmoid"),
    "tanh": partial(keras.layers.Activation, "tanh"),
    "relu": keras.layers.ReLU,
    "elu": keras.layers.ELU,  # Clevert et al. 2016, arXiv:1511.07289
    "leaky_relu": partial(
        keras.layers.LeakyReLU, negative_slope=1 / 100
    ),  # Maas et al. 2013: a = 100
    "very_leaky_relu": partial(
        keras.layers.LeakyReLU, negative_slope=1 / 5.5
    ),  # Xu et al. 2015, arXiv:1505.00853: a = 5.5
    "prelu": PReLU,
    "rrelu": RReLU,
    "rrelu_slope": RReLUSlope,
    "noisy_hard_tanh": NoisyHardTanh,
    "noisy_hard_sigmoid": NoisyHardSigmoid,
    "gaussian_noise": partial(keras.layers.GaussianNoise, stddev=0.1),
    "selu": partial(keras.layers.Activation, "selu"),  # Klambauer et al. 2017, arXiv:1706.02515
    "gelu": partial(keras.layers.Activation, "gelu"),  # Hendrycks and Gimpel 2016, arXiv:1606.08415
    "silu": partial(keras.layers.Activation, "silu"),  # Elfwing et al. 2017, arXiv:1702.03118
    "mish": Mish,
}
"""Name -> what builds the layer; called with the options of the configuration."""
