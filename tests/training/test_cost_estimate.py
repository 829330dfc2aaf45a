"""What a dry run measures: nothing is left of it, and what it says is near what comes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from lungnet.training.cost_estimate import TrainingCost, _part, estimate_cost
from lungnet.training.judging import member_batches
from lungnet.training.plan import make_plan

MOST = 2
"""Estimate and truth differ by this factor at most."""


def test_an_estimate_leaves_the_plan_and_every_folder_as_they_were(
    experiment_of, tmp_path, monkeypatch
):
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    plan = make_plan(experiment_of())
    before = [np.array(variable) for variable in plan.first_network.variables]
    cost = estimate_cost(plan)
    assert list(here.iterdir()) == []
    # TensorFlow keeps files of its own there until the process ends.
    folders = {path.name for path in temporary.iterdir() if path.is_dir()}
    assert folders <= {"__pycache__"}
    for value, variable in zip(before, plan.first_network.variables, strict=True):
        np.testing.assert_array_equal(value, variable)
    assert 0 < cost.epoch_s * plan.experiment.training.epochs < cost.total_s
    assert cost.peak_bytes > 1e8


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"data": {"folds": 3}},
        {"training": {"ensemble": {"folds": 2}}, "data": {"split": {"validation": 0}}},
        {"training": {"sampling": "balanced", "batch_size": 5}},
    ],
)
def test_every_way_to_train_can_be_estimated(experiment_of, settings):
    small = experiment_of(**{"model": {"hidden": []}, **settings})
    assert estimate_cost(make_plan(small)).total_s > 0


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_a_part_of_the_rows_holds_both_labels_and_a_share_of_the_steps(
    experiment_of, share, sampling
):
    plan = make_plan(experiment_of(training={"sampling": sampling}))
    whole = member_batches(plan, next(plan.judges()).members[0])
    part = _part(plan, whole, share)
    labels = plan.cohort.table["label"].to_numpy()
    for rows, all_rows in (
        (part.schedule.rows, whole.schedule.rows),
        (part.validation, whole.validation),
    ):
        assert set(rows) <= set(all_rows)
        assert len(set(rows)) == len(rows)
        assert set(labels[rows]) == {0, 1}
    assert abs(part.schedule.steps - max(1, share * whole.schedule.steps)) <= 1
    assert part.schedule.size == whole.schedule.size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "0.012 s"), (89.0, "89 s"), (95.0, "1.6 min"), (5399, "90 min"), (9000, "2.5 h")],
)
def test_durations_are_for_people(seconds, words):
    assert str(TrainingCost(seconds, 3.0, 1_230_000_000)) == (
        f"about {words} an epoch, 3 s in all if none stops early; 1.2 GB of memory"
    )


MEASURE = """
import json, sys
from pathlib import Path
from lungnet.config.load import load_experiment
from lungnet.training.cost_estimate import estimate_cost, peak_bytes
from lungnet.training.plan import make_plan
from lungnet.training.train import train

experiment = load_experiment(Path(sys.argv[1]))
if len(sys.argv) == 2:
    print(json.dumps(estimate_cost(make_plan(experiment)).peak_bytes))
else:
    train(experiment, Path(sys.argv[2]), resume=False, epoch_done=lambda *_: None)
    print(json.dumps(peak_bytes()))
"""


@pytest.mark.slow
def test_the_memory_of_a_training_is_foreseen_within_a_factor_of_two(experiment_of, tmp_path):
    from lungnet.config.load import dump_experiment

    config = tmp_path / "config.yaml"
    config.write_text(dump_experiment(experiment_of()))
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    estimate, truth = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", MEASURE, str(config), *more],
                check=True,
                capture_output=True,
                env=environment,
            ).stdout.splitlines()[-1]
        )
        for more in ([], [str(tmp_path / "run")])
    )
    assert truth / MOST <= estimate <= truth * MOST
