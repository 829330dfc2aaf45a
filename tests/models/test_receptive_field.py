"""Receptive fields by formula are what raising voxels one by one shows."""

import keras
import numpy as np
import pytest
from independent_counts import perturbed_extent

from lungnet.config.experiment import Experiment
from lungnet.layers import GLOBAL_POOLINGS, POOLINGS
from lungnet.models.build import build_model
from lungnet.models.description import describe_network

IMAGE, CROP = (64, 48), (9, 32, 24)


def described(size, **settings):
    """A network whose maps never fall as the input rises from 0, and its description."""
    experiment = Experiment(
        data={"kind": "nodules", "path": "none"},
        input={"kind": "nodule", "size": size, "windows_hu": [-1, 1]},
        model={"channels": (2, 2), "norm": "none", "activation": "relu", **settings},
    )
    network = build_model(experiment.model, experiment.input)
    for weight in network.trainable_weights:
        if weight.path.endswith(("kernel", "gamma")):
            weight.assign(np.ones(weight.shape))
    return network, describe_network(network, experiment)


def last_map(network):
    encoder = network.get_layer("encoder")
    return keras.Model(encoder.input["image"], encoder.get_layer("global_pooling").input)


@pytest.mark.parametrize(
    ("size", "settings"),
    [
        *((IMAGE, {"pooling": pooling, "blocks": 2}) for pooling in POOLINGS),
        (IMAGE, {"pooling": {"name": "max", "options": {"window": 3, "stride": 3}}}),
        (IMAGE, {"architecture": "resnet", "stem_stride": 2}),
        (IMAGE, {"architecture": "densenet", "channels": (4, 8)}),
        (IMAGE, {"architecture": "convnext"}),
        (IMAGE, {"architecture": "elu15", "width": 0.01}),
        (CROP, {"architecture": "slices_2d"}),
        (CROP, {"channels": (2,), "blocks": 2}),
        ((24, 24, 24), {"architecture": "convnext"}),
        ((46, 48, 47), {"architecture": "keras_io_3d", "width": 0.01}),
        (IMAGE, {"convolution": {"kernel": 4, "stride": 2}}),
        (IMAGE, {"convolution": {"kernel": 3, "dilation": 3, "padding": "valid"}}),
        (IMAGE, {"convolution": {"kernel": 3, "transposed": True}}),
        ((16, 16), {"convolution": {"transposed": True, "stride": 2}}),
        ((16, 16), {"convolution": {"transposed": True, "stride": 3, "padding": "valid"}}),
        ((16, 16), {"convolution": {"transposed": True, "kernel": 2, "dilation": 2}}),
    ],
    ids=str,
)
def test_a_voxel_of_the_last_map_sees_as_many_voxels_as_change_it(size, settings):
    network, description = described(size, **settings)
    seen = [perturbed_extent(last_map(network), size, axis) for axis in range(len(size))]
    # What the formula finds beyond the input cannot be raised.
    expected = np.minimum(description.receptive_field_voxels, size)
    assert seen == expected.tolist()
    assert not description.sees_whole_input


def test_the_textbooks_network_has_the_textbooks_field():
    """3 of a convolution, 1 more of a pooling, then steps of 2: 4 more of a convolution."""
    _, description = described((32, 32), channels=(2, 2, 2))
    assert [
        layer.receptive_field
        for layer in description.layers
        if layer.name.endswith(("conv", "pool"))
    ] == [(n, n) for n in (3, 4, 8, 10, 18)]
    assert description.receptive_field_voxels == (18, 18)


@pytest.mark.parametrize(
    "settings",
    [{"architecture": "vit"}, {"architecture": "resnet", "squeeze_excitation": 2}],
    ids=str,
)
def test_attention_and_excitation_see_the_whole_input(settings):
    _, description = described((16, 24), **settings)
    assert description.sees_whole_input
    assert description.receptive_field_voxels == (16, 24)


@pytest.mark.parametrize("name", GLOBAL_POOLINGS)
def test_every_global_pooling_sees_the_whole_input(name):
    _, description = described((32, 32), global_pooling=name)
    fields = {layer.name: layer.receptive_field for layer in description.layers}
    assert fields["global_pooling"] == fields["logit"] == (32, 32)
    assert fields["image"] == (1, 1)


def test_an_enlarged_map_sees_no_more_than_the_formula_says_and_less_by_a_step_at_most():
    network, description = described((32, 32), heads=("outline",))
    encoder = network.get_layer("encoder")
    fields = {layer.name: layer.receptive_field for layer in description.layers}
    for name in ("outline_enlarged1", "outline_sum1", "outline_hidden"):
        maps = keras.Model(encoder.input["image"], encoder.get_layer(name).output)
        seen = perturbed_extent(maps, (32, 32), 0)
        assert seen <= fields[name][0] <= seen + 2
