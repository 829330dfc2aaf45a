"""The demo's network, a step of it in lungnet and in PyTorch, and what reading a store costs.

Both sides run in processes of their own, in turns, on all cores, with the same network, batch and
optimizer. PyTorch is installed into a virtual environment of its own, once.

    .venv/bin/python scripts/benchmarks/train.py [--json] [--write]
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import median

from figures import Row, add_arguments, report

TORCH = "torch==2.13.0"
SIDES_OF_A_CROP = {32: 9, 64: 5}
"""Voxels along an edge, and rounds of steps."""

HERE = Path(__file__).parent


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    args = parser.parse_args()
    torch = torch_python()
    rows = [step(edge, rounds, torch) for edge, rounds in SIDES_OF_A_CROP.items()]
    with tempfile.TemporaryDirectory() as folder:
        rows += reading(Path(folder))
        rows += memory(Path(folder))
    report(rows, args, "train", ("keras", "tensorflow", "grain"))


def torch_python() -> Path:
    """The interpreter of a virtual environment with PyTorch."""
    folder = Path(tempfile.gettempdir()) / "lungnet-benchmark-torch"
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "-q", TORCH, "numpy"]
        subprocess.run(install, check=True)  # noqa: S603
        (folder / "whole").touch()
    return python


def step(edge: int, rounds: int, torch: Path) -> Row:
    """Median seconds of a step on both sides, which take turns."""
    sides = [
        _side(sys.executable, "train_ours.py", "step", edge),
        _side(torch, "train_torch.py", edge),
    ]
    times: list[list[float]] = [[], []]
    for number in range(rounds + 1):
        for side, found in zip(sides, times, strict=True):
            seconds = float(_ask(side).split()[0])
            if number:  # the first warms up
                found.append(seconds)
    for side in sides:
        side.kill()
    ours, theirs = (round(median(found), 4) for found in times)
    ratio = round(ours / theirs, 2)
    name = f"a step of the demo's network, 96 crops of {edge} cubed, against PyTorch channels-last"
    return Row(name, ours, theirs, ratio, "s", "at most 1", ratio <= 1)


def reading(folder: Path) -> list[Row]:
    """An epoch from a store against one from memory, in turns, and the time spent waiting."""
    sides = [
        _side(sys.executable, "train_ours.py", place, 32, folder / "reading")
        for place in ("store", "memory")
    ]
    times: list[list[float]] = [[], []]
    waited = []
    for number in range(10):
        for side, found in zip(sides, times, strict=True):
            seconds, share = (float(word) for word in _ask(side).split())
            if number > 1:  # the first warms up, the second may find some crops for the first time
                found.append(seconds)
                waited += [share] if side is sides[0] else []
    for side in sides:
        side.kill()
    store, ram = (median(found) for found in times)
    ratio, share = round(ram / store, 3), round(median(waited), 4)
    return [
        Row("steps a second from the store, against memory", round(1 / store, 2),
            round(1 / ram, 2), ratio, "1/s", "at least 0.95", ratio >= 0.95),
        Row("share of the time spent waiting for the store", share, None, None, "",
            "below 0.03", share < 0.03),
    ]  # fmt: skip


def memory(folder: Path) -> list[Row]:
    """Peak memory of an epoch over 1,000 series against one over 50, at the same budget."""
    peaks = []
    for count in (1000, 50):
        side = _side(sys.executable, "train_ours.py", "small", 8, folder / f"of-{count}", count)
        for _ in range(2):
            answer = _ask(side)
        peaks.append(float(answer.split()[2]) / 1e9)
        side.kill()
    many, few = peaks
    ratio = round(many / few, 3)
    name = "peak memory over 1,000 series, against 50, at the same budget"
    return [Row(name, round(many, 3), round(few, 3), ratio, "GB", "within 0.1", ratio <= 1.1)]


def _side(python: object, script: str, *args: object) -> "subprocess.Popen[str]":
    command = [str(python), str(HERE / script), *map(str, args)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)  # noqa: S603


def _ask(side: "subprocess.Popen[str]") -> str:
    """One round, and what the side says of it."""
    assert side.stdin is not None
    assert side.stdout is not None
    side.stdin.write("go\n")
    side.stdin.flush()
    answer = side.stdout.readline()
    if not answer:
        raise SystemExit(f"{side.args}: ended with {side.wait()}")
    return answer


if __name__ == "__main__":
    main()
