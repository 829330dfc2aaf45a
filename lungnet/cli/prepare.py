"""`lungnet prepare`: fills or completes a store."""

import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
"""Series of a verdict that are listed by line; the store's refused.csv and --json list all."""

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
        help="`patient_id,label` or `id,cancer`, also by `series_uid` or by `study_date` too, and "
        "more columns at will",
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
    from dataclasses import asdict

    from lungnet.cli.main import print_json
    from lungnet.processes.worker_pool import default_jobs
    from lungnet.progress import track
    from lungnet.store import fill_store, read_labels

    start = time.monotonic()
    labels = read_labels(args.labels) if args.labels else None
    pseudonyms = pseudonyms_of(args)
    if labels is not None and pseudonyms is not None:
        labels = labels.renamed(pseudonyms)
    config = preparation_of(args)
    series_list = find_all_series(args, config.intake)
    jobs = args.jobs or default_jobs()
    filling = fill_store(series_list, args.out, config, jobs=jobs, labels=labels)
    rows = list(track(filling, "prepare", len(series_list)))
    summary = _summary(args.out, rows)
    if args.json:
        series = sorted(rows, key=lambda row: (row.patient_id, row.series_uid, row.path))
        seconds = round(time.monotonic() - start, 3)
        document = {**summary, "seconds": seconds, "series": [asdict(row) for row in series]}
        print_json({"store": str(args.out), **document})
    else:
        _print(args.out, rows, summary)
    has_failed = any(row.status == "refused" or row.lung_litres is None for row in rows)
    return 3 if args.strict and has_failed else None


def _summary(store: Path, rows: "list[PreparedRow]") -> dict[str, Any]:
    """Counts of verdicts and warnings, and of series that are not used beside a better one."""
    from lungnet.store import Store

    statuses = Counter(row.status for row in rows)
    codes = Counter(warning.code for row in rows for warning in row.warnings)
    return {
        **{name: statuses[name] for name in ("prepared", "reused", "refused")},
        "not_chosen": int((~Store.open(store).manifest["chosen"]).sum()),
        "warnings": dict(sorted(codes.items(), key=lambda item: (-item[1], item[0]))),
    }


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 to 1024")
    return int(text)


def _print(store: Path, rows: "list[PreparedRow]", summary: dict[str, Any]) -> None:
    from lungnet.cli.tables import print_table

    refused = [row for row in rows if row.status == "refused"]
    warned = [row for row in rows if row.status != "refused" and row.warnings]
    # What preparation doubts first: a scan without lungs before one whose ids are doubtful.
    warned.sort(key=lambda row: (row.lung_litres is not None, -len(_doubts(row))))
    listed = [*refused[:MOST_LISTED], *warned[:MOST_LISTED]]
    if listed:
        print_table(("patient", "series", "status", "litres", "what to know"), map(_cells, listed))
    for name, some, place in (
        ("refused", refused, store / "refused.csv"),
        ("with warnings", warned, "--json"),
    ):
        if len(some) > MOST_LISTED:
            print(f"... and {len(some) - MOST_LISTED} more {name}, see {place}")
    if summary["warnings"]:
        counts = ", ".join(f"{code} {count}" for code, count in summary["warnings"].items())
        print(f"warnings: {counts}")
    beside = f", {summary['not_chosen']} not chosen beside a better one of their patient"
    print(
        f"{store}: {summary['prepared']} series prepared, {summary['reused']} reused, "
        f"{summary['refused']} refused{beside if summary['not_chosen'] else ''}"
    )


def _doubts(row: "PreparedRow") -> list[str]:
    from lungnet.preprocessing.warning_codes import WARNINGS

    return [warning.code for warning in row.warnings if warning.code in WARNINGS]


def _cells(row: "PreparedRow") -> tuple[str, ...]:
    litres = "" if row.lung_litres is None else f"{row.lung_litres:.1f}"
    notes = [f"{warning.code}: {warning.detail}" for warning in row.warnings]
    if row.status == "refused":
        notes = [f"{row.reason}: {row.detail}"]
    names = row.patient_id or "-", row.series_uid or row.path
    return (*names, row.status, litres, "; ".join(notes))
