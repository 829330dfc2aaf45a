"""`lungnet model` as a person calls it: without any data."""

import json
from xml.etree import ElementTree as ET

import pytest

from lungnet.cli.main import main

YAML = """
data: {kind: nodules, path: there-is-no-such.npz}
input: {kind: nodule, size: [32, 32]}
model: {channels: [4, 8, 8], heads: [outline]}
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(YAML.strip())
    return str(file)


def test_json_has_the_keys_that_programs_rely_on_and_figures_that_add_up(path, capsys):
    assert main(["model", path, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["parameters"] == sum(row["parameters"] for row in answer["layers"])
    assert answer["multiply_adds"] == sum(row["multiply_adds"] for row in answer["layers"]) > 0
    assert answer["receptive_field_voxels"] == [18, 18]
    assert answer["receptive_field_mm"] == [18, 18]
    memory = answer["memory_bytes"]
    assert memory["training"] > memory["prediction"] > 0
    keys = {"name", "kind", "shape", "parameters", "multiply_adds"}
    assert all(keys <= row.keys() for row in answer["layers"])
    rows = {row["name"]: row for row in answer["layers"]}
    assert rows["stage1_block1_conv"]["shape"] == [32, 32, 4]


def test_the_table_has_a_row_for_each_layer_and_the_sums_below(path, capsys):
    assert main(["model", path, "--set", "model.channels=[4,4]", "--set", "model.heads=[]"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    row = next(line for line in lines if line.startswith("stage1_block1_conv"))
    assert " ".join(row.split()) == "stage1_block1_conv 32 x 32 x 4 36 36,864 3 x 3 Conv2D"
    assert any(
        line.startswith("receptive field of a voxel of the last map: 8 x 8") for line in lines
    )
    assert any(line.startswith("memory for a batch of 16, estimated: ") for line in lines)


def test_a_field_beyond_the_input_and_a_whole_one_say_so(path, capsys):
    main(["model", path, "--set", "input.size=[16,16]"])
    assert "18 x 18 voxels, 18 x 18 mm, more than the input's 16 x 16" in capsys.readouterr().out
    main(["model", path, "--set", "model={architecture: vit, channels: [4, 8]}"])
    assert "the whole input: 32 x 32 voxels" in capsys.readouterr().out


def test_the_drawing_is_an_svg(path, capsys, tmp_path):
    drawing = tmp_path / "network.svg"
    assert main(["model", path, "--svg", str(drawing)]) == 0
    assert f"drawing: {drawing}" in capsys.readouterr().out
    root = ET.fromstring(drawing.read_text())
    assert root.tag.endswith("svg")
    assert "small: plain" in [text.text for text in root.iter() if text.tag.endswith("text")]


@pytest.mark.parametrize(
    ("settings", "problem", "nearest"),
    [
        (["input.size=[20,30]"], "expected multiples of 4 in input.size", [20, 32]),
        (["input.size=[9,9]", "model.stem_stride=4", "model.heads=[]"], "is too small", [16, 16]),
        (
            ["input.size=[12,40]", "model.channels=[4,4,4,4,4]"],
            "[12, 40] is too small for plain of 5 stages",
            [16, 48],
        ),
        (
            ["input.size=[16,12]", "model.global_pooling={name: pyramid, options: {levels: [5]}}"],
            "pyramid needs 5 voxels along each axis of the last map",
            [20, 20],
        ),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_the_nearest_that_does(
    path, capsys, settings, problem, nearest
):
    options = [word for setting in settings for word in ("--set", setting)]
    assert main(["model", path, *options]) == 2
    captured = capsys.readouterr()
    told = captured.err.strip()
    assert problem in told
    assert f"the nearest size that fits is {nearest}" in told
    assert "\n" not in told
    assert captured.out == ""
    # The last of an option counts.
    assert main(["model", path, *options, "--set", f"input.size={nearest}", "--json"]) == 0


def test_a_wrong_setting_is_one_line_with_its_place(path, capsys):
    assert main(["model", path, "--set", "model.architecture=resnett"]) == 2
    told = capsys.readouterr().err.strip()
    assert told.endswith(
        "--set model.architecture=resnett: model.architecture is 'resnett'; did you mean resnet?"
    )
    assert "\n" not in told
