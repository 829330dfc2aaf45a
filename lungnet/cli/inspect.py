"""`lungnet inspect`: a verdict on every series below some paths."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lungnet.cli.series import (
    add_config_argument,
    add_series_arguments,
    find_all_series,
    preparation_of,
)

if TYPE_CHECKING:
    from lungnet.intake import SeriesRow

SUMMARY = "say of every CT series whether it is usable, and why not"
EXAMPLE = "lungnet inspect data/raw"

REFUSED = 3

HEADINGS = (
    "patient",
    "series",
    "verdict",
    "slices",
    "spacing mm (z, y, x)",
    "kernel",
    "what to know",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_series_arguments(parser)
    add_config_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")


def run(args: argparse.Namespace) -> int | None:
    """Read every series and show its row."""
    from lungnet.cli.main import print_json
    from lungnet.cli.tables import print_table
    from lungnet.intake import choose, inspect_series
    from lungnet.progress import track

    series_list = find_all_series(args, preparation_of(args).intake)
    read = track(series_list, "series", len(series_list))
    rows = choose([inspect_series(series) for series in read])
    refused = sum(row.status == "refused" for row in rows)
    if args.json:
        print_json({"series": [row.to_json() for row in rows]})
    else:
        print_table(HEADINGS, map(_cells, rows))
        print(f"{len(rows)} series: {len(rows) - refused} usable, {refused} refused")
    return REFUSED if args.strict and refused else None


def _cells(row: "SeriesRow") -> tuple[str, ...]:
    verdict = row.reason or ("usable, chosen" if row.chosen else "usable")
    spacing = " x ".join(f"{s:.3g}" for s in row.spacing_mm) if row.spacing_mm else ""
    warnings = [f"{warning.code}: {warning.detail}" for warning in row.warnings]
    notes = "; ".join(filter(None, [row.detail, *warnings])) or row.path
    series = f"…{row.series_uid[-12:]}" if len(row.series_uid) > 13 else row.series_uid
    return (
        row.patient_id or "?",
        series or Path(row.path).name,
        verdict,
        str(row.slices),
        spacing,
        row.kernel,
        notes,
    )
