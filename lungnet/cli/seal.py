"""`lungnet seal`: the bundle of a run that was trained where TensorFlow or OpenVINO is not."""

import argparse
from pathlib import Path

SUMMARY = (
    "make the bundle of a run that was trained where TensorFlow or OpenVINO is not; needs no cohort"
)
EXAMPLE = "lungnet seal runs/nodules"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder that holds `unsealed`")


def run(args: argparse.Namespace) -> None:
    """Export, prove, write the bundle, and print where it lies."""
    from lungnet.processes.keras_backend import use_backend

    use_backend("tensorflow")
    from lungnet.training.bundling.sealing import seal_run

    print(f"bundle: {seal_run(args.run)}")
