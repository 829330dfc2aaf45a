"""What the batteries over the tables of layers share.

Keras is imported with the first test that needs it.
"""

import os
from contextlib import contextmanager

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHAPES = {"2D": (3, 6, 5, 16), "3D": (2, 4, 5, 6, 16)}


@pytest.fixture(params=sorted(SHAPES))
def features(request):
    """Float32 features (batch, [z,] y, x, channels), both signs, some far out."""
    return np.random.default_rng(3).normal(0, 2, SHAPES[request.param]).astype(np.float32)


@pytest.fixture(scope="session")
def precision():
    """`with precision("mixed_float16"):`, and back to what it was."""
    import keras

    @contextmanager
    def under(policy):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)

    return under


@pytest.fixture(scope="session")
def gradients():
    """`gradients(layer, *inputs)`.

    Of the sum of squares of the (first) output, by the first input and by the weights.
    """
    import tensorflow as tf

    def of(layer, first, *more):
        variable = tf.Variable(first)
        with tf.GradientTape() as tape:
            out = layer(variable, *more)
            out = out[0] if isinstance(out, tuple) else out
            loss = tf.reduce_sum(tf.square(tf.cast(out, tf.float32)))
        targets = [variable, *(weight.value for weight in layer.trainable_weights)]
        return [np.asarray(g) for g in tape.gradient(loss, targets) if g is not None]

    return of
