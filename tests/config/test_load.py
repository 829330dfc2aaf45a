"""A configuration is read exactly, or refused with file, line and the nearest right name."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lungnet.config.load import LARGEST_BYTES, dump_experiment, load_experiment, load_preparation
from lungnet.config.preparation import PreparationConfig
from lungnet.config.yaml_text import dump
from lungnet.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SMALL = "data: {kind: nodules, path: a.npz}\ninput: {kind: nodule, size: [16, 16]}\n"


@pytest.fixture
def written(tmp_path):
    def write(text, name="a.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(path, overrides=()):
    with pytest.raises(ConfigError) as caught:
        load_experiment(path, overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_the_preparation_is_read_from_an_experiment_or_from_a_file_of_its_own(written):
    assert (
        load_preparation(CONFIGS / "demo.yaml")
        == load_experiment(CONFIGS / "demo.yaml").preparation
    )
    assert (
        load_preparation(
            written("preparation: {intake: {largest_gap_mm: 3}}")
        ).intake.largest_gap_mm
        == 3
    )
    with pytest.raises(
        ConfigError, match=r"a.yaml:1: preparatoin is not a setting; did you mean preparation\?"
    ):
        load_preparation(written("preparatoin: {intake: {largest_gap_mm: 3}}"))
    with pytest.raises(ConfigError, match=r"a.yaml:2: preparation.intake.largest_gap_mm is 90"):
        load_preparation(written("preparation:\n  intake: {largest_gap_mm: 90}"))


def test_bounds_of_intake_do_not_name_another_preparation(written):
    assert (
        load_preparation(written("preparation: {intake: {largest_gap_mm: 3}}")).preparation_hash()
        == PreparationConfig().preparation_hash()
    )


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_that_is_shipped_loads(path):
    experiment = load_experiment(path)
    assert experiment.seed >= 0


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("modle: {}\n", 3, "modle is not a setting; did you mean model?"),
        (
            "model:\n  channels: [8]\n  activatoin: relu\n",
            5,
            "model.activatoin is not a setting; did you mean model.activation?",
        ),
        (
            "training:\n  augmentation:\n    flip: true\n",
            5,
            (
                "training.augmentation.flip is not a setting; "
                "did you mean training.augmentation.flips?"
            ),
        ),
        ("model:\n  activation: {nmae: relu}\n", 4, "did you mean model.activation.name?"),
        ("extend: b.yaml\n", 3, "extend is not a setting; did you mean extends?"),
        (
            "optimizer: {xyzzy: 1}\n",
            3,
            (
                "expected one of name, learning_rate, weight_decay, momentum, warmup, clip_norm, "
                "average, accumulate"
            ),
        ),
        (
            "training:\n  epochs: many\n",
            4,
            "training.epochs is 'many': input should be a valid integer",
        ),
        (
            "training:\n  epochs: 0\n",
            4,
            "training.epochs is 0: input should be greater than or equal to 1",
        ),
        ("optimizer:\n  learning_rate: .nan\n", 4, "optimizer.learning_rate is .nan"),
        ("optimizer:\n  learning_rate: 2\n", 4, "less than or equal to 1"),
        ("training: 3\n", 3, "training"),
        ("model: {activation: {options: {}}}\n", 3, "model.activation.name is missing"),
        ("seed: [1, 2]\n", 3, "seed"),
        (
            "preparation:\n\n  spacing_mm: 1\n  margin_mm: wide\n",
            6,
            "preparation.margin_mm is 'wide'",
        ),
    ],
)
def test_a_wrong_key_type_or_value_names_file_line_and_what_was_expected(
    written, text, line, words
):
    path = written(SMALL + text)
    sentence = refusal(path)
    assert sentence.startswith(f"{path}:{line}: ")
    assert words in sentence


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("input: {kind: nodule, size: [16, 16]}\n", 1, "data is missing"),
        ("data: {kind: store, path: s}\ninput:\n  kind: bag\n  size: [16, 16]\n", 2, "a bag is 3D"),
        (
            "data: {kind: store, path: s}\ninput:\n  kind: bag\n  size: [16, 16, 4]\n",
            4,
            "input.size.2 is 4",
        ),
        (
            "data: {kind: nodules, path: s, folds: 1}\ninput: {kind: nodule, size: [16, 16]}\n",
            1,
            "1 fold holds everything out",
        ),
        (
            SMALL.replace("}\ninput", ", split: {test: 0.6, validation: 0.4}}\ninput"),
            1,
            "at most 0.9 together",
        ),
        (
            SMALL.replace("[16, 16]", "[16, 16], windows_hu: [400, -1000]"),
            2,
            "input.windows_hu is [400, -1000]: no window; expected [low, high]",
        ),
        (
            SMALL + "training:\n  augmentation: {axes: all}\n",
            4,
            "axes does nothing without rotate_degrees or scale",
        ),
        (
            SMALL + "training:\n  augmentation: {axes: all, scale: 0.1}\n",
            4,
            "training.augmentation.axes is all and input.size [16, 16] a plane; expected three",
        ),
        (
            SMALL + "training:\n  augmentation: {elastic_voxels: 2}\n",
            4,
            "elastic_voxels is 2 and folds input.size [16, 16]; expected at most 1.6, a tenth",
        ),
        (
            SMALL + "training:\n  augmentation: {thick_slices: 0.5}\n",
            4,
            "thick_slices 0.5 is a voxel or less and does nothing; expected more than 1",
        ),
        (
            SMALL + "model: {heads: [diameter]}\ntraining:\n  augmentation: {mixup: 0.2}\n",
            5,
            "training.augmentation.mixup does not go with model.heads; set mixup to 0 or leave",
        ),
        (
            SMALL + "model: {output: ordinal}\ntraining:\n  augmentation: {mixup: 0.2}\n",
            5,
            "training.augmentation.mixup does not go with model.output; set mixup to 0 or leave",
        ),
        (
            SMALL + "training:\n  loss: {balance: true}\n  augmentation: {mixup: 0.2}\n",
            5,
            "mixup does not go with training.loss.balance",
        ),
        (
            SMALL.replace("16]", "16], scalars: [age]")
            + "training:\n  augmentation: {mixup: 0.2}\n",
            4,
            "mixup does not go with input.scalars",
        ),
        (
            SMALL.replace("nodule", "bag").replace("16]", "16, 16]")
            + "training:\n  augmentation: {mixup: 0.2}\n",
            4,
            "mixup does not go with input.kind bag",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(written, text, line, words):
    path = written(text)
    sentence = refusal(path)
    assert words in sentence
    assert sentence.startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"# nothing\n", "an empty file"),
        (b"- 1\n", "no sections"),
        (b"just text\n", "no sections"),
        (b"model: [1,\n", ":2: not YAML"),
        (b"a: {b: 1\nc: 2\n", "not YAML"),
        (b"a: 1\n--- \nb: 2\n", "not YAML"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"seed: 1\n\x00", ":2: not a text file"),
        (b"seed: &s 1\ndata: {path: *s}\n", "alias"),
        (b"data: {kind: nodules, <<: {path: x}}\n", "<< is not a setting"),
        (b"seed: 1\nseed: 2\n", ":2: seed is set twice"),
        (b"data:\n  path: a\n  path: b\n", ":3: data.path is set twice"),
        (b"seed: !!python/object/apply:os.system [echo]\n", "seed"),
        (b"seed: !!python/name:os.system x\n", ":1: seed"),
        (b"seed: 2020-13-45\n", ":1: seed: '2020-13-45'"),
        (b"[" * 3000, "too deep"),
        (b"a: " + b"x" * LARGEST_BYTES, "at most 1,000,000 bytes"),
    ],
)
def test_what_is_no_configuration_gets_one_line(written, data, words):
    path = written(data)
    sentence = refusal(path)
    assert words in sentence
    assert str(path) in sentence


@pytest.mark.parametrize("number", ["010", "08", "-007", "1:30", "12:30:45.5", "0_1"])
def test_a_number_that_versions_of_yaml_read_differently_is_refused_where_it_stands(
    written, number
):
    for text, key in (
        (f"training:\n  epochs: {number}\n", "training.epochs"),
        (f"model:\n  hidden: [8, {number}]\n", "model.hidden.1"),
    ):
        path = written(SMALL + text)
        sentence = refusal(path)
        assert sentence.startswith(f"{path}:4: {key} is {number}, which is ambiguous in YAML")
    override = f"training.epochs={number}"
    assert refusal(written(SMALL), [override]).startswith(f"--set {override}: training.epochs is")


def test_in_quotes_it_is_text_and_zero_is_a_number(written):
    path = written(SMALL.replace("a.npz", "'010'") + "seed: 0\nmodel: {dropout: 0.0}\n")
    assert load_experiment(path).data.path == "010"
    assert load_experiment(path, ["data.path='1:30'"]).data.path == "1:30"


@pytest.mark.parametrize("number", ["1e3", "2.50", "1.0e+3", "0x10", "+2.0"])
def test_a_figure_in_an_error_is_the_one_that_was_typed(written, number):
    words = f"optimizer.learning_rate is {number}: input should be less than or equal to 1"
    path = written(SMALL + f"optimizer:\n  learning_rate: {number}\n")
    assert refusal(path) == f"{path}:4: {words}"
    override = f"optimizer.learning_rate={number}"
    assert refusal(written(SMALL), [override]) == f"--set {override}: {words}"
    child = written("extends: a.yaml\noptimizer: {learning_rate: 3}\n", "child.yaml")
    assert "optimizer.learning_rate is 3:" in refusal(child)


def test_a_figure_of_a_parent_is_not_told_for_the_childs(written):
    written(SMALL + "model: {hidden: [0.10, 4]}\n", "parent.yaml")
    path = written("extends: parent.yaml\nmodel: {hidden: [8, 4.50]}\n")
    assert "model.hidden.1 is 4.50:" in refusal(path)


def test_an_exponent_needs_no_point(written):
    options = "model: {activation: {name: elu, options: {alpha: 1e-3}}}\n"
    experiment = load_experiment(written(SMALL + options), ["optimizer.weight_decay=5e-4"])
    assert experiment.model.activation.options == {"alpha": 0.001}
    assert experiment.optimizer.weight_decay == 0.0005


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.yaml")
    assert "directory" in refusal(tmp_path)


def test_a_billion_laughs_are_refused_before_they_are_laughed(written):
    lines = ["a: &a [1]"] + [
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]"
        for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "alias" in refusal(written("\n".join(lines)))


def test_a_child_overrides_its_parent_and_its_grandparent_and_keeps_what_they_alone_set(
    written, tmp_path
):
    (tmp_path / "deep").mkdir()
    written(
        SMALL + "seed: 1\nmodel: {channels: [4, 8], dropout: 0.1, hidden: [5]}\n", "deep/grand.yaml"
    )
    written("extends: deep/grand.yaml\nseed: 2\nmodel: {dropout: 0.2}\n", "parent.yaml")
    path = written("extends: parent.yaml\nmodel:\n  channels: [16]\n", "child.yaml")
    experiment = load_experiment(path, ["model.hidden=[7, 8]"])
    assert (
        experiment.seed,
        experiment.model.channels,
        experiment.model.dropout,
        experiment.model.hidden,
    ) == (2, (16,), 0.2, (7, 8))
    assert experiment.where("model.channels") == f"{path}:3"
    assert experiment.where("model.dropout") == f"{tmp_path / 'parent.yaml'}:3"
    assert experiment.where("model.hidden") == "--set model.hidden=[7, 8]"
    assert experiment.where("training.epochs") == "the defaults"


def test_a_fault_of_the_parent_names_the_parents_line(written, tmp_path):
    written(SMALL + "training:\n  epochs: 0\n", "parent.yaml")
    assert refusal(written("extends: parent.yaml\nseed: 2\n")).startswith(
        f"{tmp_path / 'parent.yaml'}:4: "
    )


def test_a_cycle_of_parents_ends(written, tmp_path):
    written("extends: b.yaml\n", "a.yaml")
    written("extends: a.yaml\n", "b.yaml")
    assert "extends itself, through a.yaml and b.yaml" in refusal(tmp_path / "a.yaml")
    assert "extends names a file" in refusal(written("extends: [a.yaml]\n", "c.yaml"))
    assert "none.yaml: No such file" in refusal(written("extends: none.yaml\n", "d.yaml"))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed", "expected section.key=value"),
        ("=3", "expected section.key=value"),
        ("model..name=3", "expected section.key=value"),
        ("model.activatoin=relu", "did you mean model.activation?"),
        ("training.epochs=many", "training.epochs is 'many'"),
        ("seed=[1", "is no YAML value"),
        ("data.path=2020-13-45", "is no YAML value"),
        ("seed=" + "[" * 3000, "is no YAML value"),
        ("seed=!!python/name:os.system x", "is no YAML value"),
        ("seed.deep=1", "seed is a value, not a section"),
    ],
)
def test_a_wrong_override_is_told_as_one(written, override, words):
    sentence = refusal(written(SMALL + "seed: 3\n"), [override])
    assert words in sentence
    assert sentence.startswith(f"--set {override}: ")


def test_the_last_override_wins_and_a_name_alone_is_a_choice(written):
    path = written(SMALL)
    experiment = load_experiment(
        path,
        [
            "seed=1",
            "seed=2",
            "model.activation=prelu",
            "model.norm.name=group",
            "model.norm.options.groups=4",
        ],
    )
    assert experiment.seed == 2
    assert experiment.model.activation.name == "prelu"
    assert experiment.model.norm.options == {"groups": 4}


def test_a_byte_order_mark_is_read_over(written):
    assert load_experiment(written(b"\xef\xbb\xbf" + SMALL.encode())).data.path == "a.npz"


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=20)
    | st.text("0123456789:.e-", min_size=1, max_size=5),
    rate=st.floats(1e-12, 1),
    seed=st.integers(0, 2**31 - 1),
    options=st.dictionaries(
        st.sampled_from(["a", "b"]),
        st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9) | st.text(max_size=5),
    ),
)
def test_what_is_dumped_loads_to_the_same_hash(tmp_path, path, rate, seed, options):
    values = {
        "seed": seed,
        "data": {"kind": "nodules", "path": path},
        "input": {"kind": "nodule", "size": [16, 16]},
        "optimizer": {"learning_rate": rate},
        "model": {"activation": {"name": "relu", "options": options}},
    }
    first = tmp_path / "first.yaml"
    first.write_text(dump(values), encoding="utf-8")
    experiment = load_experiment(first)
    assert (experiment.data.path, experiment.optimizer.learning_rate) == (path, rate)
    assert experiment.model.activation.options == options
    second = tmp_path / "second.yaml"
    second.write_text(dump_experiment(experiment), encoding="utf-8")
    again = load_experiment(second)
    assert again.config_hash() == experiment.config_hash()
    assert dump_experiment(again) == dump_experiment(experiment)


def test_every_setting_changes_the_hash(written):
    path = written(SMALL)
    overrides = [
        [],
        ["seed=8"],
        ["model.dropout=0.1"],
        ["training.augmentation.flips=true"],
        ["data.path=b"],
    ]
    hashes = [load_experiment(path, override).config_hash() for override in overrides]
    assert len(set(hashes)) == len(hashes)
    assert load_experiment(path, ["model.dropout=0.0"]).config_hash() == hashes[0]
