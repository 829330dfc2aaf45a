"""The symmetries are a group, and a network averaged over them does not know which way is up."""

import itertools

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.config.model import InputConfig, ModelConfig
from lungnet.models.build import build_model
from lungnet.models.symmetries import averaged_over_symmetries, symmetries

COUNTS = {(2, "flips"): 4, (2, "all"): 8, (3, "flips"): 8, (3, "all"): 48}


def moved(image, symmetry):
    order, mirrored = symmetry
    return np.flip(image.transpose(order), mirrored)


def network_of(size, heads=("outline", "attributes"), **shown):
    config = ModelConfig(channels=(3, 4), heads=heads, norm="none")
    network = build_model(config, InputConfig(kind="nodule", size=size, **shown))
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(0, 1, variable.shape))
    return network


def images(size, n=3):
    """Noise, brighter towards the end of each axis, by unlike steps."""
    slope = sum(step * axis for step, axis in zip((90, 40, 10), np.indices(size), strict=False))
    noise = np.random.default_rng(1).integers(-1000, -500, (n, *size))
    return (noise + slope).astype(np.int16)


@pytest.mark.parametrize(("dimensions", "kind"), COUNTS, ids=str)
def test_they_are_a_group_that_begins_with_the_identity(dimensions, kind):
    elements = symmetries(dimensions, kind)
    numbers = np.arange(3**dimensions).reshape((3,) * dimensions)
    images_of = [moved(numbers, element).tobytes() for element in elements]
    assert len(set(images_of)) == len(elements) == COUNTS[dimensions, kind]
    assert images_of[0] == numbers.tobytes()
    for first, second in itertools.product(elements, repeat=2):
        assert moved(moved(numbers, first), second).tobytes() in images_of
    for element in elements:
        assert any(
            moved(moved(numbers, element), other).tobytes() == images_of[0] for other in elements
        )


@pytest.mark.parametrize(
    ("size", "kind"),
    [((8, 8), "all"), ((8, 10), "flips"), ((8, 8, 8), "all"), ((8, 10, 8), "flips")],
)
def test_the_answer_is_the_mean_by_hand_and_invariant_and_an_outline_moves_along(size, kind):
    network = network_of(size)
    averaged = averaged_over_symmetries(network, kind)
    x = images(size)
    answers = averaged.predict({"image": x}, verbose=0)
    elements = symmetries(len(size), kind)
    sums = dict.fromkeys(answers, 0.0)
    for element in elements:
        shown = np.stack([moved(image, element) for image in x])
        by_hand = network.predict({"image": shown}, verbose=0)
        order, mirrored = element
        by_hand["outline"] = np.stack(
            [np.flip(o, mirrored).transpose(np.argsort(order)) for o in by_hand["outline"]]
        )
        for name, value in by_hand.items():
            sums[name] = sums[name] + value / len(elements)
    for name, value in answers.items():
        assert_allclose(value, sums[name], rtol=1e-4, atol=1e-5, err_msg=name)
    for element in elements[1 :: max(1, len(elements) // 6)]:
        turned = averaged.predict(
            {"image": np.stack([moved(image, element) for image in x])}, verbose=0
        )
        for name, value in answers.items():
            expected = (
                np.stack([moved(outline, element) for outline in value])
                if name == "outline"
                else value
            )
            assert_allclose(turned[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_network_alone_is_not_invariant_so_that_these_tests_say_something():
    network, x = network_of((8, 8)), images((8, 8))
    turned = network.predict({"image": x[:, ::-1]}, verbose=0)["logit"]
    assert np.abs(turned - network.predict({"image": x}, verbose=0)["logit"]).max() > 1e-2


def test_numbers_beside_the_image_stay_with_their_image():
    network = network_of((8, 8), scalars=["age"])
    x, scalars = images((8, 8)), np.array([[1.0], [np.nan], [-2.0]], np.float32)
    averaged = averaged_over_symmetries(network, "all")
    together = averaged.predict({"image": x, "scalars": scalars}, verbose=0)["logit"]
    alone = [
        averaged.predict({"image": x[i : i + 1], "scalars": scalars[i : i + 1]}, verbose=0)["logit"]
        for i in range(3)
    ]
    assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-5)
    by_hand = [
        network.predict(
            {"image": np.stack([moved(image, s) for image in x]), "scalars": scalars}, verbose=0
        )["logit"]
        for s in symmetries(2, "all")
    ]
    assert_allclose(together, np.mean(by_hand, 0), rtol=1e-4, atol=1e-5)


def test_inputs_outputs_and_weights_are_the_networks_own():
    network = network_of((8, 8), scalars=["age"])
    averaged = averaged_over_symmetries(network, "all")
    assert isinstance(averaged, keras.Model)
    assert {t.name: (t.shape, t.dtype) for t in averaged.inputs} == {
        t.name: (t.shape, t.dtype) for t in network.inputs
    }
    assert {name: value.shape for name, value in averaged.output.items()} == {
        name: value.shape for name, value in network.output.items()
    }
    assert [id(weight) for weight in averaged.weights] == [id(weight) for weight in network.weights]


def test_axes_of_unlike_length_are_not_exchanged():
    network = network_of((8, 10))
    x = images((8, 10))
    flips = averaged_over_symmetries(network, "flips").predict({"image": x}, verbose=0)
    assert_array_equal(flips["outline"].shape, x.shape)
