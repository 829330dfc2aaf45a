"""The description of a whole network, and its drawing."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from small_networks import CASES

from lungnet.config.experiment import Experiment
from lungnet.config.load import load_experiment
from lungnet.models.build import build_model
from lungnet.models.description import describe_network
from lungnet.models.description.drawing import draw

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SVG = "{http://www.w3.org/2000/svg}"


def description_of(experiment):
    return describe_network(build_model(experiment.model, experiment.input), experiment)


def case_of(name):
    model, shown = CASES[name]
    data = {"kind": "nodules", "path": "none"}
    return Experiment(data=data, input=shown, model=model)


def boxes_of(drawing):
    root = ET.fromstring(drawing)
    titles = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name"]
    shapes = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name end"]
    return titles[1:], shapes


@pytest.mark.parametrize(
    "name", [n for n in CASES if n.startswith(("architecture", "bag_pooling", "head"))]
)
def test_the_parameters_of_the_layers_are_those_of_the_network(name):
    experiment = case_of(name)
    network = build_model(experiment.model, experiment.input)
    description = describe_network(network, experiment)
    assert description.parameters == network.count_params()
    assert description.memory.training > description.memory.prediction > 0
    draw(description, name)


@pytest.mark.parametrize(
    ("path", "field_mm"),
    [("nodule.yaml", [70, 70]), ("volume_baseline.yaml", [132] * 3), ("bag.yaml", [33] * 3)],
)
def test_millimetres_are_those_of_the_voxels_that_are_shown(path, field_mm):
    assert list(description_of(load_experiment(CONFIGS / path)).receptive_field_mm) == field_mm


def test_the_crops_of_a_store_have_its_spacing():
    coarse = load_experiment(CONFIGS / "bag.yaml", ["preparation.spacing_mm=2"])
    assert list(description_of(coarse).receptive_field_mm) == [66] * 3


def test_a_bag_says_how_often_a_layer_is_applied():
    description = description_of(load_experiment(CONFIGS / "bag.yaml"))
    rows = {layer.name: (layer.rows, layer.shape) for layer in description.layers}
    assert rows["stage1_block1_conv"] == (8, (16, 16, 16, 16))
    assert rows["image"] == (1, (8, 32, 32, 32))
    assert rows["logit"] == (1, (1,))


def test_a_layer_names_those_whose_output_it_takes():
    layers = description_of(load_experiment(CONFIGS / "nodule.yaml")).layers
    named = {layer.name: [layers[n].name for n in layer.sources] for layer in layers}
    assert named["stage1_block1_add"] == ["stem_conv", "stage1_block1_conv2"]
    assert named["features_and_scalars"] == ["global_pooling", "scalars_standardized"]


def test_a_prediction_that_averages_says_over_how_many_views():
    path = CONFIGS / "nodule.yaml"
    assert description_of(load_experiment(path)).views == 8
    assert description_of(load_experiment(path, ["model.test_symmetries=none"])).views == 1


def test_the_drawing_has_a_box_for_each_stage_with_its_shape():
    drawing = draw(description_of(load_experiment(CONFIGS / "bag.yaml")), "a <bag>")
    titles, shapes = boxes_of(drawing)
    stages = [
        ["stage 1", "8 times 16 × 16 × 16 × 16"],
        ["stage 1 pool", "8 times 8 × 8 × 8 × 16"],
        ["stage 2", "8 times 8 × 8 × 8 × 32"],
        ["stage 2 pool", "8 times 4 × 4 × 4 × 32"],
        ["stage 3", "8 times 4 × 4 × 4 × 64"],
    ]
    drawn = [list(box) for box in zip(titles, shapes, strict=True)]
    assert drawn[3:8] == stages
    assert titles[-1] == "logit"
    assert "a &lt;bag&gt;" in drawing


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith(("architecture", "head"))])
def test_in_a_drawing_everything_flows_down(name):
    root = ET.fromstring(draw(description_of(case_of(name)), name))
    flows = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("class") == "flow"]
    assert flows
    for flow in flows:
        start = float(flow.split()[1])
        end = next(float(step[1:]) for step in flow.split() if step.startswith("V"))
        assert start < end


def test_the_same_network_is_described_and_drawn_the_same():
    first, second = (description_of(load_experiment(CONFIGS / "nodule.yaml")) for _ in range(2))
    assert first == second
    assert draw(first, "a") == draw(second, "a")
