"""Figures of intake, both sides in one run, one thread, CPU time: reading against pydicom and SimpleITK, scanning, memory.

    python scripts/benchmarks/dicom.py [../shared/data] [--json]

The real series are in the LIDC-IDRI subset beside the checkout; where it is absent a phantom-like series stands in and says so.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

for name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402, N813
from pydicom import dcmread  # noqa: E402

from lungnet.dicom import find_series, read_series  # noqa: E402

ROUNDS = 3
SCANNED_FILES = 10_000


@dataclass(frozen=True)
class Row:
    """One figure, as `docs/benchmarks.md` prints it."""

    figure: str
    ours: float
    peer: float | None
    ratio: float | None
    unit: str
    goal: str
    holds: bool


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def best(*works: Callable[[], object]) -> list[float]:
    """Least CPU seconds of each, the sides taking turns."""
    return [min(times) for times in zip(*([cpu_s(work) for work in works] for _ in range(ROUNDS)), strict=True)]


def ours(folder: Path) -> None:
    """Discovery, header checks and exact HU."""
    (found,) = find_series([folder])
    read_series(found)


def bare_pydicom(folder: Path) -> None:
    """The loop everyone writes: read, sort by z, rescale, stack."""
    slices = sorted((dcmread(path) for path in folder.iterdir()), key=lambda s: float(s.ImagePositionPatient[2]))
    volume = np.empty((len(slices), *slices[0].pixel_array.shape), np.int16)
    for k, one in enumerate(slices):
        volume[k] = one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept)


def simpleitk(folder: Path) -> None:
    """SimpleITK's series reader, one thread."""
    reader = sitk.ImageSeriesReader()
    reader.SetNumberOfThreads(1)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reader.Execute()


def plain_copy(folder: Path, target: Path) -> Path:
    """An uncompressed copy of a series."""
    target.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        dataset = dcmread(path)
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress(generate_instance_uid=False)
        dataset.save_as(target / path.name)
    return target


def reading(folder: Path, name: str) -> list[Row]:
    """Our reader against both others on one plain series."""
    n = sum(1 for _ in folder.iterdir())
    mine, pydicom, itk = best(lambda: ours(folder), lambda: bare_pydicom(folder), lambda: simpleitk(folder))
    return [
        Row(
            f"read {name}, {n} slices, against bare pydicom",
            round(mine, 3),
            round(pydicom, 3),
            round(mine / pydicom, 2),
            "CPU s",
            "ratio <= 1.2",
            mine <= 1.2 * pydicom,
        ),
        Row(
            f"read {name}, {n} slices, against SimpleITK",
            round(mine, 3),
            round(itk, 3),
            round(mine / itk, 2),
            "CPU s",
            "ratio < 1",
            mine < itk,
        ),
    ]


def scanning(folder: Path, scratch: Path) -> Row:
    """Headers of many files: hard links of the real ones, so that only the scan is measured."""
    files = sorted(folder.iterdir())
    for k in range(SCANNED_FILES):
        part = scratch / "many" / f"{k // len(files):03d}"
        part.mkdir(parents=True, exist_ok=True)
        os.link(files[k % len(files)], part / files[k % len(files)].name)
    rate = SCANNED_FILES / best(lambda: find_series([scratch / "many"]))[0]
    return Row(f"headers of {SCANNED_FILES:,} files, one core", round(rate), None, None, "files a CPU second", ">= 3000", rate >= 3000)


def memory(folder: Path) -> Row:
    """Peak of a fresh process that reads the series, over what it takes to start, against the volume's size."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        peak, volume = pool.apply(_peak, (str(folder),))
    ratio = peak / volume
    return Row(
        "peak memory of reading, against the volume",
        round(peak / 2**20),
        round(volume / 2**20),
        round(ratio, 2),
        "MB",
        "ratio < 2.2",
        ratio < 2.2,
    )


def _peak(folder: str) -> tuple[int, int]:
    (found,) = find_series([Path(folder)])
    before = _status_bytes("VmRSS")
    volume = read_series(found)
    return _status_bytes("VmHWM") - before, volume.hu.nbytes


def _status_bytes(name: str) -> int:
    """A line of Linux' /proc; unlike `ru_maxrss` it does not begin with the parent's peak."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    parser.add_argument("data", nargs="?", type=Path, default=beside)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lungnet-bench-") as scratch:
        for name in ("LIDC-IDRI-0001", "LIDC-IDRI-0314"):
            source = args.data / "lidc" / "dicom" / name
            if not source.is_dir():
                print(f"{name}: skipped, {args.data} holds no lidc/dicom", file=sys.stderr)
                continue
            folder = plain_copy(source, Path(scratch) / name)
            rows += reading(folder, name)
            if name.endswith("0001"):
                rows += [scanning(folder, Path(scratch)), memory(folder)]
    if args.json:
        json.dump([asdict(row) for row in rows], sys.stdout, indent=1)
    else:
        for row in rows:
            verdict = "holds" if row.holds else "SHORT"
            print(f"{verdict}  {row.figure}: {row.ours} {row.unit} (peer {row.peer}, ratio {row.ratio}; goal {row.goal})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
