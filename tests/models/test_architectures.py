"""What each architecture is known by, and what it refuses."""

from pathlib import Path

import keras
import numpy as np
import pytest

from lungnet.config.load import dump_experiment, load_experiment
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError
from lungnet.models.architectures import ARCHITECTURES, LayerFactory, widened
from lungnet.models.architectures.squeeze_excitation import squeeze_excitation
from lungnet.models.build import build_model

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
IMAGE, CROP = InputConfig(kind="nodule", size=(32, 32)), InputConfig(kind="nodule", size=(8, 8, 8))
SIXTEENTH = InputConfig(kind="nodule", size=(16, 16))


def stages_of(settings, size, channels=1):
    """Model of the stages' maps."""
    config = ModelConfig(**settings)
    x = keras.Input((*size, channels))
    stages = ARCHITECTURES[config.architecture](x, config, LayerFactory(config, len(size)))
    return keras.Model(x, stages)


def resolved(path, *overrides):
    return load_experiment(CONFIGS / path, overrides)


def network_of(experiment):
    return build_model(experiment.model, experiment.input)


# Of the maps between layers: (kernel 1 side, channels in, channels out).
ELU15_CONVOLUTIONS = [
    (6, 1, 96),
    (3, 96, 512),
    *[(3, 512, 512)] * 2,
    (3, 512, 768),
    *[(3, 768, 768)] * 4,
    (3, 768, 1024),
    *[(3, 1024, 1024)] * 2,
]
ELU15_DENSE = [((1 + 4 + 16) * 1024, 4096), (4096, 4096), (4096, 1000), (1000, 1)]


@pytest.mark.slow
def test_elu15_has_the_parameters_of_a_count_by_hand():
    by_hand = sum(side**2 * a * b + b for side, a, b in ELU15_CONVOLUTIONS)
    by_hand += sum(a * b + b for a, b in ELU15_DENSE)
    assert by_hand == 164_861_617
    assert build_model(ModelConfig(architecture="elu15"), IMAGE).count_params() == by_hand


def test_elu15_has_15_weight_layers_before_the_heads():
    network = build_model(ModelConfig(architecture="elu15", width=0.02), IMAGE)
    kernels = [weight for weight in network.weights if weight.path.endswith("/kernel")]
    assert [len(weight.shape) for weight in kernels] == [4] * 12 + [2] * 3 + [2]
    assert [weight.shape[-1] for weight in kernels] == [
        *[2, 10, 10, 10, 15, 15, 15, 15, 15, 20, 20, 20, 82, 82, 20, 1],
    ]


def test_elu15_of_a_shipped_configuration_keeps_what_that_says_and_its_own():
    experiment = resolved("nodule.yaml", "model.architecture=elu15", "model.width=0.05")
    model = experiment.model
    assert model.channels == (96, 512, 768, 1024)
    assert model.global_pooling.name == "pyramid"
    assert model.hidden == (4096, 4096, 1000)
    assert (model.activation.name, model.norm.name) == ("relu", "batch")
    outputs = network_of(experiment)(
        {"image": np.zeros((1, 32, 32), np.int16), "scalars": np.ones((1, 1), np.float32)}
    )
    assert outputs["outline"].shape == (1, 32, 32)


def test_elu15_names_the_least_size_where_its_pyramid_would_have_empty_cells():
    with pytest.raises(ChoiceError, match=r"input.size of at least 25 along each axis") as caught:
        build_model(ModelConfig(architecture="elu15", width=0.01), SIXTEENTH)
    assert caught.value.key == "model.global_pooling"


def test_keras_io_3d_has_the_parameters_of_the_original():
    """As `model.summary()` of keras.io/examples/vision/3D_image_classification prints them."""
    shown = InputConfig(kind="volume", size=(128, 128, 64))
    network = build_model(ModelConfig(architecture="keras_io_3d"), shown)
    assert network.count_params() == 1_352_897
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == 1_351_873


def test_keras_io_3d_drops_once_and_pools_without_padding():
    model = ModelConfig(architecture="keras_io_3d", width=0.05)
    encoder = build_model(model, InputConfig(kind="volume", size=(46, 50, 46))).get_layer("encoder")
    dropouts = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Dropout)]
    assert [(layer.name, layer.rate) for layer in dropouts] == [("dropout", 0.3)]
    assert encoder.get_layer("stage4_pool").output.shape[1:-1] == (1, 1, 1)


