"""`lungnet predict`: a probability for each series, or for each place in it."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lungnet.cli.series import add_series_arguments, find_all_series, pseudonyms_of

if TYPE_CHECKING:
    from lungnet.inference import PlaceQueries, Prediction, ScoredPlace
    from lungnet.intake import Series

SUMMARY = "answer for new series with a trained bundle: a row per series, or per place of a nodule"
EXAMPLE = "lungnet predict runs/demo/bundle data/raw --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `lungnet predict`."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a bundle, the run folder that holds one, or the name of one that ships",
    )
    add_series_arguments(parser)
    parser.add_argument(
        "--at",
        metavar="X,Y,Z",
        action="append",
        default=[],
        help="a place in LPS millimetres, for a bundle that judges nodules; may be repeated",
    )
    parser.add_argument(
        "--places",
        metavar="CSV",
        type=Path,
        help="places as rows with x_mm, y_mm, z_mm, and perhaps diameter_mm and series_uid",
    )
    parser.add_argument(
        "--candidates",
        metavar="SCORE",
        type=float,
        help="the candidates that preparation finds with at least this score, as places",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int | None:
    """Predict every series found, and print the rows."""
    from dataclasses import asdict

    from lungnet.cli.main import print_json
    from lungnet.inference import NodulePredictor, load_predictor
    from lungnet.progress import track

    queries = _queries(args)
    predictor = load_predictor(args.model)
    judges_places = isinstance(predictor, NodulePredictor)
    _check_queries(args.model, queries, judges_places=judges_places)
    series_list = find_all_series(args, predictor.bundle.experiment.preparation.intake)
    _tell_unmatched(queries, series_list)
    answers = (
        predictor.predict_series(series_list, queries)
        if isinstance(predictor, NodulePredictor)
        else predictor.predict_series(series_list)
    )
    rows = list(track(answers, "predict", total=len(series_list)))
    if args.json:
        is_synthetic = predictor.network.is_synthetic
        model = {"model": args.model, "trained_on_synthetic": is_synthetic}
        meaning = {"meaning": predictor.MEANING}
        print_json({**model, **meaning, "series": [asdict(row) for row in rows]})
    else:
        _print(rows, judges_places=judges_places)
        trained_on = (
            "The model was trained on synthetic chests only. "
            if predictor.network.is_synthetic
            else ""
        )
        print(f"{trained_on}Shown: {predictor.MEANING}.")
    statuses = {row.status for row in rows} | {s.status for row in rows for s in row.places}
    return 3 if args.strict and ("refused" in statuses or queries.left_out) else None


def _queries(args: argparse.Namespace) -> "PlaceQueries":
    """What `--at`, `--places` and `--candidates` ask for."""
    from dataclasses import replace

    from lungnet.inference import PlaceQueries, parse_place, read_places

    asked = [parse_place(text) for text in args.at]
    listed, left_out = read_places(args.places) if args.places else ((), 0)
    pseudonyms = pseudonyms_of(args)
    if pseudonyms is not None:
        listed = tuple(replace(q, series_uid=pseudonyms.uid(q.series_uid)) for q in listed)
    return PlaceQueries((*asked, *listed), args.candidates, left_out)


def _check_queries(model: str, queries: "PlaceQueries", *, judges_places: bool) -> None:
    from lungnet.errors import UsageError

    if judges_places and queries.is_empty:
        raise UsageError(
            f"{model} judges nodules at places that are given; give --at x,y,z, --places CSV or "
            "--candidates SCORE"
        )
    if not judges_places and not queries.is_empty:
        raise UsageError(
            f"{model} judges a whole series, not places; leave --at, --places and --candidates out"
        )


def _tell_unmatched(queries: "PlaceQueries", series_list: "list[Series]") -> None:
    import logging

    unmatched = queries.unmatched([series.series_uid for series in series_list])
    if unmatched:
        logging.getLogger("lungnet").warning(
            "%d of %d places name a series_uid that is not below the given paths; they are left "
            "out",
            unmatched,
            len(queries.places),
        )


def _print(rows: "list[Prediction]", *, judges_places: bool) -> None:
    from lungnet.cli.tables import print_table

    refused = sum(row.status == "refused" for row in rows)
    if not judges_places:
        print_table(("patient", "series", "probability", "what to know"), map(_cells, rows))
        print(f"{len(rows)} series: {len(rows) - refused} answered, {refused} refused")
        return
    headings = ("patient", "series", "x, y, z (mm)", "probability", "mm", "what to know")
    print_table(headings, (cells for row in rows for cells in _cells_of_places(row)))
    statuses = [scored.status for row in rows for scored in row.places]
    refused_places = statuses.count("refused")
    print(
        f"{len(statuses)} places in {len(rows)} series ({refused} refused): "
        f"{len(statuses) - refused_places} answered, {refused_places} refused"
    )


def _cells(row: "Prediction") -> tuple[str, ...]:
    names = row.patient_id or "-", row.series_uid or row.path
    if row.status == "refused":
        return (*names, "refused", f"{row.reason}: {row.detail}")
    return (*names, f"{row.probability:.3f}", _codes(row))


def _cells_of_places(row: "Prediction") -> Iterator[tuple[str, ...]]:
    """A line for each place, or one for a series without any."""
    names = row.patient_id or "-", row.series_uid or row.path
    if row.status == "refused":
        yield (*names, "", "refused", "", f"{row.reason}: {row.detail}")
    elif not row.places:
        yield (*names, "", "", "", "no place was asked about in this series")
    for scored in row.places:
        where = ", ".join(f"{number:g}" for number in scored.centre_mm)
        yield (*names, where, *_place_cells(scored, _codes(row)))


def _place_cells(scored: "ScoredPlace", codes: str) -> tuple[str, str, str]:
    if scored.status == "refused":
        return "refused", "", f"{scored.reason}: {scored.detail}"
    diameter = "" if scored.diameter_mm is None else f"{scored.diameter_mm:.1f}"
    ratings = ", ".join(
        f"{name.replace('_', ' ')} {value:.1f}" for name, value in scored.attributes.items()
    )
    return (
        f"{scored.probability:.3f}",
        diameter,
        "; ".join(filter(None, (ratings, scored.detail, codes))),
    )


def _codes(row: "Prediction") -> str:
    return ", ".join(sorted({warning.code for warning in row.warnings}))
