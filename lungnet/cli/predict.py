"""`lungnet predict`: a probability for each series."""

import argparse
from typing import TYPE_CHECKING

from lungnet.cli.series import add_series_arguments, find_all_series

if TYPE_CHECKING:
    from lungnet.inference import Prediction

SUMMARY = "answer for new series with a trained bundle: a row per series"
EXAMPLE = "lungnet predict runs/demo/bundle data/raw --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `lungnet predict`."""
    parser.add_argument("model", metavar="MODEL", help="a bundle, or the run folder that holds one")
    add_series_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int | None:
    """Predict every series found, and print the rows."""
    from dataclasses import asdict
    from pathlib import Path

    from lungnet.cli.main import print_json
    from lungnet.cli.tables import print_table
    from lungnet.inference import Predictor, bundle_folder
    from lungnet.progress import track

    predictor = Predictor(bundle_folder(Path(args.model)))
    bounds = predictor.bundle.experiment.preparation.intake
    series_list = find_all_series(args, bounds)
    rows = list(track(predictor.predict_series(series_list), "predict", total=len(series_list)))
    refused = sum(row.status == "refused" for row in rows)
    is_synthetic = bool(predictor.bundle.training.get("synthetic"))
    if args.json:
        series = [asdict(row) for row in rows]
        model = {"model": args.model, "trained_on_synthetic": is_synthetic}
        print_json({**model, "series": series})
    else:
        print_table(("patient", "series", "probability", "what to know"), map(_cells, rows))
        print(f"{len(rows)} series: {len(rows) - refused} answered, {refused} refused")
        trained_on = " The model was trained on synthetic chests only." if is_synthetic else ""
        print(f"Research use, not a medical device.{trained_on}")
    return 3 if args.strict and refused else None


def _cells(row: "Prediction") -> tuple[str, ...]:
    codes = ", ".join(sorted({warning.code for warning in row.warnings}))
    names = row.patient_id or "-", row.series_uid or row.path
    if row.probability is None:
        return (*names, "refused", f"{row.reason}: {row.detail}")
    return (*names, f"{row.probability:.3f}", codes)
