"""A 3D depthwise convolution is a correlation of each channel, at its edges too."""

import numpy as np
import pytest
from scipy import ndimage

from lungnet.layers.depthwise_convolution import DepthwiseConv3D


@pytest.mark.parametrize("size", [1, 3, 7])
def test_each_channel_is_correlated_with_its_own_kernel(size):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2, 5, 6, 4, 3)).astype(np.float32)
    layer = DepthwiseConv3D(size)
    layer.build(features.shape)
    kernel, bias = rng.normal(size=layer.kernel.shape), rng.normal(size=3)
    layer.set_weights([kernel, bias])
    found = np.asarray(layer(features))
    assert layer.compute_output_shape(features.shape) == found.shape == features.shape
    for sample in range(2):
        for channel in range(3):
            expected = ndimage.correlate(
                features[sample, ..., channel].astype(np.float64),
                kernel[..., channel, 0],
                mode="constant",
            )
            np.testing.assert_allclose(
                found[sample, ..., channel], expected + bias[channel], atol=1e-4
            )


def test_gradients_reach_kernel_bias_and_features(gradients):
    features = np.random.default_rng(1).normal(size=(1, 3, 3, 3, 2)).astype(np.float32)
    layer = DepthwiseConv3D(3)
    layer.build(features.shape)
    found = gradients(layer, features)
    assert len(found) == 3
    assert all(np.isfinite(gradient).all() and gradient.any() for gradient in found)


def test_it_is_rebuilt_from_its_config_and_refuses_an_even_size():
    config = DepthwiseConv3D(5, name="a").get_config()
    assert DepthwiseConv3D.from_config(config).get_config() == config
    with pytest.raises(ValueError, match="expected an odd number"):
        DepthwiseConv3D(4)
