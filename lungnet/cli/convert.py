"""`lungnet convert`: HU as NIfTI in patient geometry, one file per usable series."""

import argparse
import csv
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from lungnet.cli.series import (
    add_config_argument,
    add_series_arguments,
    find_all_series,
    preparation_of,
)

if TYPE_CHECKING:
    from lungnet.intake import Series


SUMMARY = "write every usable series as NIfTI: HU, patient geometry"
EXAMPLE = "lungnet convert data/raw --out data/nifti"

COLUMNS = ("file", "patient_id", "series_uid", "status", "reason", "detail")

log = logging.getLogger("lungnet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_series_arguments(parser)
    add_config_argument(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for the NIfTI files and series.csv, which says whose they are",
    )


def run(args: argparse.Namespace) -> int | None:
    """Convert every usable series and list all of them."""
    from lungnet.errors import InputError
    from lungnet.files import harmless, write_text
    from lungnet.progress import track

    series_list = find_all_series(args, preparation_of(args).intake)
    rows = [_convert(series, args.out) for series in track(series_list, "series", len(series_list))]
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: harmless(cell) for column, cell in row.items()} for row in rows)
    write_text(args.out / "series.csv", table.getvalue())
    refused = [row for row in rows if row["status"] == "refused"]
    for row in refused:
        log.info(
            "refused: patient %s, series …%s: %s: %s",
            row["patient_id"] or "?",
            row["series_uid"][-12:],
            row["reason"],
            row["detail"],
        )
    print(f"{len(rows) - len(refused)} series written to {args.out}, {len(refused)} refused")
    if len(refused) == len(rows):
        raise InputError(
            f"none of the {len(rows)} series is usable; {args.out / 'series.csv'} says why"
        )
    return InputError.exit_code if args.strict and refused else None


def _convert(series: "Series", out: Path) -> dict[str, str]:
    from lungnet.errors import SeriesRefused
    from lungnet.intake import read_series, series_key
    from lungnet.intake.formats.nifti import write_nifti

    row = dict.fromkeys(COLUMNS, "") | {
        "patient_id": series.patient_id,
        "series_uid": series.series_uid,
    }
    try:
        volume = read_series(series)
    except SeriesRefused as refusal:
        return row | {"status": "refused", "reason": refusal.reason, "detail": refusal.detail}
    name = f"{series_key(series.patient_id, series.series_uid, series.stack)}.nii.gz"
    write_nifti(volume, out / name)
    return row | {
        "file": name,
        "status": "usable",
        "detail": "; ".join(f"{w.code}: {w.detail}" for w in volume.warnings),
    }
