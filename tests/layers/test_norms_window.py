"""One battery over NORMS; the window of HU against its formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.layers.hu_window import HUWindows
from lungnet.layers.norms import NORMS


@pytest.mark.parametrize("name", sorted(NORMS))
def test_a_norm_keeps_the_shape_is_rebuilt_and_deterministic(name, features):
    layer = NORMS[name]()
    first = np.asarray(layer(features, training=False))
    assert first.shape == features.shape
    again = type(layer).from_config(layer.get_config())
    assert_array_equal(np.asarray(again(features, training=False)), first)
    assert_array_equal(np.asarray(layer(features, training=False)), first)


@pytest.mark.parametrize("name", sorted(NORMS))
def test_a_norm_is_finite_in_half_precision_and_has_finite_gradients(
    name, features, precision, gradients
):
    layer = NORMS[name]()
    layer.build(features.shape)
    features[0] = 0.0
    assert all(np.isfinite(gradient).all() for gradient in gradients(layer, features))
    with precision("mixed_float16"):
        assert np.isfinite(
            np.asarray(NORMS[name]()((features * 1000).astype(np.float16), training=True))
        ).all()


@pytest.mark.parametrize(
    ("name", "axes"),
    [("batch", (0, "space")), ("group", ("space", "group")), ("layer", ("channel",))],
)
def test_a_norm_brings_its_own_groups_to_mean_0_and_deviation_1(name, axes, features):
    y = np.asarray(NORMS[name]()(features * 3 + 5, training=True), np.float64)
    space = tuple(range(1, y.ndim - 1))
    if name == "group":
        y = y.reshape(*y.shape[:-1], 8, -1)
    over = {"batch": (0, *space), "group": (*space, y.ndim - 1), "layer": (y.ndim - 1,)}[name]
    assert_allclose(y.mean(over), 0, atol=1e-4)
    assert_allclose(y.std(over), 1, atol=1e-3)


def test_group_norm_takes_the_number_of_groups(features):
    assert NORMS["group"](groups=4).groups == 4
    assert NORMS["batch"](momentum=0.9).momentum == 0.9


def test_the_window_is_its_formula_and_clips():
    hu = np.array([[-32768, -1024, -1000, -300, 0, 399, 400, 3000, 32767]], np.int16)
    expected = 2 * (np.clip(hu, -1000, 400) + 1000.0) / 1400 - 1
    layer = HUWindows([(-1000, 400)])
    y = np.asarray(layer(hu))
    assert y.dtype == np.float32
    assert y.shape == (*hu.shape, 1)
    assert_allclose(y[..., 0], expected, atol=1e-6)
    assert HUWindows.from_config(layer.get_config()).get_config() == layer.get_config()


def test_several_windows_are_channels_in_their_order():
    hu = np.random.default_rng(0).integers(-2000, 2000, (2, 5, 6), np.int16)
    windows = [(-1000, 400), (-160, 1200), (0, 1)]
    layer = HUWindows(windows)
    y = np.asarray(layer(hu))
    assert y.shape == (2, 5, 6, 3) == layer.compute_output_spec(hu).shape
    for channel, window in enumerate(windows):
        assert_array_equal(y[..., channel], np.asarray(HUWindows([window])(hu))[..., 0])
    again = HUWindows.from_config(layer.get_config())
    assert_array_equal(np.asarray(again(hu)), y)


def test_the_window_keeps_a_hounsfield_unit_or_two_in_half_precision(precision):
    with precision("mixed_float16"):
        y = np.asarray(HUWindows([(-1000, 400)])(np.arange(-1000, 401, dtype=np.int16)[None]))
    assert y.dtype == np.float16
    assert_allclose(y[0, :, 0], np.linspace(-1, 1, 1401), atol=2 * 2 / 1400)