def test_keras_io_3d_builds_from_the_baseline_of_volumes():
    experiment = resolved("volume_baseline.yaml", "model.architecture=keras_io_3d")
    assert experiment.model.channels == (64, 64, 128, 256)
    assert experiment.model.global_pooling.name == "average"
    assert network_of(experiment).count_params() == 1_352_897


@pytest.mark.parametrize("name", ["elu15", "keras_io_3d", "convnext", "vit"])
def test_a_resolved_configuration_with_a_papers_settings_reads_back_the_same(name, tmp_path):
    path = CONFIGS / "volume_baseline.yaml"
    experiment = load_experiment(path, [f"model.architecture={name}", "model.width=0.5"])
    (tmp_path / "a.yaml").write_text(dump_experiment(experiment))
    assert load_experiment(tmp_path / "a.yaml").model_dump() == experiment.model_dump()


def test_a_paper_gives_only_what_the_configuration_does_not():
    assert ModelConfig(architecture="convnext").norm.name == "layer"
    given = ModelConfig(architecture="convnext", norm="batch")
    assert (given.norm.name, given.activation.name) == ("batch", "gelu")
    assert ModelConfig().norm.name == "batch"


def test_a_densenets_stages_end_with_their_channels_and_keep_the_maps_they_were_given():
    settings = {"architecture": "densenet", "channels": (8, 16), "blocks": 2, "norm": "none"}
    model = stages_of(settings, (8, 8))
    assert [stage.shape for stage in model.output] == [(None, 8, 8, 8), (None, 4, 4, 16)]
    growth = [
        weight.shape
        for weight in model.weights
        if "_growth_conv/kernel" in weight.path or "bottleneck_conv/kernel" in weight.path
    ]
    # Stage 1 begins with 4 maps and grows by 2, stage 2 with 8 and grows by 4.
    assert [shape[-2:] for shape in growth] == [
        (4, 8), (8, 2), (6, 8), (8, 2), (8, 16), (16, 4), (12, 16), (16, 4),
    ]  # fmt: skip
    first = keras.Model(model.input, model.get_layer("stem_conv").output)
    image = np.random.default_rng(1).normal(size=(1, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(image)[0][..., :4], first(image))


def test_a_convnext_begins_as_its_stem():
    """The scale of its blocks begins at a millionth (Liu et al., appendix A)."""
    model = stages_of({"architecture": "convnext", "channels": (6,), "blocks": 2}, (8, 9))
    stem = keras.Model(model.input, model.get_layer("stem_norm").output)
    image = np.random.default_rng(1).normal(size=(1, 8, 9, 1)).astype(np.float32)
    before_last_norm = keras.Model(model.input, model.get_layer("stage1_block2_add").output)
    np.testing.assert_allclose(before_last_norm(image), stem(image), atol=1e-4)


def test_squeeze_and_excitation_is_its_formula():
    layers = LayerFactory(ModelConfig(), 2)
    x = keras.Input((4, 5, 6))
    model = keras.Model(x, squeeze_excitation(x, 3, layers, "excitation"))
    features = np.random.default_rng(1).normal(size=(2, 4, 5, 6)).astype(np.float32)
    w1, b1, w2, b2 = model.get_weights()
    assert w1.shape == (6, 2)
    hidden = np.maximum(features.mean((1, 2)) @ w1 + b1, 0)
    scale = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    np.testing.assert_allclose(model(features), features * scale[:, None, None], rtol=1e-5)


def test_a_vit_sees_what_the_last_map_of_others_sees_and_has_as_many_blocks():
    settings = {"channels": (8, 16, 64), "blocks": 2, "stem_stride": 2}
    model = stages_of({"architecture": "vit", **settings}, (32, 40))
    (grid,) = model.output
    assert (
        grid.shape == stages_of({"architecture": "resnet", **settings}, (32, 40)).output[-1].shape
    )
    attentions = [
        layer for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention)
    ]
    assert len(attentions) == 6
    assert {(layer.num_heads, layer.key_dim) for layer in attentions} == {(2, 32)}


