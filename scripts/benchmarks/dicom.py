"""Figures of intake, both sides in one run, one thread.

Reading against pydicom and SimpleITK, scanning headers, memory.

    python scripts/benchmarks/dicom.py [../shared/data] [--json] [--write]

The real series are in the LIDC-IDRI subset beside the checkout; where it is absent there is nothing
to measure.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import SimpleITK as sitk  # noqa: N813
from figures import Row, add_arguments, best, report, status_bytes
from pydicom import dcmread

from lungnet.intake import find_series, read_series

SCANNED_FILES = 10_000


def ours(folder: Path) -> None:
    """Discovery, header checks and exact HU."""
    (found,) = find_series([folder])
    read_series(found)


def bare_pydicom(folder: Path) -> None:
    """The loop everyone writes: read, sort by z, rescale, stack."""
    slices = sorted(
        (dcmread(path) for path in folder.iterdir()), key=lambda s: float(s.ImagePositionPatient[2])
    )
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
    mine, pydicom, itk = best(
        lambda: ours(folder), lambda: bare_pydicom(folder), lambda: simpleitk(folder)
    )
    return [
        _ratio(
            f"read {name}, {n} slices, against bare pydicom",
            mine,
            pydicom,
            "ratio <= 1.2",
            holds=mine <= 1.2 * pydicom,
        ),
        _ratio(
            f"read {name}, {n} slices, against SimpleITK", mine, itk, "ratio < 1", holds=mine < itk
        ),
    ]


def _ratio(figure: str, mine: float, peer: float, goal: str, *, holds: bool) -> Row:
    return Row(figure, round(mine, 3), round(peer, 3), round(mine / peer, 2), "CPU s", goal, holds)


def scanning(folder: Path, scratch: Path) -> Row:
    """Headers of many files: hard links of the real ones, so that only the scan is measured."""
    files = sorted(folder.iterdir())
    for k in range(SCANNED_FILES):
        part = scratch / "many" / f"{k // len(files):03d}"
        part.mkdir(parents=True, exist_ok=True)
        os.link(files[k % len(files)], part / files[k % len(files)].name)

    def pydicom() -> None:
        for path in (scratch / "many").rglob("*.dcm"):
            dcmread(path, stop_before_pixels=True)

    mine, peer = (
        SCANNED_FILES / s
        for s in best(
            lambda: find_series([scratch / "many"]), pydicom, rounds=2, clock=time.perf_counter
        )
    )
    figure = f"headers of {SCANNED_FILES:,} files, against a loop of pydicom"
    return Row(
        figure,
        round(mine),
        round(peer),
        round(mine / peer, 1),
        "files a second (wall)",
        ">= 3000",
        mine >= 3000,
    )


def memory(folder: Path) -> Row:
    """Peak memory of a fresh process that reads the series, less its start, over the volume's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        peak, volume = pool.apply(_peak, (str(folder),))
    figure = "peak memory of reading, against the volume"
    return Row(
        figure,
        round(peak / 2**20),
        round(volume / 2**20),
        round(peak / volume, 2),
        "MB",
        "ratio < 2.2",
        peak < 2.2 * volume,
    )


def _peak(folder: str) -> tuple[int, int]:
    (found,) = find_series([Path(folder)])
    before = status_bytes("VmRSS")
    volume = read_series(found)
    return status_bytes("VmHWM") - before, volume.hu.nbytes


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    parser.add_argument("data", nargs="?", type=Path, default=beside)
    add_arguments(parser)
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
    report(rows, args, "dicom", ("numpy", "pydicom", "SimpleITK"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
