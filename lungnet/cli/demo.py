"""`lungnet demo`: the whole road in one go, on synthetic chests."""

import argparse

SUMMARY = "phantom, prepare, train, evaluate, report, in one go; a second call reuses what is done"
EXAMPLE = "lungnet demo --out demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `lungnet demo`."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        default="demo",
        help="where raw, store, run and report go (default: demo)",
    )


def run(args: argparse.Namespace) -> None:
    """Walk the road, then print the report's path and the headline figures."""
    from pathlib import Path

    from lungnet.demo import walk

    print(walk(Path(args.out)))
