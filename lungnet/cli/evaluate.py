"""`lungnet evaluate`.

Predictions, in a CSV or a run folder, become figures with intervals and a page; so does a model on
another cohort.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lungnet.evaluation.metrics import Metrics

SUMMARY = (
    "score predictions, or a model on another cohort: metrics with 95 % intervals, and a report to "
    "read"
)
EXAMPLE = "lungnet evaluate runs/demo --out runs/demo/report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "predictions",
        metavar="RUN|MODEL|CSV",
        help=(
            "a run folder, or a CSV with patient_id, label and probability; with --cohort a "
            "bundle, a run, or the name of a bundle that ships"
        ),
    )
    parser.add_argument(
        "--cohort",
        type=Path,
        metavar="PATH",
        help="a store with labels or a nodule file, to score the model on",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="CSV",
        help="with --cohort: labels of the store (default: those in it)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for report.html, metrics.json and cases.csv",
    )
    _add_scoring_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print metrics.json on standard output")


def _add_scoring_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="which rows to score (default: test, else out-of-fold, else all)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="T",
        help=(
            "call positive from this probability on (default: chosen on validation rows or other "
            "folds, else 0.5)"
        ),
    )
    parser.add_argument(
        "--synthetic",
        action="store_true",
        help="the patients of a CSV are made up; the report will say so",
    )


def run(args: argparse.Namespace) -> None:
    """Score, write, and tell the headline figures."""
    from lungnet.cli.main import print_json
    from lungnet.cli.tables import print_table
    from lungnet.errors import UsageError

    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise UsageError(f"--threshold {args.threshold:g} is no probability; expected 0 to 1")
    metrics, page = _cohort_scored(args) if args.cohort else _predictions_scored(args)
    if args.json:
        print_json(metrics.to_json())
        return
    from lungnet.reporting.sentences import (
        baseline_sentence,
        diameter_sentence,
        headline,
        key_figures,
    )

    print(f"{metrics.verdict}: {headline(metrics)}")
    print(diameter_sentence(metrics))
    if metrics.diameter_and_brightness is not None:
        print(baseline_sentence(metrics))
    lines = key_figures(metrics)
    print_table(("figure", "model", "interval"), ((x.name, x.model, x.interval) for x in lines))
    print(f"report: {page}")


def _predictions_scored(args: argparse.Namespace) -> "tuple[Metrics, Path]":
    from lungnet.errors import UsageError
    from lungnet.models.shipped import shipped_names
    from lungnet.reporting.run_report import report_predictions

    if args.labels:
        raise UsageError("--labels goes with --cohort; predictions hold their labels")
    source = Path(args.predictions)
    if not source.exists() and args.predictions in shipped_names():
        raise UsageError(f"{args.predictions} is a model; give --cohort PATH to score it on")
    return report_predictions(
        source,
        args.out,
        split=args.split,
        threshold=args.threshold,
        synthetic=args.synthetic,
    )


def _cohort_scored(args: argparse.Namespace) -> "tuple[Metrics, Path]":
    from lungnet.errors import UsageError
    from lungnet.reporting.cohort_report import report_cohort

    if args.split or args.synthetic:
        raise UsageError("--split and --synthetic are for predictions; --cohort is scored whole")
    return report_cohort(
        args.predictions, args.cohort, args.out, labels=args.labels, threshold=args.threshold
    )
