"""`lungnet evaluate`.

Predictions, in a CSV or a run folder, become figures with intervals and a page.
"""

import argparse
from pathlib import Path

SUMMARY = "score predictions: metrics with 95 % intervals, and a report to read"
EXAMPLE = "lungnet evaluate runs/demo --out runs/demo/report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "predictions",
        type=Path,
        metavar="RUN|CSV",
        help="a run folder, or a CSV with patient_id, label and probability",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for report.html, metrics.json and cases.csv",
    )
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
    parser.add_argument("--json", action="store_true", help="print metrics.json on standard output")


def run(args: argparse.Namespace) -> None:
    """Score, write, and tell the headline figures."""
    from lungnet.cli.main import print_json
    from lungnet.cli.tables import print_table
    from lungnet.errors import UsageError
    from lungnet.reporting.run_report import report_predictions

    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise UsageError(f"--threshold {args.threshold:g} is no probability; expected 0 to 1")
    metrics, page = report_predictions(
        args.predictions,
        args.out,
        split=args.split,
        threshold=args.threshold,
        synthetic=args.synthetic,
    )
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
