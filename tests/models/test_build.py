"""Every architecture, dimension and kind of input gives a logit.

What cannot be built is told with its key.
"""

import numpy as np
import pytest
from small_networks import ARCHITECTURE_LENGTHS, HALVED_BY_POOLING, architecture_case

from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.layers import ACTIVATIONS, BAG_POOLINGS, NORMS, POOLINGS
from lungnet.models.architectures import ARCHITECTURES
from lungnet.models.build import build_model

SHOWN = {
    "nodule 2D": InputConfig(kind="nodule", size=(8, 9)),
    "nodule 3D": InputConfig(kind="nodule", size=(8, 9, 10)),
    "volume": InputConfig(kind="volume", size=(8, 9, 10)),
    "bag": InputConfig(kind="bag", size=(8, 9, 8), candidates=3),
}


def some_inputs(shown, n=2):
    rng = np.random.default_rng(1)
    bag = (shown.candidates,) if shown.kind == "bag" else ()
    inputs = {"image": rng.integers(-1024, 400, (n, *bag, *shown.size), np.int16)}
    if shown.positions:
        inputs["positions"] = rng.normal(0, 50, (n, *bag, 3)).astype(np.float32)
    return inputs | ({"present": np.ones((n, *bag), np.float32)} if bag else {})


def config(**settings):
    return ModelConfig(**{"channels": (4, 8), **settings})


def small_network(architecture, kind, **settings):
    """Settings and an input that the architecture takes."""
    shown = SHOWN[kind]
    dimensions = len(shown.size)
    if dimensions not in ARCHITECTURES[architecture].dimensions:
        pytest.skip(f"{architecture} is not for {dimensions}D")
    small, large_enough = architecture_case(architecture, f"{dimensions}D", **settings)
    if architecture in ARCHITECTURE_LENGTHS:
        shown = shown.model_copy(update={"size": large_enough.size})
    return small, shown


@pytest.mark.parametrize("kind", sorted(SHOWN))
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_gives_a_logit_for_every_input(architecture, kind):
    settings, shown = small_network(architecture, kind, stem_stride=2, hidden=(5,), dropout=0.5)
    network = build_model(settings, shown)
    outputs = network(some_inputs(shown), training=False)
    assert set(outputs) == ({"logit", "weights"} if shown.kind == "bag" else {"logit"})
    assert outputs["logit"].shape == (2, 1)
    assert np.isfinite(outputs["logit"]).all()
    if shown.kind == "bag":
        assert outputs["weights"].shape == (2, 3)
    assert {tensor.name: tensor.dtype for tensor in network.inputs}["image"] == "int16"


@pytest.mark.parametrize(
    ("table", "field", "options"),
    [
        (ACTIVATIONS, "activation", {}),
        (NORMS, "norm", {"group": {"groups": 4}}),
        (POOLINGS, "pooling", {}),
        (BAG_POOLINGS, "bag_pooling", {}),
    ],
)
def test_every_row_of_every_table_builds_in_a_network(table, field, options):
    for name in table:
        takes_positions = getattr(table[name], "takes_positions", False)
        shown = SHOWN["bag"].model_copy(update={"positions": takes_positions})
        network = build_model(
            config(**{field: {"name": name, "options": options.get(name, {})}}), shown
        )
        assert np.isfinite(network(some_inputs(shown))["logit"]).all(), name


@pytest.mark.parametrize(("name", "given"), [("self_attention", False), ("attention", True)])
def test_positions_are_shown_where_the_bag_pooling_takes_them_and_only_there(name, given):
    shown = SHOWN["bag"].model_copy(update={"positions": given})
    with pytest.raises(ChoiceError, match=rf"expected .* for model.bag_pooling {name}$") as caught:
        build_model(config(bag_pooling=name), shown)
    assert caught.value.key == "input.positions"


def test_positions_are_those_of_bags():
    with pytest.raises(ValueError, match="a volume has none"):
        InputConfig(kind="volume", size=(8, 8, 8), positions=True)


def test_the_encoder_is_shared_by_the_candidates_and_their_order_does_not_matter():
    shown = SHOWN["bag"]
    network = build_model(config(), shown)
    inputs = some_inputs(shown)
    turned = {name: value[:, ::-1] for name, value in inputs.items()}
    first, second = network(inputs), network(turned)
    np.testing.assert_allclose(first["logit"], second["logit"], atol=1e-5)
    np.testing.assert_allclose(first["weights"], np.asarray(second["weights"])[:, ::-1], atol=1e-6)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
@pytest.mark.parametrize("kind", ["bag", "nodule 2D"])
def test_a_second_network_in_one_process_has_the_same_paths(architecture, kind):
    case = small_network(architecture, kind, hidden=(4,), activation="prelu")
    first, second = (build_model(*case) for _ in range(2))
    assert [v.path for v in first.weights] == [v.path for v in second.weights]
    assert len({v.path for v in first.weights}) == len(first.weights)


def test_the_window_is_part_of_the_network():
    shown = SHOWN["nodule 2D"]
    network = build_model(config(), shown)
    inputs = some_inputs(shown)
    clipped = {"image": np.where(inputs["image"] < -1000, np.int16(-3000), inputs["image"])}
    np.testing.assert_array_equal(network(inputs)["logit"], network(clipped)["logit"])


@pytest.mark.parametrize("kind", sorted(SHOWN))
def test_channels_are_the_windows_and_the_distance(kind):
    def kernel(**more):
        shown = InputConfig.model_validate(SHOWN[kind].model_dump() | more)
        network = build_model(config(), shown)
        assert np.isfinite(network(some_inputs(shown))["logit"]).all()
        return next(weight for weight in network.weights if weight.path.endswith("conv/kernel"))

    windows = [[-1000, 400], [-160, 1200]]
    assert kernel().shape[-2] == 1
    assert kernel(windows_hu=windows).shape[-2] == 2
    assert kernel(windows_hu=windows, centre_distance=True).shape[-2] == 3


