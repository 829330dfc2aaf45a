"""`lungnet inspect`: a verdict on every series below some paths."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lungnet.cli.series import (
    add_config_argument,
    add_series_arguments,
    find_all_series,
    preparation_of,
    pseudonyms_of,
)

if TYPE_CHECKING:
    from lungnet.intake import SeriesRow

SUMMARY = "say of every CT series whether it is usable, and why not"
EXAMPLE = "lungnet inspect data/raw"

REFUSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_series_arguments(parser)
    add_config_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")


def run(args: argparse.Namespace) -> int | None:
    """Read every series and show its row."""
    from lungnet.cli.main import print_json
    from lungnet.intake import choose, inspect_series
    from lungnet.progress import track

    series_list = find_all_series(args.paths, preparation_of(args).intake, pseudonyms_of(args))
    rows = choose(
        [inspect_series(series) for series in track(series_list, "series", len(series_list))]
    )
    if args.json:
        print_json({"series": [row.to_json() for row in rows]})
    else:
        for line in _table(rows):
            print(line)
    return REFUSED if args.strict and any(row.status == "refused" for row in rows) else None


def _table(rows: "list[SeriesRow]") -> list[str]:
    cells = [
        ("patient", "series", "verdict", "slices", "spacing mm (z, y, x)", "kernel", "what to know")
    ]
    for row in rows:
        verdict = row.reason or ("usable, chosen" if row.chosen else "usable")
        spacing = " x ".join(f"{s:.3g}" for s in row.spacing_mm) if row.spacing_mm else ""
        notes = (
            "; ".join(filter(None, [row.detail, *(f"{w.code}: {w.detail}" for w in row.warnings)]))
            or row.path
        )
        series = f"…{row.series_uid[-12:]}" if len(row.series_uid) > 13 else row.series_uid
        cells.append(
            (
                row.patient_id or "?",
                series or Path(row.path).name,
                verdict,
                str(row.slices),
                spacing,
                row.kernel,
                notes,
            )
        )
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]) - 1)]
    lines = [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        ).rstrip()
        for line in cells
    ]
    usable = sum(row.status == "usable" for row in rows)
    return [*lines, f"{len(rows)} series: {usable} usable, {len(rows) - usable} refused"]
