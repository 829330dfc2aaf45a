"""Mutate DICOM files, archives and trees many times and read each.

Prints what went wrong, and the seed to repeat it.

    python scripts/fuzz_dicom.py --cases 20000 --seed 7 [--write]

The default tests run 500 of the same cases; this is for a release. A crash of a decoder ends the
run: repeat with `--start` at the case it names.
"""

import argparse
import collections
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "intake"), str(HERE / "benchmarks")]

import SimpleITK as sitk  # noqa: N813
from dicom_mutations import mutate, templates
from figures import Row, add_arguments, report
from test_fuzz import LONGEST_S, MOST_KB, run_case


def main() -> int:
    """Run the cases; returns 1 where any went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=int, default=0)
    add_arguments(parser)
    args = parser.parse_args()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    done: collections.Counter[str] = collections.Counter()
    wrong, longest = 0, 0.0
    with tempfile.TemporaryDirectory(prefix="lungnet-fuzz-") as scratch:
        folder, now = Path(scratch), Path(scratch) / "number"
        sound = templates(folder / "sound")
        for number in range(args.start, args.start + args.cases):
            now.write_text(str(number))
            case = mutate(args.seed, number, folder / "case", sound)
            start = time.perf_counter()
            outcome = run_case(case)
            seconds = time.perf_counter() - start
            longest = max(longest, seconds)
            outcome = outcome or ("slow" if seconds > LONGEST_S else "")
            done[case.name.split()[0]] += 1
            if outcome:
                wrong += 1
                print(f"case {number} of seed {args.seed}, {case.name}: {outcome}")
            shutil.rmtree(folder / "case")
            if number % 1000 == 999:
                print(f"{number + 1} cases, {wrong} wrong", file=sys.stderr)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    named = f"{args.cases:,} mutated files and trees, seed {args.seed} from {args.start}"
    rows = [
        Row(f"{named}: wrong outcomes", wrong, None, None, "cases", "0", wrong == 0),
        Row(
            f"{named}: longest",
            round(longest, 2),
            None,
            None,
            "s",
            f"<= {LONGEST_S:g}",
            longest <= LONGEST_S,
        ),
        Row(
            f"{named}: peak memory",
            peak >> 10,
            None,
            None,
            "MB",
            f"<= {MOST_KB >> 10}",
            peak <= MOST_KB,
        ),
    ]
    report(rows, args, "dicom fuzz", ("numpy", "pydicom", "SimpleITK"))
    print(", ".join(f"{name} {count}" for name, count in sorted(done.items())), file=sys.stderr)
    return int(not all(row.holds for row in rows))


if __name__ == "__main__":
    sys.exit(main())
