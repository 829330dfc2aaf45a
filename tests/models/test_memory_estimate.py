"""The estimate of memory, counted by hand on small graphs."""

import keras
import pytest

from lungnet.config.training import OptimizerConfig
from lungnet.models.description.graph import layer_calls, one_sample
from lungnet.models.description.memory import estimate_memory, optimizer_slots
from lungnet.training.recipe.optimizer import build_optimizer


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"name": "sgd"},
        {"name": "sgd", "momentum": 0.0},
        {"average": 0.9},
        {"accumulate": 4},
        {"name": "sgd", "average": 0.9, "accumulate": 2},
    ],
    ids=str,
)
def test_the_slots_are_those_that_the_optimizer_makes(settings):
    config = OptimizerConfig(**settings)
    optimizer = build_optimizer(config, 10)
    weights = [keras.Variable([[0.0] * 5] * 3), keras.Variable([0.0] * 7)]
    optimizer.build(weights)
    shapes = [tuple(variable.shape) for variable in optimizer.variables]
    for weight in weights:
        assert shapes.count(tuple(weight.shape)) == optimizer_slots(config)


def estimate(outputs, inputs, slots=2, batch_size=10):
    network = keras.Model(inputs, outputs)
    calls = layer_calls(network, one_sample(network))
    return estimate_memory(network, calls, slots, batch_size)


def test_a_chain_keeps_two_maps_in_prediction_and_all_in_training():
    image = keras.Input((8,), dtype="int16", name="image")
    x = keras.layers.Dense(16, use_bias=False)(image)
    x = keras.layers.ReLU()(x)
    memory = estimate(keras.layers.Dense(1, use_bias=False)(x), image)
    weights = 4 * (8 * 16 + 16)
    # 8 numbers of 2 bytes, then 16, 16 and 1 of 4.
    assert memory.training == 4 * weights + 10 * (16 + 64 + 64 + 4)
    assert memory.prediction == weights + 10 * (64 + 64)


def test_what_a_later_layer_takes_stays_until_then():
    x = keras.Input((16,), name="image")
    long_way = keras.layers.ReLU()(keras.layers.ReLU()(x))
    memory = estimate(keras.layers.Add()([x, long_way]), x)
    # Input, result of the second, and their sum.
    assert memory.prediction == 10 * 3 * 64
    assert memory.training == 10 * 4 * 64


def test_a_view_takes_no_room_and_keeps_what_it_looks_at():
    x = keras.Input((16,), name="image")
    flat = keras.layers.Identity()(keras.layers.Reshape((4, 4))(keras.layers.ReLU()(x)))
    memory = estimate(keras.layers.ReLU()(flat), x)
    assert memory.training == 10 * 3 * 64
    assert memory.prediction == 10 * 2 * 64


def test_an_answer_stays_to_the_end():
    x = keras.Input((16,), name="image")
    early = keras.layers.ReLU()(x)
    late = keras.layers.ReLU()(keras.layers.ReLU()(x))
    assert estimate([early, late], x).prediction == 10 * 3 * 64


def test_moving_averages_have_neither_gradient_nor_slots():
    x = keras.Input((4,), name="image")
    memory = estimate(keras.layers.BatchNormalization()(x), x, batch_size=1)
    assert memory.training == 4 * (4 * 8 + 8) + 2 * 16
