"""Sizes by formula are the sizes that come out when the layer runs."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lungnet.layers.sizes import convolution_size, pooling_size, transposed_convolution_size

LAYERS = {
    (2, False): keras.layers.Conv2D,
    (3, False): keras.layers.Conv3D,
    (2, True): keras.layers.Conv2DTranspose,
    (3, True): keras.layers.Conv3DTranspose,
}


@settings(max_examples=80, deadline=None)
@given(
    dimensions=st.sampled_from([2, 3]),
    is_transposed=st.booleans(),
    length=st.integers(1, 9),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
)
def test_a_convolution_leaves_what_the_formula_says(dimensions, is_transposed, length, **settings):
    kernel, stride, dilation = (settings[name] for name in ("kernel", "stride", "dilation"))
    padding = settings["padding"]
    assume(stride == 1 or dilation == 1)  # Keras has no such layer
    formula = transposed_convolution_size if is_transposed else convolution_size
    lengths = (length, length + 2, length + 1)[:dimensions]
    expected = tuple(formula(n, kernel, stride, padding, dilation) for n in lengths)
    layer = LAYERS[dimensions, is_transposed](
        2, kernel, strides=stride, padding=padding, dilation_rate=dilation
    )
    x = np.ones((1, *lengths, 1), np.float32)
    if 0 in expected:
        with pytest.raises(ValueError, match=r"empty output|negative|<= 0"):
            layer(x)
    else:
        assert layer(x).shape == (1, *expected, 2)


@settings(max_examples=20, deadline=None)
@given(length=st.integers(1, 12), window=st.integers(1, 5), stride=st.integers(1, 5))
def test_a_pooling_leaves_what_the_formula_says(length, window, stride):
    layer = keras.layers.MaxPooling2D(window, strides=stride, padding="same")
    y = layer(np.ones((1, length, length + 1, 1), np.float32))
    assert y.shape[1:-1] == (pooling_size(length, stride), pooling_size(length + 1, stride))