def test_a_vit_knows_where_its_patches_are():
    model = stages_of({"architecture": "vit", "channels": (8, 8)}, (4, 4))
    model.get_layer("positions").embedding.assign(
        np.random.default_rng(2).normal(size=(1, 2, 2, 8))
    )
    image = np.random.default_rng(1).normal(size=(1, 4, 4, 1)).astype(np.float32)
    swapped = np.concatenate([image[:, 2:], image[:, :2]], axis=1)
    first, second = (np.asarray(model(i)).reshape(4, 8).mean(0) for i in (image, swapped))
    assert np.abs(first - second).max() > 1e-4


def test_slices_2d_looks_at_a_slice_and_its_neighbours_with_the_weights_of_a_2d_resnet():
    settings = {"channels": (3, 4), "blocks": 1}
    model = stages_of({"architecture": "slices_2d", **settings}, (7, 8, 8))
    assert [stage.shape for stage in model.output] == [(None, 7, 8, 8, 3), (None, 7, 4, 4, 4)]
    flat = stages_of({"architecture": "resnet", **settings}, (8, 8))
    shapes = {weight.path: weight.shape for weight in model.weights}
    assert shapes.items() >= {weight.path: weight.shape for weight in flat.weights}.items()
    volume = np.random.default_rng(1).normal(size=(1, 7, 8, 8, 1)).astype(np.float32)
    other = volume.copy()
    other[:, 3] += 1
    changed = [
        sorted(set(np.nonzero(np.asarray(a) != np.asarray(b))[1]))
        for a, b in zip(model(volume), model(other), strict=True)
    ]
    assert changed == [[3], [2, 3, 4]]


@pytest.mark.parametrize("name", ["plain", "resnet", "densenet", "convnext", "vit"])
def test_width_takes_a_network_from_thousands_to_tens_of_millions_of_parameters(name):
    def parameters(width, blocks):
        model = ModelConfig(architecture=name, channels=(64, 128, 256), blocks=blocks, width=width)
        return build_model(model, SIXTEENTH).count_params()

    assert parameters(0.05, 1) < 10_000
    # The growth of one dense layer is that of three together, and costs more.
    assert parameters(4, 1 if name == "densenet" else 3) > 10_000_000


def test_width_multiplies_channels_and_units_and_keeps_groups_whole():
    model = ModelConfig(channels=(16, 20), hidden=(10,), width=0.3)
    assert (widened(model).channels, widened(model).hidden) == ((5, 6), (3,))
    group = ModelConfig(channels=(16, 20), width=0.3, norm={"name": "group"})
    assert widened(group).channels == (8, 8)
    four = ModelConfig(
        channels=(16, 40), width=0.5, norm={"name": "group", "options": {"groups": 4}}
    )
    assert widened(four).channels == (8, 20)
    assert widened(ModelConfig()) == ModelConfig()


@pytest.mark.parametrize(
    ("settings", "shown", "key", "words"),
    [
        ({"architecture": "slices_2d"}, IMAGE, "model.architecture", "is for 3D inputs; found"),
        ({"architecture": "keras_io_3d"}, IMAGE, "model.architecture", "is for 3D inputs; found"),
        ({"architecture": "keras_io_3d"}, CROP, "input.size", "at least 46 voxels"),
        (
            {"architecture": "slices_2d", "channels": (4,) * 5},
            CROP,
            "input.size",
            "at least [1, 16, 16] voxels",
        ),
        ({"architecture": "elu15", "blocks": 2}, IMAGE, "model.blocks", "is not used by elu15"),
        (
            {"architecture": "plain", "squeeze_excitation": 4},
            IMAGE,
            "model.squeeze_excitation",
            "is not used by plain",
        ),
        (
            {"architecture": "densenet", "channels": (2, 8), "blocks": 4},
            IMAGE,
            "model.channels",
            "a stage of 2, too few for 4 dense layers",
        ),
        ({"architecture": "vit", "heads": ("outline",)}, IMAGE, "model.heads", "vit does not keep"),
    ],
)
def test_what_an_architecture_cannot_do_is_one_line_that_names_the_setting(
    settings, shown, key, words
):
    with pytest.raises(ChoiceError, match=r".") as caught:
        build_model(ModelConfig(**settings), shown)
    assert caught.value.key == key
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
