"""The architecture that the how-to adds builds, trains and keeps its own test."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-an-architecture.md"


@pytest.fixture
def page(monkeypatch):
    """What the page's Python defines, with its row in the table for the time of a test."""
    from lungnet.models.architectures import ARCHITECTURES

    code, row, test = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    monkeypatch.setitem(ARCHITECTURES, "dilated", None)
    names = {"ARCHITECTURES": ARCHITECTURES}
    for block in (code, row, test):
        exec(compile(block, PAGE.name, "exec"), names)
    return names


@pytest.mark.parametrize("size", [(9, 11), (8, 9, 10)])
def test_it_answers_in_2d_and_3d_and_draws_an_outline(page, size):
    from lungnet.config.model import InputConfig, ModelConfig
    from lungnet.models.build import build_model

    config = ModelConfig(architecture="dilated", channels=(3, 4), heads=("outline",))
    network = build_model(config, InputConfig(kind="nodule", size=size))
    outputs = network({"image": np.zeros((2, *size), np.int16)})
    assert outputs["outline"].shape == (2, *size)
    assert np.isfinite(outputs["logit"]).all()


def test_its_own_test_passes(page):
    from lungnet.config.model import ModelConfig
    from lungnet.models.architectures import LayerFactory

    def stages_of(settings, size):
        x = keras.Input((*size, 1))
        config = ModelConfig(**settings)
        return keras.Model(x, page["ARCHITECTURES"]["dilated"](x, config, LayerFactory(config, 2)))

    page["stages_of"] = stages_of
    (own,) = (value for name, value in page.items() if name.startswith("test_"))
    own()
