"""`lungnet predict`: a probability for each series."""

import argparse

from lungnet.cli.series import add_series_arguments, find_all_series, pseudonyms_of

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
    from lungnet.inference import Predictor
    from lungnet.progress import track

    model = Path(args.model)
    predictor = Predictor(model / "bundle" if (model / "bundle").is_dir() else model)
    series_list = find_all_series(
        args.paths, predictor.bundle.experiment.preparation.intake, pseudonyms_of(args)
    )
    rows = list(track(predictor.predict_series(series_list), "predict", total=len(series_list)))
    is_synthetic = bool(predictor.bundle.training.get("synthetic"))
    if args.json:
        print_json(
            {
                "model": str(model),
                "trained_on_synthetic": is_synthetic,
                "series": [asdict(row) for row in rows],
            }
        )
    else:
        for row in rows:
            answer = (
                f"refused: {row.reason}: {row.detail}"
                if row.probability is None
                else f"{row.probability:.3f}"
            )
            codes = (
                f"  ({', '.join(sorted({warned.code for warned in row.warnings}))})"
                if row.warnings
                else ""
            )
            print(f"{row.patient_id or '-'}  {row.series_uid or row.path}  {answer}{codes}")
        refused = sum(row.status == "refused" for row in rows)
        print(f"{len(rows)} series: {len(rows) - refused} answered, {refused} refused")
        print(
            "Research use, not a medical device."
            + (" The model was trained on synthetic chests only." if is_synthetic else "")
        )
    return 3 if args.strict and any(row.status == "refused" for row in rows) else None
