"""One battery over ACTIVATIONS, their closed forms, and the laws of the random ones."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.activations import ACTIVATIONS

NAMES = sorted(ACTIVATIONS)
RANDOM = {"rrelu", "rrelu_slope", "noisy_hard_tanh", "noisy_hard_sigmoid", "gaussian_noise"}
X = np.linspace(-6, 6, 2401, dtype=np.float32)[None, :, None]
X64 = X.astype(np.float64)

CLOSED_FORMS = {
    "sigmoid": 1 / (1 + np.exp(-X64)),
    "tanh": np.tanh(X64),
    "relu": np.maximum(X64, 0),
    "elu": np.where(X64 > 0, X64, np.expm1(X64)),
    "leaky_relu": np.where(X64 > 0, X64, X64 / 100),
    "very_leaky_relu": np.where(X64 > 0, X64, X64 / 5.5),
    "prelu": np.where(X64 > 0, X64, 0.25 * X64),
    "rrelu": np.where(X64 > 0, X64, X64 / 5.5),
    "rrelu_slope": np.where(X64 > 0, X64, X64 * (1 / 8 + 1 / 3) / 2),
    "gaussian_noise": X64,
    "selu": 1.0507009873554805 * np.where(X64 > 0, X64, 1.6732632423543772 * np.expm1(X64)),
    "gelu": X64 * 0.5 * (1 + np.vectorize(math.erf)(X64 / math.sqrt(2))),
    "silu": X64 / (1 + np.exp(-X64)),
    "mish": X64 * np.tanh(np.logaddexp(0, X64)),
}


def noisy(name, x, eps, alpha=1.15, c=1.0, p=1.0):
    """Algorithm 1 of arXiv:1603.00391, written out: scalar after scalar."""
    hard, linear = NOISY[name]
    out = np.empty(x.size)
    for i, (value, e) in enumerate(
        zip(x.ravel(), np.broadcast_to(eps, x.shape).ravel(), strict=True)
    ):
        delta = hard(value) - linear(value)
        direction = -math.copysign(1, value) * math.copysign(1, 1 - alpha) if value else 0.0
        sigma = c * (1 / (1 + math.exp(-p * delta)) - 0.5) ** 2
        out[i] = alpha * hard(value) + (1 - alpha) * linear(value) + direction * sigma * e
    return out.reshape(x.shape)


NOISY = {
    "noisy_hard_tanh": (lambda v: min(1.0, max(-1.0, v)), lambda v: v),
    "noisy_hard_sigmoid": (lambda v: min(1.0, max(0.0, v / 4 + 0.5)), lambda v: v / 4 + 0.5),
}


def test_the_table_holds_the_activations_of_the_contract():
    contract = (
        "sigmoid tanh relu elu leaky_relu very_leaky_relu prelu rrelu rrelu_slope noisy_hard_tanh "
        "noisy_hard_sigmoid gaussian_noise"
    )
    assert (
        set(NAMES) == {*contract.split(), "selu", "gelu", "silu", "mish"} == {*CLOSED_FORMS, *NOISY}
    )


@pytest.mark.parametrize("name", NAMES)
def test_shape_is_kept_and_test_mode_is_deterministic(name, features):
    layer = ACTIVATIONS[name]()
    first = np.asarray(layer(features, training=False))
    assert first.shape == features.shape
    assert layer.compute_output_shape(features.shape) == features.shape
    assert_array_equal(first, np.asarray(layer(features, training=False)))
    assert np.isfinite(first).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_is_rebuilt_from_its_config(name, features):
    layer = ACTIVATIONS[name](name="mine")
    expected = np.asarray(layer(features))
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert again.name == "mine"
    assert_array_equal(np.asarray(again(features)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_random_ones_are_random_in_training_only_and_follow_their_seed(name, features):
    options = {"seed": 5} if name in RANDOM else {}
    layers = [ACTIVATIONS[name](**options) for _ in range(2)]
    draws = [[np.asarray(layer(features, training=True)) for _ in range(2)] for layer in layers]
    assert_array_equal(draws[0][0], draws[1][0])
    assert_array_equal(draws[0][1], draws[1][1])
    assert (draws[0][0] != draws[0][1]).any() == (name in RANDOM)
    if name in RANDOM:
        other = np.asarray(ACTIVATIONS[name](seed=6)(features, training=True))
        assert (other != draws[0][0]).any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_half_precision_stays_finite_even_far_out(name, training, precision):
    with precision("mixed_float16"):
        layer = ACTIVATIONS[name]()
        x = np.array([[-3e4, -100, -1, -1e-4, 0, 1e-4, 1, 100, 3e4]] * 4, np.float16)
        y = np.asarray(layer(x, training=training))
    assert y.dtype == np.float16
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite(name, features, gradients):
    layer = ACTIVATIONS[name]()
    layer.build(features.shape)
    features[0] = 0.0
    features[1] *= 50
    found = gradients(layer, features)
    assert len(found) == 1 + len(layer.trainable_weights)
    assert all(np.isfinite(gradient).all() for gradient in found)
    assert any(gradient.any() for gradient in found)


@pytest.mark.parametrize("name", sorted(CLOSED_FORMS))
def test_values_are_those_of_the_closed_form(name):
    got = np.asarray(ACTIVATIONS[name]()(X, training=False), np.float64)
    assert_allclose(got, CLOSED_FORMS[name], rtol=5e-7, atol=1e-6)


def test_the_gradient_of_mish_is_exact_where_tanh_rounds_to_one():
    import tensorflow as tf

    x = tf.Variable(np.linspace(4, 8, 801), dtype=tf.float32)
    with tf.GradientTape() as tape:
        y = ACTIVATIONS["mish"]()(x)
    exact = np.asarray(x, np.float64)
    tangent, sigmoid = np.tanh(np.logaddexp(0, exact)), 1 / (1 + np.exp(-exact))
    expected = tangent + exact * (1 - tangent**2) * sigmoid
    assert_allclose(tape.gradient(y, x), expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("name", sorted(NOISY))
@pytest.mark.parametrize("options", [{}, {"alpha": 0.9, "c": 0.5}])
def test_noisy_ones_at_test_are_the_papers_mean(name, options):
    expected = noisy(name, X64, math.sqrt(2 / math.pi), **options)
    assert_allclose(
        np.asarray(ACTIVATIONS[name](**options)(X, training=False), np.float64),
        expected,
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.parametrize("name", sorted(NOISY))
def test_noisy_ones_in_training_are_the_papers_formula_on_the_layers_own_draws(name):
    import keras

    layer = ACTIVATIONS[name](seed=11)
    layer.build(X.shape)
    layer.p.assign([0.7])
    eps = np.abs(
        np.asarray(keras.random.normal(X.shape, seed=keras.random.SeedGenerator(11)), np.float64)
    )
    expected = noisy(name, X64, eps, p=float(np.float32(0.7)))
    assert_allclose(np.asarray(layer(X, training=True), np.float64), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", sorted(NOISY))
def test_noise_lies_where_the_unit_saturates_and_leans_back(name):
    layer = ACTIVATIONS[name](seed=1)
    y = np.asarray(layer(X, training=True))
    edge = 1 if name == "noisy_hard_tanh" else 2
    inner = np.abs(X) <= edge
    assert_allclose(y[inner], X64[inner] if edge == 1 else X64[inner] / 4 + 0.5, atol=1e-6)
    without = np.asarray(ACTIVATIONS[name](c=0.0)(X, training=True))
    outer = np.abs(X) > edge + 0.1
    # alpha is above 1, so sgn(1 - alpha) is negative: the noise points away from zero, against the
    # lean of (1 - alpha) u(x).
    assert (np.sign(y - without)[outer] == np.sign(X)[outer]).mean() > 0.99


@pytest.mark.parametrize(
    ("name", "mean", "second"),
    [
        ("rrelu", math.log(8 / 3) / 5, (1 / 3 - 1 / 8) / 5),  # of 1 / a, a in U(3, 8)
        ("rrelu_slope", (1 / 8 + 1 / 3) / 2, ((1 / 3) ** 3 - (1 / 8) ** 3) / (3 * (1 / 3 - 1 / 8))),
    ],
)
def test_random_slopes_follow_their_law(name, mean, second):
    n = 200_000
    y = -np.asarray(
        ACTIVATIONS[name](seed=2)(-np.ones((1, n), np.float32), training=True), np.float64
    )
    sd = math.sqrt(second - mean**2)
    assert abs(y.mean() - mean) < 5 * sd / math.sqrt(n)
    assert abs(y.std() - sd) < 0.01 * sd
    assert y.min() >= 1 / 8 - 1e-6
    assert y.max() <= 1 / 3 + 1e-6
    positive = np.abs(X) + 1
    assert_array_equal(np.asarray(ACTIVATIONS[name]()(positive, training=True)), positive)


@pytest.mark.parametrize("options", [{"low": 0}, {"low": 5, "high": 4}, {"low": -1, "high": 2}])
@pytest.mark.parametrize("name", ["rrelu", "rrelu_slope"])
def test_impossible_slopes_are_refused(name, options):
    with pytest.raises(ValueError, match="expected 0 < low <= high"):
        ACTIVATIONS[name](**{"high": 9, **options})


def test_prelu_learns_a_slope_for_each_channel_or_one_in_all(features):
    channels = features.shape[-1]
    each, one = ACTIVATIONS["prelu"](), ACTIVATIONS["prelu"](per_channel=False, start=0.1)
    each.build(features.shape)
    one.build(features.shape)
    assert each.count_params() == channels
    assert one.count_params() == 1
    each.alpha.assign(np.arange(channels, dtype=np.float32).reshape(each.alpha.shape))
    assert_allclose(
        np.asarray(each(features)),
        np.where(features > 0, features, features * np.arange(channels)),
        rtol=1e-6,
    )
    assert_allclose(
        np.asarray(one(features)),
        np.where(features > 0, features, features * np.float32(0.1)),
        rtol=1e-6,
    )
