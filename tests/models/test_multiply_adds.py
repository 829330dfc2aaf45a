"""Multiply-adds by the layers' formulas are those of TensorFlow's own graph."""

from pathlib import Path

import keras
import pytest
from independent_counts import traced_multiply_adds
from small_networks import CASES

from lungnet.config.load import load_experiment
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.models.architectures import ARCHITECTURES
from lungnet.models.build import build_model
from lungnet.models.description.graph import layer_calls, one_sample
from lungnet.models.description.multiply_adds import multiply_adds

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def counted(network):
    return sum(multiply_adds(call) for call in layer_calls(network, one_sample(network)))


# Activations and norms count nothing.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if name.startswith(("activation", "norm", "pooling", "global_pooling"))
        else name
        for name in CASES
    ],
)
def test_every_small_network_has_those_of_tensorflows_graph(name):
    network = build_model(*CASES[name])
    assert counted(network) == traced_multiply_adds(network) > 0


@pytest.mark.parametrize("size", [(12, 9), (9, 12, 8)])
@pytest.mark.parametrize(
    "convolution",
    [
        {"kernel": 5, "stride": 2},
        {"transposed": True, "stride": 2},
    ],
)
def test_so_has_every_convolution(convolution, size):
    config = ModelConfig(channels=(4, 8), convolution=convolution)
    network = build_model(config, InputConfig(kind="nodule", size=size))
    assert counted(network) == traced_multiply_adds(network)


def test_so_has_a_dilated_one():
    """Of a size that TensorFlow need not fill up before it takes every second voxel."""
    config = ModelConfig(
        channels=(4,), convolution={"kernel": 2, "padding": "valid", "dilation": 2}
    )
    network = build_model(config, InputConfig(kind="nodule", size=(12, 8)))
    assert counted(network) == traced_multiply_adds(network) == 10 * 6 * 4 * 4 + 4


def test_groups_divide_the_work():
    shown = InputConfig(kind="nodule", size=(8, 8))

    def of_second(groups):
        config = ModelConfig(channels=(4, 8), convolution={"groups": groups})
        calls = layer_calls(network := build_model(config, shown), one_sample(network))
        assert counted(network) == traced_multiply_adds(network)
        return next(multiply_adds(c) for c in calls if c.layer.name == "stage2_block1_conv")

    assert of_second(1) == 4 * of_second(4) == 4 * 4 * 9 * 4 * 8


def test_a_bag_counts_each_candidate():
    shown = InputConfig(kind="bag", size=(8, 8, 8), candidates=1)
    config = ModelConfig(channels=(4,))
    one, five = (
        counted(build_model(config, shown.model_copy(update={"candidates": n}))) for n in (1, 5)
    )
    assert five == 5 * one


def test_a_layer_without_sums_of_products_counts_nothing():
    x = keras.Input((8, 8, 2))
    maps = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.MaxPooling2D()(x)))
    network = keras.Model(x, keras.layers.Multiply()([maps, maps]))
    assert counted(network) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
@pytest.mark.parametrize("path", ["nodule.yaml", "volume_baseline.yaml", "bag.yaml"])
def test_every_architecture_of_a_shipped_configuration_has_them(name, path):
    settings = [f"model.architecture={name}", "model.heads=[]", "model.width=0.25"]
    experiment = load_experiment(CONFIGS / path, settings)
    if len(experiment.input.size) not in ARCHITECTURES[name].dimensions:
        pytest.skip(f"{name} has other dimensions")
    if path == "bag.yaml" and name == "keras_io_3d":
        pytest.skip("crops of 32 voxels are too small for it")
    network = build_model(experiment.model, experiment.input)
    assert counted(network) == traced_multiply_adds(network)
