"""`lungnet verify`: checks every byte of a store."""

import argparse
from pathlib import Path

SUMMARY = "check every byte of a store against its checksum; with --repair take out what is damaged"
EXAMPLE = "lungnet verify data/store"

DAMAGED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "store", type=Path, metavar="STORE", help="a store made by `lungnet prepare`"
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="remove damaged scans and write the tables anew; the next prepare makes them again",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int | None:
    """Check, and repair where asked."""
    from lungnet.cli.main import print_json
    from lungnet.progress import track
    from lungnet.store import repair_store, verify_store

    checked = list(track(verify_store(args.store), "verify"))
    damaged = [entry for entry in checked if entry.problem]
    doubtful = [entry for entry in checked if entry.doubts]
    removed = repair_store(args.store, damaged) if args.repair and damaged else []
    remaining = [] if args.repair else damaged
    if args.json:
        print_json(
            {
                "store": str(args.store),
                "checked": len(checked),
                "damaged": [{"name": entry.name, "problem": entry.problem} for entry in damaged],
                "doubtful": [{"name": entry.name, "warnings": entry.doubts} for entry in doubtful],
                "removed": removed,
                "holds": not remaining,
            }
        )
        return DAMAGED if remaining else None
    for entry in damaged:
        print(f"damaged  {entry.name}: {entry.problem}")
    for entry in doubtful:
        print(f"doubtful  {entry.name}: {', '.join(entry.doubts)}")
    for name in removed:
        print(f"removed  {name}")
    advice = ""
    if remaining:
        advice = f"; `lungnet verify {args.store} --repair` removes them"
        advice = f"{advice}, `lungnet prepare` makes them again"
    elif damaged:
        advice = ", repaired: run `lungnet prepare` again to complete it"
    counts = f"{len(checked)} checked, {len(damaged)} damaged, {len(doubtful)} doubtful"
    print(f"{args.store}: {counts}{advice}")
    return DAMAGED if remaining else None
