"""What a nodule network tells beside malignancy has its shape, and learns what it is held to."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import ARCHITECTURE_LENGTHS, architecture_case

from lungnet.config.model import ATTRIBUTES, InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.models.architectures import ARCHITECTURES
from lungnet.models.build import build_model
from lungnet.models.heads import HEADS
from lungnet.training.recipe.losses import HEAD_LOSSES

SIZES = {"2D": (16, 20), "3D": (8, 16, 12)}


def images(size, n=2):
    return np.random.default_rng(1).integers(-1024, 400, (n, *size), np.int16)


def has_outline(architecture, dimensions):
    """Whether it takes the dimensions, and its maps lie on the crop's grid."""
    config, row = ModelConfig(architecture=architecture), ARCHITECTURES[architecture]
    multiples = row.outline_multiples
    on_the_grid = multiples is None or multiples(config, dimensions) is not None
    return dimensions in row.dimensions and on_the_grid


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
@pytest.mark.parametrize("dimension", SIZES)
@pytest.mark.parametrize("channels", [(3,), (3, 4, 5)])
def test_every_head_has_its_shape_in_every_dimension(architecture, dimension, channels):
    if not has_outline(architecture, int(dimension[0])):
        pytest.skip(f"{architecture} draws no outline in {dimension}")
    settings, shown = architecture_case(
        architecture, dimension, channels=channels, heads=tuple(HEADS)
    )
    if architecture not in ARCHITECTURE_LENGTHS:
        shown = InputConfig(kind="nodule", size=SIZES[dimension])
    size = shown.size
    outputs = build_model(settings, shown)({"image": images(size)})
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {
        "logit": (2, 1),
        "attributes": (2, len(ATTRIBUTES)),
        "diameter": (2, 1),
        "outline": (2, *size),
    }


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"channels": (3, 4), "stem_stride": 2}, (16, 16)),
        ({"channels": (3, 4)}, (16, 17)),
        ({"channels": (3, 4, 5)}, (8, 12, 10)),
        ({"channels": (3, 4), "pooling": {"name": "max", "options": {"stride": 3}}}, (9, 16)),
    ],
)
def test_an_outline_that_could_not_be_as_large_as_the_crop_is_refused(settings, size):
    shown = InputConfig(kind="nodule", size=size)
    build_model(ModelConfig(**settings), shown)
    with pytest.raises(ChoiceError, match="drawn on the crop's own grid") as caught:
        build_model(ModelConfig(**settings, heads=("outline",)), shown)
    assert caught.value.key == "model.heads"


def test_an_outline_of_a_network_that_keeps_its_resolution_takes_any_size():
    config = ModelConfig(channels=(3, 4), heads=("outline",), pooling="none")
    outputs = build_model(config, InputConfig(kind="nodule", size=(9, 11)))(
        {"image": images((9, 11))}
    )
    assert outputs["outline"].shape == (2, 9, 11)


def test_an_outline_is_enlarged_by_the_stride_of_the_pooling():
    pooling = {"name": "average", "options": {"window": 4, "stride": 3}}
    config = ModelConfig(channels=(3, 4), heads=("outline",), pooling=pooling)
    outputs = build_model(config, InputConfig(kind="nodule", size=(9, 12)))(
        {"image": images((9, 12))}
    )
    assert outputs["outline"].shape == (2, 9, 12)


def test_only_the_heads_that_are_asked_for_are_built():
    shown = InputConfig(kind="nodule", size=(8, 8))
    plain, one = (
        build_model(ModelConfig(channels=(3, 4), heads=heads), shown)
        for heads in ((), ("outline",))
    )
    assert set(plain.output) == {"logit"}
    assert set(one.output) == {"logit", "outline"}
    assert not any("outline" in weight.path for weight in plain.weights)


def test_every_head_has_a_loss():
    assert HEADS.keys() | {"ratings"} == HEAD_LOSSES.keys()


@pytest.mark.parametrize("output", ["softmax", "ordinal"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_logit_is_that_of_a_rating_above_3(output, size):
    config = ModelConfig(channels=(3,), output=output, heads=("diameter",))
    network = build_model(config, InputConfig(kind="nodule", size=size))
    outputs = {name: np.asarray(y) for name, y in network({"image": images(size)}).items()}
    assert outputs.keys() == {"logit", "ratings", "diameter"}
    shares = np.exp(outputs["ratings"])
    assert shares.shape == (2, 5)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    above, rest = shares[:, 3:].sum(1), shares[:, :3].sum(1)
    np.testing.assert_allclose(outputs["logit"][:, 0], np.log(above / rest), atol=1e-4)


def test_an_output_that_is_none_and_one_of_a_bag_name_their_key():
    with pytest.raises(ChoiceError, match=r"did you mean ordinal\?") as caught:
        build_model(ModelConfig(output="ordnal"), InputConfig(kind="nodule", size=(16, 16)))
    assert caught.value.key == "model.output.name"
    with pytest.raises(ChoiceError, match="is for nodules, not for a bag") as caught:
        build_model(ModelConfig(output="softmax"), InputConfig(kind="bag", size=(16, 16, 16)))
    assert caught.value.key == "model.output"


def test_an_untrained_diameter_is_that_of_a_usual_nodule():
    keras.utils.set_random_seed(1)
    config = ModelConfig(channels=(3,), heads=("diameter",))
    network = build_model(config, InputConfig(kind="nodule", size=(8, 8)))
    logarithm = network({"image": np.zeros((1, 8, 8), np.int16)})["diameter"]
    assert 3 < np.exp(logarithm).item() < 20


@pytest.mark.parametrize("head", sorted(HEADS))
def test_a_head_sends_gradients_into_the_encoder(head):
    """A head is there to teach the features that malignancy shares."""
    config = ModelConfig(channels=(3, 4), heads=(head,))
    network = build_model(config, InputConfig(kind="nodule", size=(8, 8)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(network({"image": images((8, 8))}, training=True)[head]))
    first = next(v for v in network.trainable_variables if v.path.endswith("block1_conv/kernel"))
    assert np.abs(np.asarray(tape.gradient(loss, first.value))).max() > 0
