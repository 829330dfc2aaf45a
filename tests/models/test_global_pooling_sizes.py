"""A global pooling in a network: one set of weights for any size, and sizes that are too small."""

import numpy as np
import pytest
from small_networks import HALVED_BY_POOLING

from lungnet.config.load import load_experiment
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.errors import ChoiceError, ConfigError
from lungnet.layers import GLOBAL_POOLINGS
from lungnet.models.build import build_model

YAML = """
data: {path: x, kind: nodules}
input: {kind: nodule, size: [16, 16]}
model: {global_pooling: {name: pyramid, options: {levels: [1, 3], reduce: average}}}
"""


def network(size, **settings):
    config = ModelConfig(**{"channels": (3, 4), "global_pooling": "pyramid", **settings})
    return build_model(config, InputConfig(kind="nodule", size=size))


@pytest.mark.parametrize("name", sorted(GLOBAL_POOLINGS))
@pytest.mark.parametrize(
    "sizes", [[(8, 8), (12, 9), (32, 16)], [(8, 8, 8), (9, 12, 8), (8, 8, 16)]]
)
def test_one_set_of_weights_answers_for_every_size_of_input(name, sizes):
    first, *others = (network(size, global_pooling=name) for size in sizes)
    for size, other in zip(sizes[1:], others, strict=True):
        assert [w.path for w in other.weights] == [w.path for w in first.weights]
        other.set_weights(first.get_weights())
        images = np.random.default_rng(1).integers(-1024, 400, (2, *size), np.int16)
        assert np.isfinite(other({"image": images})["logit"]).all()


@pytest.mark.parametrize("architecture", HALVED_BY_POOLING)
@pytest.mark.parametrize(
    ("settings", "levels", "least"),
    [({}, (5,), 9), ({"stem_stride": 2}, (1, 2, 4), 13), ({"channels": (3, 3, 3)}, (4,), 13)],
)
def test_a_map_too_small_for_the_pyramid_names_the_least_size(
    architecture, settings, levels, least
):
    options = {"name": "pyramid", "options": {"levels": levels}}
    settings = {"architecture": architecture, "global_pooling": options, **settings}
    with pytest.raises(ChoiceError, match=rf"input.size of at least {least} along") as caught:
        network((8, 32), **settings)
    assert caught.value.key == "model.global_pooling"
    assert "\n" not in str(caught.value)
    assert network((least, least), **settings).count_params() > 0


def test_levels_that_no_size_could_feed_are_refused():
    options = {"name": "pyramid", "options": {"levels": (300,)}}
    with pytest.raises(ChoiceError, match="expected coarser levels, or fewer stages"):
        network((16, 16), global_pooling=options)


@pytest.mark.parametrize(
    ("pooling", "key", "words"),
    [
        ("pyramyd", "model.global_pooling.name", "did you mean pyramid?"),
        ({"name": "max", "options": {"k": 3}}, "model.global_pooling.options", "do not fit max"),
        (
            {"name": "top_k", "options": {"k": 65}},
            "model.global_pooling.options",
            "the map has 64 voxels",
        ),
        (
            {"name": "pyramid", "options": {"levels": 4}},
            "model.global_pooling.options",
            "expected a list such as [1, 2, 4]",
        ),
        (
            {"name": "top_k", "options": {"k": "many"}},
            "model.global_pooling.options",
            "do not fit top_k",
        ),
    ],
)
def test_a_global_pooling_that_cannot_be_names_its_key(pooling, key, words):
    with pytest.raises(ChoiceError, match=r".") as caught:
        network((16, 16), global_pooling=pooling)
    assert caught.value.key == key
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_levels_are_read_from_yaml_and_from_an_override(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(YAML)
    read = load_experiment(path).model.global_pooling
    assert read.options == {"levels": (1, 3), "reduce": "average"}
    override = "model.global_pooling.options.levels=[2, 4]"
    assert load_experiment(path, [override]).model.global_pooling.options["levels"] == (2, 4)
    short = load_experiment(path, ["model.global_pooling=max"]).model.global_pooling
    assert (short.name, short.options) == ("max", {})
    with pytest.raises(ConfigError, match=r"a.yaml:4|--set") as caught:
        load_experiment(path, ["model.global_pooling.options.levels=[1, 2.5]"])
    assert "\n" not in str(caught.value)
    assert "levels is [1, 2.5]: no option; expected" in str(caught.value)
