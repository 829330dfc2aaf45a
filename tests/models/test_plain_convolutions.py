"""The convolution's settings: what is built, its sizes by formula, what is refused."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungnet.config.load import load_experiment
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError, ConfigError
from lungnet.models.architectures import LayerFactory, plain
from lungnet.models.build import build_model
from lungnet.models.input_sizes import stage_sizes

CONVOLUTIONS = st.fixed_dictionaries(
    {
        "kernel": st.integers(1, 5),
        "stride": st.integers(1, 3),
        "padding": st.sampled_from(["same", "valid"]),
        "transposed": st.booleans(),
    }
) | st.fixed_dictionaries(
    {
        "kernel": st.integers(1, 4),
        "dilation": st.integers(1, 3),
        "padding": st.sampled_from(["same", "valid"]),
        "transposed": st.booleans(),
    }
)


def stages_of(config, size):
    x = keras.Input((*size, 1))
    return plain(x, config, LayerFactory(config, len(size)))


def network(size, **settings):
    config = ModelConfig(**{"channels": (4, 8), **settings})
    return build_model(config, InputConfig(kind="nodule", size=size))


def convolutions_of(network):
    layers = network.get_layer("encoder").layers
    return [layer for layer in layers if layer.name.endswith("_conv")]


@settings(max_examples=40, deadline=None)
@given(
    convolution=CONVOLUTIONS,
    blocks=st.integers(1, 2),
    pooling_stride=st.integers(1, 3),
    size=st.lists(st.integers(8, 30), min_size=2, max_size=3),
)
def test_maps_have_the_sizes_that_the_formula_says(convolution, blocks, pooling_stride, size):
    config = ModelConfig(
        channels=(2, 2),
        blocks=blocks,
        convolution=convolution,
        pooling={"name": "average", "options": {"stride": pooling_stride}},
    )
    expected = zip(*(stage_sizes(config, length) for length in size), strict=True)
    if any(0 in stage_sizes(config, length) for length in size):
        with pytest.raises(ValueError, match=r"."):
            stages_of(config, size)
        return
    assert [stage.shape[1:-1] for stage in stages_of(config, size)] == list(expected)


@settings(max_examples=40, deadline=None)
@given(convolution=CONVOLUTIONS, blocks=st.integers(1, 2), n_stages=st.integers(1, 3))
def test_the_least_size_that_is_named_is_the_least(convolution, blocks, n_stages):
    config = ModelConfig(channels=(2,) * n_stages, blocks=blocks, convolution=convolution)

    def is_large_enough(length):
        return min(stage_sizes(config, length, are_whole=True)) >= 1

    least = next(length for length in range(1, 1000) if is_large_enough(length))
    assert all(is_large_enough(length) for length in range(least, least + 20))
    assert min(stage_sizes(config, least)) >= 1


def test_the_defaults_are_the_network_that_was_there_before():
    first, second = convolutions_of(network((16, 16)))
    for layer, channels in ((first, 4), (second, 8)):
        assert type(layer) is keras.layers.Conv2D
        assert (layer.filters, layer.kernel_size, layer.strides) == (channels, (3, 3), (1, 1))
        assert (layer.padding, layer.dilation_rate, layer.groups) == ("same", (1, 1), 1)
        assert not layer.use_bias
    assert first.kernel.path == "stage1_block1_conv/kernel"


@pytest.mark.parametrize("size", [(32, 20), (20, 17, 24)])
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel": 2, "padding": "valid"},
        {"kernel": 2, "stride": 2},
        {"dilation": 3},
        {"groups": 4},
        {"kernel": 2, "stride": 2, "transposed": True},
    ],
)
def test_every_setting_reaches_its_layer_and_learns(settings, size):
    built = network(size, convolution=settings, blocks=2)
    convolutions = convolutions_of(built)
    dimensions = len(size)
    name = f"Conv{dimensions}D" + ("Transpose" if settings.get("transposed") else "")
    assert {type(layer).__name__ for layer in convolutions} == {name}
    for layer in convolutions:
        is_first_of_stage = layer.name.endswith("block1_conv")
        stride = settings.get("stride", 1) if is_first_of_stage else 1
        assert layer.strides == (stride,) * dimensions
        assert layer.kernel_size == (settings.get("kernel", 3),) * dimensions
        assert layer.dilation_rate == (settings.get("dilation", 1),) * dimensions
        assert layer.padding == settings.get("padding", "same")
    if "groups" in settings:
        assert [layer.groups for layer in convolutions] == [1, 4, 4, 4]
    trainer = keras.Model(built.inputs, built.output["logit"])
    trainer.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    before = [np.array(layer.kernel) for layer in convolutions]
    images = np.random.default_rng(1).integers(-1024, 400, (2, *size), np.int16)
    trainer.train_on_batch({"image": images}, np.ones((2, 1), np.float32))
    for layer, kernel in zip(convolutions, before, strict=True):
        assert np.isfinite(layer.kernel).all()
        assert np.abs(np.array(layer.kernel) - kernel).max() > 0


def test_the_stem_stride_multiplies_the_stride_of_the_first_stage():
    strides = [
        layer.strides[0]
        for layer in convolutions_of(network((32, 32), stem_stride=2, convolution={"stride": 2}))
    ]
    assert strides == [4, 2]


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"kernel": 5, "padding": "valid"}, 14),
        ({"kernel": 3, "padding": "valid", "dilation": 4}, 26),
        ({"stride": 4}, 32),
    ],
)
def test_an_input_that_leaves_nothing_is_refused_with_the_least_that_works(settings, least):
    assert network((least, least), convolution=settings).count_params() > 0
    with pytest.raises(ChoiceError, match=rf"at least {least} voxels along each axis") as caught:
        network((least - 1, 40), convolution=settings)
    assert caught.value.key == "input.size"
    assert ("model.convolution.padding same" in str(caught.value)) == ("padding" in settings)


def test_a_map_that_would_grow_beyond_bounds_is_refused():
    settings = {"transposed": True, "stride": 4}
    with pytest.raises(ChoiceError, match="enlarges a map to 4,096 voxels") as caught:
        network((64, 64), channels=(2, 2, 2), pooling="none", convolution=settings)
    assert caught.value.key == "model.convolution.stride"


@pytest.mark.parametrize("settings", [{"padding": "valid"}, {"stride": 2}])
def test_an_outline_needs_convolutions_that_keep_the_grid(settings):
    with pytest.raises(ChoiceError, match="drawn on the crop's own grid") as caught:
        network((16, 16), convolution=settings, heads=("outline",))
    assert caught.value.key == "model.heads"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "convolution: {stride: 2, dilation: 2}",
            "convolution: dilation 2 does not go with stride 2",
        ),
        (
            "convolution: {groups: 2, transposed: true}",
            "convolution: groups 2 do not go with transp",
        ),
        ("convolution: {kernel: 12}", "model.convolution.kernel is 12"),
        ("convolution: {kernel: 0}", "model.convolution.kernel is 0"),
        ("convolution: {padding: full}", "model.convolution.padding is 'full'"),
        ("convolution: {strides: 2}", "did you mean model.convolution.stride?"),
        (
            "{stem_stride: 2, convolution: {dilation: 3}}",
            "convolution.dilation 3 does not go with stem_stride 2",
        ),
        (
            "{channels: [6, 9], convolution: {groups: 2}}",
            "groups 2 do not divide channels [6, 9]; the nearest that do are 1",
        ),
        (
            "{channels: [8, 16], convolution: {groups: 7}}",
            "groups 7 do not divide channels [8, 16]; the nearest that do are 8",
        ),
        ("{channels: [8], convolution: {groups: 2}}", "there is but one"),
        ("{architecture: resnet, convolution: {kernel: 5}}", "is for plain, not for resnet"),
    ],
)
def test_what_keras_has_no_layer_for_is_refused_with_file_line_and_what_would_do(
    tmp_path, settings, words
):
    path = tmp_path / "a.yaml"
    model = settings if settings.startswith("{") else "{" + settings + "}"
    path.write_text(
        "data: {path: x, kind: nodules}\ninput: {kind: nodule, size: [16, 16]}\n"
        f"model: {model}\n"
    )
    with pytest.raises(ConfigError, match=r"a.yaml:3: ") as caught:
        load_experiment(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
