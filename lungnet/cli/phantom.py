"""`lungnet phantom`: a synthetic cohort with known nodules."""

import argparse
from pathlib import Path

SUMMARY = "a synthetic cohort as DICOM in Kaggle's layout, with labels.csv and truth.csv"
EXAMPLE = "lungnet phantom --patients 24 --seed 7 --out data/phantom --matrix 192"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "--patients", type=int, required=True, metavar="N", help="how many patients"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="the same seed gives the same bytes (default: 0)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to fill; patients already there are kept",
    )
    parser.add_argument(
        "--matrix",
        type=int,
        default=512,
        metavar="M",
        help="rows and columns of a slice, 64 to 1024 (default: 512; 192 is quick)",
    )
    parser.add_argument("--jobs", type=int, metavar="J", help="processes (default: one per core)")


def run(args: argparse.Namespace) -> None:
    """Make the cohort and say what it holds."""
    import os

    from lungnet.errors import UsageError

    if not 64 <= args.matrix <= 1024:
        raise UsageError(f"--matrix {args.matrix}: expected 64 to 1024")
    from lungnet.config.phantom import PhantomConfig
    from lungnet.phantom.cohort import make_cohort

    jobs = args.jobs if args.jobs is not None else os.cpu_count() or 1
    done = make_cohort(args.out, args.patients, args.seed, PhantomConfig(matrix=args.matrix), jobs)
    print(
        f"{args.out}: {done.patients} synthetic patients, {done.positives} of them with cancer, "
        f"{done.nodules} nodules "
        f"({done.made} patients made, {done.reused} reused)"
    )
