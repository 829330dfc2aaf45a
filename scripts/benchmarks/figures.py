"""What the benchmarks have in common.

Rows with a goal, both sides timed in turn, a table, JSON, and docs/benchmarks.md.
"""

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `scripts/benchmarks/NAME.py --write` (and `scripts/fuzz_dicom.py --write`), a section
each; both sides of a ratio are measured in one run, in turns, and the least of several rounds
counts.
"""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        figure: what was measured.
        ours: of lungnet.
        peer: of the other side; None where there is none.
        ratio: of ours to the peer's.
        unit: of both.
        goal: in words.
        holds: whether it is reached.
    """

    figure: str
    ours: float
    peer: float | None
    ratio: float | None
    unit: str
    goal: str
    holds: bool


def seconds(work: Callable[[], object], clock: Clock) -> float:
    """Seconds of one call, by the CPU's clock or the wall's."""
    gc.collect()
    start = clock()
    work()
    return clock() - start


def best(
    *works: Callable[[], object], rounds: int = 3, clock: Clock = time.process_time
) -> list[float]:
    """Least seconds of each, the sides taking turns."""
    return [
        min(times)
        for times in zip(
            *([seconds(work, clock) for work in works] for _ in range(rounds)), strict=True
        )
    ]


def status_bytes(name: str) -> int:
    """A line of Linux' /proc; unlike `ru_maxrss` it does not begin with the parent's peak."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that every benchmark takes."""
    parser.add_argument("--json", action="store_true", help="a list of figures on standard output")
    parser.add_argument(
        "--write", action="store_true", help="write the section of docs/benchmarks.md"
    )


def report(
    rows: Sequence[Row], args: argparse.Namespace, name: str, versions: Sequence[str]
) -> None:
    """Print the rows, and write them where asked to."""
    if args.json:
        json.dump([asdict(row) for row in rows], sys.stdout, indent=1)
    else:
        for row in rows:
            verdict = "holds" if row.holds else "SHORT"
            print(
                f"{verdict}  {row.figure}: {row.ours} {row.unit} (peer {row.peer}, ratio "
                f"{row.ratio}; goal {row.goal})"
            )
    if args.write:
        write_section(name, rows, versions)


def write_section(name: str, rows: Sequence[Row], versions: Sequence[str]) -> None:
    """Replace or add a section of the page."""
    sections = (
        dict(part.split("\n", 1) for part in PAGE.read_text().split("\n## ")[1:])
        if PAGE.is_file()
        else {}
    )
    used = ", ".join(f"{package} {version(package)}" for package in ("lungnet", *versions))
    lines = [
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, Python {platform.python_version()}, {used}.",
        "",
        "| figure | ours | peer | ratio | unit | goal | |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row.figure} | {row.ours:g} | {'' if row.peer is None else f'{row.peer:g}'} | "
            f"{'' if row.ratio is None else row.ratio} "
            f"| {row.unit} | {row.goal} | {'holds' if row.holds else '**short**'} |"
            for row in rows
        ),
        "",
    ]
    sections[name] = "\n".join(lines)
    PAGE.write_text(
        HEAD
        + "".join(f"\n## {title}\n{body.rstrip()}\n" for title, body in sorted(sections.items()))
    )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{len(os.sched_getaffinity(0))} cores ({models[0] if models else platform.machine()}), "
        f"{memory:.0f} GB, no GPU"
    )