@pytest.mark.parametrize("kind", sorted(SHOWN))
def test_numbers_beside_the_image_move_the_answer_and_may_be_missing(kind):
    shown = InputConfig.model_validate(SHOWN[kind].model_dump() | {"scalars": ["age", "size"]})
    network = build_model(config(), shown)
    inputs = some_inputs(shown) | {"scalars": np.array([[1, 2], [1, 2]], np.float32)}
    inputs["image"][1] = inputs["image"][0]
    first, second = np.asarray(network(inputs)["logit"])[:, 0]
    assert first == pytest.approx(second, abs=1e-5)
    inputs["scalars"][1] = 3, np.nan
    first, second = np.asarray(network(inputs)["logit"])[:, 0]
    assert np.isfinite([first, second]).all()
    assert abs(first - second) > 1e-3


def test_a_convolution_has_a_bias_only_without_a_norm():
    def biases(norm):
        network = build_model(config(norm=norm), SHOWN["nodule 2D"])
        return sum("conv" in weight.path and weight.name == "bias" for weight in network.weights)

    assert biases("batch") == 0
    assert biases("none") == 2


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"architecture": "resnett"}, "model.architecture", "did you mean resnet?"),
        ({"activation": "preluu"}, "model.activation.name", "did you mean prelu?"),
        ({"norm": "bach"}, "model.norm.name", "did you mean batch?"),
        ({"pooling": "maxx"}, "model.pooling.name", "did you mean max?"),
        ({"bag_pooling": "noisyor"}, "model.bag_pooling.name", "did you mean noisy_or?"),
        ({"activation": "xyzzy"}, "model.activation.name", "expected one of"),
        (
            {"activation": {"name": "rrelu", "options": {"lo": 3}}},
            "model.activation.options",
            "do not fit rrelu",
        ),
        (
            {"activation": {"name": "rrelu", "options": {"low": 9}}},
            "model.activation.options",
            "expected 0 < low <= high",
        ),
        (
            {"activation": {"name": "tanh", "options": {"activation": "relu"}}},
            "model.activation.options",
            "do not fit tanh",
        ),
        (
            {"norm": {"name": "none", "options": {"groups": 4}}},
            "model.norm.options",
            "do not fit none",
        ),
        (
            {"pooling": {"name": "max", "options": {"size": 3}}},
            "model.pooling.options",
            "do not fit max",
        ),
        (
            {"pooling": {"name": "none", "options": {"stride": 3}}},
            "model.pooling.options",
            "do not fit none",
        ),
        (
            {"pooling": {"name": "average", "options": {"stride": 0}}},
            "model.pooling.options",
            "stride is 0; expected a whole number from 1",
        ),
        (
            {"bag_pooling": {"name": "attention", "options": {"width": 3}}},
            "model.bag_pooling.options",
            "do not fit attention",
        ),
        ({"norm": {"name": "group", "options": {"groups": 3}}}, "model", "cannot be built"),
        ({"heads": ["outline"]}, "model.heads", "is for nodules, not for a bag"),
        ({"test_symmetries": "flips"}, "model.test_symmetries", "is for nodules, not for a bag"),
        (
            {"norm": {"name": "batch", "options": {"name": "a"}}},
            "model.norm.options",
            "do not fit batch",
        ),
        (
            {"activation": {"name": "prelu", "options": {"start": "steep"}}},
            "model.activation.options",
            "do not fit prelu",
        ),
    ],
)
def test_a_wrong_choice_names_its_key_and_what_is_near(settings, key, words):
    with pytest.raises(ChoiceError, match=r".") as caught:
        build_model(config(**settings), SHOWN["bag"])
    assert caught.value.key == key
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_head_that_is_none_names_its_key_and_the_nearest():
    with pytest.raises(ChoiceError, match=r"did you mean outline\?") as caught:
        build_model(config(heads=["outlin"]), SHOWN["nodule 2D"])
    assert caught.value.key == "model.heads"


@pytest.mark.parametrize(
    ("settings", "is_refused"),
    [
        ({"channels": (2, 2, 2, 2)}, False),
        ({"channels": (2, 2, 2, 2, 2)}, True),
        ({"channels": (2, 2, 2, 2), "stem_stride": 2}, True),
        ({"channels": (2,) * 8, "pooling": "none"}, False),
    ],
)
def test_an_input_too_small_for_its_stages_is_refused(settings, is_refused):
    if not is_refused:
        assert build_model(ModelConfig(**settings), SHOWN["nodule 2D"]).count_params() > 0
        return
    with pytest.raises(ChoiceError, match="at least 16 voxels") as caught:
        build_model(ModelConfig(**settings), SHOWN["nodule 2D"])
    assert caught.value.key == "input.size"


@pytest.mark.parametrize("architecture", HALVED_BY_POOLING)
@pytest.mark.parametrize(("stride", "least"), [(1, 1), (3, 9), (4, 16), (7, 49)])
def test_the_least_size_follows_from_the_stride_of_the_pooling(architecture, stride, least):
    options = {"name": "average", "options": {"window": 3, "stride": stride}}
    settings = {"architecture": architecture, "channels": (2, 2, 2), "pooling": options}
    least = max(least, 8)
    shown = InputConfig(kind="nodule", size=(least, least + 1))
    assert np.isfinite(
        build_model(ModelConfig(**settings), shown)(some_inputs(shown))["logit"]
    ).all()
    if least > 8:
        with pytest.raises(ChoiceError, match=f"at least {least} voxels"):
            build_model(
                ModelConfig(**settings), InputConfig(kind="nodule", size=(least - 1, least))
            )
