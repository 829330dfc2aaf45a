"""`lungnet prepare`: fills or completes a store."""

import argparse
import logging
from collections import Counter
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
    from lungnet.store import PreparedRow


SUMMARY = (
    "turn CT series into a store of resampled scans with lungs and candidates; completes what is "
    "there"
)
EXAMPLE = "lungnet prepare data/raw --out data/store --labels data/labels.csv"


MOST_LISTED = 20
"""Refused series that are listed by line; the store's refused.csv lists all."""

log = logging.getLogger("lungnet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_series_arguments(parser)
    add_config_argument(parser)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="STORE", help="the store to fill"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="CSV",
        help="`id,cancer` or `patient_id,label`, and more columns at will",
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="processes (default: one per core, as far as memory goes)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int | None:
    """Find, prepare, report."""
    import time

    from lungnet.processes.worker_pool import default_jobs
    from lungnet.progress import track
    from lungnet.store import fill_store, read_labels

    start = time.monotonic()
    labels = read_labels(args.labels) if args.labels else None
    pseudonyms = pseudonyms_of(args)
    if labels is not None and pseudonyms is not None:
        labels = labels.renamed(pseudonyms.patient)
    config = preparation_of(args)
    series_list = find_all_series(args, config.intake)
    rows = list(
        track(
            fill_store(
                series_list, args.out, config, jobs=args.jobs or default_jobs(), labels=labels
            ),
            "prepare",
            len(series_list),
        )
    )
    counts = Counter(row.status for row in rows)
    if args.json:
        _print_json(args.out, rows, counts, time.monotonic() - start)
    else:
        _print(args.out, rows, counts)
    return 3 if args.strict and counts["refused"] else None


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 to 1024")
    return int(text)


def _print(out: Path, rows: "list[PreparedRow]", counts: Counter[str]) -> None:
    refused = [row for row in rows if row.status == "refused"]
    for row in refused[:MOST_LISTED]:
        print(
            f"refused  {row.patient_id or '-'}  {row.series_uid or row.path}  {row.reason}: "
            f"{row.detail}"
        )
    if len(refused) > MOST_LISTED:
        print(f"... and {len(refused) - MOST_LISTED} more, see {out / 'refused.csv'}")
    print(
        f"{out}: {counts['prepared']} series prepared, {counts['reused']} reused, "
        f"{counts['refused']} refused"
    )


def _print_json(out: Path, rows: "list[PreparedRow]", counts: Counter[str], seconds: float) -> None:
    from dataclasses import asdict

    from lungnet.cli.main import print_json

    series = [
        asdict(row)
        for row in sorted(rows, key=lambda row: (row.patient_id, row.series_uid, row.path))
    ]
    print_json(
        {
            "store": str(out),
            **{name: counts[name] for name in ("prepared", "reused", "refused")},
            "seconds": round(seconds, 3),
            "series": series,
        }
    )
