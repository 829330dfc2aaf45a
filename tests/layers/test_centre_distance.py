"""The channel is the distance from the middle, and knows no direction."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.centre_distance import CentreDistance


@pytest.mark.parametrize("size", [(5, 7), (4, 4), (5, 3, 7), (6, 6, 6)])
def test_it_is_the_distance_in_shares_of_the_half_width(size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    layer = CentreDistance()
    y = np.asarray(layer(x))
    assert y.shape == (2, *size, 4) == layer.compute_output_spec(x).shape
    assert_array_equal(y[..., :3], x)
    for place in np.ndindex(size):
        middle = (np.array(size) - 1) / 2
        expected = np.sqrt(np.sum(((np.array(place) - middle) / middle) ** 2))
        assert_allclose(y[(slice(None), *place, 3)], expected, atol=1e-6)


@pytest.mark.parametrize("size", [(5, 5), (5, 5, 5)])
def test_it_is_0_in_the_middle_1_on_each_face_and_the_same_in_every_symmetry(size):
    channel = np.asarray(CentreDistance()(np.zeros((1, *size, 1), np.float32)))[0, ..., 1]
    middle = tuple(n // 2 for n in size)
    assert channel[middle] == 0
    for axis in range(len(size)):
        face = list(middle)
        face[axis] = 0
        assert channel[tuple(face)] == 1
        assert_allclose(np.flip(channel, axis), channel, atol=1e-7)
    assert_allclose(channel.transpose(), channel, atol=1e-7)


def test_it_keeps_the_type_of_the_layer_and_is_rebuilt(precision):
    with precision("mixed_float16"):
        layer = CentreDistance()
        y = layer(np.zeros((1, 5, 5, 1), np.float16))
    assert np.asarray(y).dtype == np.float16
    again = CentreDistance.from_config(layer.get_config())
    assert_array_equal(np.asarray(again(np.zeros((1, 5, 5, 1), np.float16))), np.asarray(y))
    inputs = keras.Input((5, 6, 2))
    assert CentreDistance()(inputs).shape == (None, 5, 6, 3)
