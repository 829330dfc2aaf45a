"""`kill -9` at random moments of a training with everything random on: the weights stay the same.

A process of its own, as a user's is; slow, because each start reads Keras anew.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import pytest
import yaml
from numpy.testing import assert_array_equal

MOMENTS = 30
KILLS_OF_A_RUN = 6
SOONEST_S, LATEST_S = 4.0, 18.0
"""A process needs some five seconds to begin, and twenty for the rest on two quiet cores."""

EVERYTHING = {
    "data": {"split": {"validation": 0.2}},
    "input": {"scalars": [{"column": "diameter_mm", "log": True}], "centre_distance": True},
    "model": {"heads": ["attributes", "diameter"], "architecture": "resnet"},
    "optimizer": {"average": 0.9, "accumulate": 2, "warmup": 0.2},
    "training": {
        "epochs": 12,
        "patience": 12,
        "checkpoint_every_steps": 2,
        "sampling": "balanced",
        "ensemble": {"seeds": 2},
        "loss": {"name": "focal", "balance": True},
    },
}
"""On top of `experiment_of`, which has dropout, RReLU and augmentation."""


def start(config, run):
    command = [sys.executable, "-m", "lungnet", "train", str(config), "--run", str(run), "--resume"]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(config, run):
    process = start(config, run)
    _, told = process.communicate()
    assert process.returncode == 0, told.decode()


def weights_of(run):
    found = {}
    for path in sorted((run / "bundle").rglob("model.weights.h5")):
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item, path=path: (
                    found.__setitem__((path.parent.name, name), item[()])
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
    return found


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_weights_of_one_that_was_not(
    tmp_path, experiment_of
):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(experiment_of(**EVERYTHING).model_dump(mode="json")))
    finish(config, tmp_path / "whole")
    expected = weights_of(tmp_path / "whole")
    assert len({member for member, _ in expected}) == 2
    rng = random.Random(5)
    killed = 0
    for number in range(MOMENTS // KILLS_OF_A_RUN):
        run = tmp_path / f"killed-{number}"
        for _ in range(KILLS_OF_A_RUN):
            process = start(config, run)
            time.sleep(rng.uniform(SOONEST_S, LATEST_S))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            process.communicate()
        finish(config, run)
        for name, value in weights_of(run).items():
            assert_array_equal(value, expected[name], err_msg=str(name))
        with (run / "history.csv").open(newline="") as file:
            epochs = [(row["network"], row["epoch"]) for row in csv.DictReader(file)]
        assert len(epochs) == len(set(epochs)) == 24
    assert killed >= MOMENTS // 2
