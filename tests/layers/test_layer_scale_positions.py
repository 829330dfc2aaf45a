"""LayerScale multiplies each channel, LearnedPositions adds a vector to each place."""

import numpy as np

from lungnet.layers.layer_scale import LayerScale
from lungnet.layers.learned_positions import LearnedPositions


def test_layer_scale_is_one_factor_for_each_channel(features):
    layer = LayerScale(start=0.5)
    np.testing.assert_array_equal(layer(features), features * np.float32(0.5))
    gamma = np.arange(features.shape[-1], dtype=np.float32)
    layer.set_weights([gamma])
    np.testing.assert_array_equal(layer(features), features * gamma)
    assert layer.compute_output_shape(features.shape) == features.shape
    assert LayerScale.from_config(layer.get_config()).start == 0.5


def test_positions_are_the_same_for_every_sample_and_differ_between_places(features):
    layer = LearnedPositions()
    positions = np.asarray(layer(features)) - features
    np.testing.assert_allclose(positions[0], positions[-1], atol=1e-5)
    np.testing.assert_allclose(positions[0], layer.embedding[0], atol=1e-5)
    assert 0.01 < np.asarray(layer.embedding).std() < 0.03
    assert layer.compute_output_shape(features.shape) == features.shape
