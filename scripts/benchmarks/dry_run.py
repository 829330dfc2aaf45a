"""Time and memory that `lungnet train --dry-run` foresees, beside what the training then takes.

.venv/bin/python scripts/benchmarks/dry_run.py [--write] [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from figures import Row, add_arguments, report

CONFIGURATIONS = {
    "small": ["input.size=[10, 10]", "model.channels=[4, 8]", "training.epochs=6"],
    "three folds": [
        "data.folds=3",
        "input.size=[24, 24]",
        "model.channels=[16, 32]",
        "training.epochs=4",
    ],
    "wide": [
        "input.size=[32, 32]",
        "model.channels=[48, 96]",
        "model.blocks=2",
        "training.epochs=5",
    ],
}
"""What is trained, by name; the last is estimated from a share of its epoch."""

NODULES = 1200

MOST = 2.0
"""Estimate and truth differ by this factor at most (issue 16)."""

MEASURE = """
import json, sys, time
from pathlib import Path
from lungnet.config.load import load_experiment
from lungnet.training.cost_estimate import estimate_cost, peak_bytes
from lungnet.training.plan import make_plan
from lungnet.training.train import train

experiment = load_experiment(Path(sys.argv[1]), sys.argv[3:])
if sys.argv[2] == "estimate":
    cost = estimate_cost(make_plan(experiment))
    print(json.dumps([cost.epoch_s, cost.total_s, cost.peak_bytes]))
else:
    ends = []
    start = time.monotonic()
    told = lambda *_: ends.append(time.monotonic())
    train(experiment, Path(sys.argv[2]), resume=False, epoch_done=told)
    # Of the first network, and without the epoch that begins it.
    epochs = ends[: experiment.training.epochs]
    epoch_s = (epochs[-1] - epochs[0]) / (len(epochs) - 1)
    print(json.dumps([epoch_s, time.monotonic() - start, peak_bytes()]))
"""


def main() -> None:
    """Estimate and train each configuration, in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        config = write_nodules(Path(folder))
        for name, settings in CONFIGURATIONS.items():
            estimate = measured(config, "estimate", settings)
            truth = measured(config, str(Path(folder) / name), settings)
            rows += [
                row(f"{name}: {figure}", ours / size, peer / size, unit)
                for figure, unit, size, ours, peer in zip(
                    ("an epoch", "in all", "memory"),
                    ("s", "s", "GB"),
                    (1, 1, 1e9),
                    estimate,
                    truth,
                    strict=True,
                )
            ]
    report(rows, args, "dry run (ours: foreseen, peer: as it came)", ("keras", "tensorflow"))


def write_nodules(folder: Path) -> Path:
    """Nodules of noise with a bright middle, and the configuration that all runs share."""
    rng = np.random.default_rng(7)
    label = np.arange(NODULES) % 2
    images = rng.normal(-800, 60, (NODULES, 36, 36)).astype(np.int16)
    images[:, 14:22, 14:22] += (300 + 400 * label)[:, None, None].astype(np.int16)
    patients = np.array([f"p{i}" for i in range(NODULES)])
    np.savez(folder / "nodules.npz", images=images, label=label, patient_id=patients)
    config = folder / "nodules.yaml"
    config.write_text(
        f"data: {{kind: nodules, path: {folder / 'nodules.npz'}}}\n"
        "input: {kind: nodule, size: [32, 32]}\n"
        "training: {patience: 99, augmentation: {flips: true, quarter_turns: true}}\n"
    )
    return config


def measured(config: Path, what: str, settings: list[str]) -> list[float]:
    """Seconds of an epoch, seconds in all and bytes of a process that estimates or trains."""
    command = [sys.executable, "-c", MEASURE, str(config), what, *settings]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    values: list[float] = json.loads(done.stdout.splitlines()[-1])
    return values


def row(figure: str, estimate: float, truth: float, unit: str) -> Row:
    """A figure that holds where the estimate is within the factor."""
    ratio = estimate / truth
    return Row(
        figure=figure,
        ours=round(estimate, 3),
        peer=round(truth, 3),
        ratio=round(ratio, 2),
        unit=unit,
        goal="0.5 to 2",
        holds=1 / MOST <= ratio <= MOST,
    )


if __name__ == "__main__":
    main()
