"""Figures of preparation, both sides in one run: cost, memory, HU, lungs, candidates, jobs.

Cost against SimpleITK, which reads and resamples linearly to 1 mm; lungs against published masks;
candidates against LIDC-IDRI's readers and against phantom patients.

    python scripts/benchmarks/prepare.py [../shared/data] [--patients 100] [--curve CSV]
        [--json] [--write]
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ.setdefault(name, "1")

import cv2
import numpy as np
import pandas as pd
import SimpleITK as sitk  # noqa: N813
from dicom import plain_copy
from figures import Row, add_arguments, best, report, status_bytes
from phantom_recall import phantom_findings, recall, write_curve

from lungnet.config.phantom import PhantomConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.intake import find_series, read_series
from lungnet.phantom.cohort import make_cohort
from lungnet.preprocessing import PreparedScan, prepare
from lungnet.preprocessing.resample import resample
from lungnet.store import fill_store
from lungnet.volume import Volume, spacing_of, to_patient_mm, to_voxels

SCANS = ("LIDC-IDRI-0001", "LIDC-IDRI-0003", "LIDC-IDRI-0314")
FINE_MM = 0.5
JOB_PATIENTS = 36
NEAREST_MM = 5.0
"""A candidate hits a nodule within its radius, or so far from its centre."""


def read(folder: Path) -> Volume:
    """The one series of a folder."""
    (series,) = find_series([folder])
    return read_series(series)


def simpleitk(folder: Path) -> None:
    """Read and resample linearly to 1 mm, one thread."""
    reader = sitk.ImageSeriesReader()
    reader.SetNumberOfThreads(1)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    size = [round(n * s) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    _linear(image, size, image.GetOrigin(), (1.0, 1.0, 1.0))


def _linear(image: sitk.Image, size: list[int], origin: object, spacing: object) -> sitk.Image:
    return sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkLinear, origin, spacing,
        image.GetDirection(), -1024, sitk.sitkInt16,
    )  # fmt: skip


def cost(folder: Path) -> list[Row]:
    """CPU seconds of everything, of everything but the candidates, and of the resampling alone."""
    without = PreparationConfig(candidates=0)
    whole, lungs, resampled, peer = best(
        lambda: prepare(read(folder), PreparationConfig()),
        lambda: prepare(read(folder), without),
        lambda: resample(read(folder), (1.0, 1.0, 1.0)),
        lambda: simpleitk(folder),
        rounds=5,
    )
    return [
        _ratio("133 slices with candidates, one worker, against SimpleITK", whole, peer, 1.5),
        _ratio("133 slices without candidates, against SimpleITK", lungs, peer, 0.8),
        _ratio("133 slices read and resampled alone, against SimpleITK", resampled, peer, 0.5),
    ]


def _ratio(figure: str, mine: float, peer: float, most: float) -> Row:
    ratio = mine / peer
    goal = f"ratio <= {most:g}"
    return Row(
        figure, round(mine, 3), round(peer, 3), round(ratio, 2), "CPU s", goal, ratio <= most
    )


def memory(folder: Path) -> list[Row]:
    """Peak memory of a fresh process that prepares 275 slices, and a thousand."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for slices, most in ((275, 800), (1000, 1200)):
        with context.Pool(1) as pool:
            peak_mb = round(pool.apply(_peak_mb, (str(folder), slices)))
        figure = f"peak memory of preparing {slices} slices"
        rows.append(Row(figure, peak_mb, None, None, "MB", f"<= {most}", peak_mb <= most))
    return rows


def _peak_mb(folder: str, slices: int) -> float:
    cv2.setNumThreads(1)
    volume = read(Path(folder))
    n = len(volume.hu)
    if slices > n:  # the same chest in thinner slices
        affine = volume.affine.copy()
        affine[:3, 0] *= n / slices
        hu = volume.hu[np.arange(slices) * n // slices]
        volume = Volume(hu, affine, volume.patient_id, volume.series_uid)
    prepare(volume, PreparationConfig())
    return status_bytes("VmHWM") / 2**20


def refined(volumes: list[Volume]) -> Row:
    """HU of a finer grid against SimpleITK's linear filter, in the grid that both hold."""
    largest = 0
    for volume in volumes:
        fine = resample(volume, (FINE_MM,) * 3)
        rows = slice(len(fine.hu) // 2, len(fine.hu) // 2 + 40)
        image = sitk.GetImageFromArray(volume.hu)
        image.SetSpacing(tuple(reversed(spacing_of(volume.affine))))
        image.SetOrigin(tuple(volume.affine[:3, 3]))
        affine = fine.affine
        origin = to_patient_mm(affine, (rows.start, 0, 0))
        spacing = tuple(reversed(spacing_of(affine)))
        size = [fine.hu.shape[2], fine.hu.shape[1], rows.stop - rows.start]
        peer = sitk.GetArrayFromImage(_linear(image, size, tuple(origin), spacing))
        difference = np.abs(fine.hu[rows].astype(int) - peer)[:, 2:-2, 2:-2]
        largest = max(largest, int(difference.max()))
    figure = f"HU at {FINE_MM} mm against SimpleITK's linear filter, largest difference"
    return Row(figure, largest, None, None, "HU", "<= 1", largest <= 1)


def dice(data: Path) -> list[Row]:
    """Lungs against published masks."""
    rows = []
    for scan, truth in (("cip_ct.nrrd", "cip_lungs.nrrd"), ("elastix_ct.mha", "elastix_lungs.mha")):
        (series,) = find_series([data / "lungs" / scan])
        prepared = prepare(read_series(series), PreparationConfig(candidates=0))
        image = sitk.ReadImage(str(data / "lungs" / truth))
        value = _dice(prepared, image)
        rows.append(
            Row(f"Dice of {scan}", round(value, 3), None, None, "", ">= 0.95", value >= 0.95)
        )
    return rows


def _dice(prepared: PreparedScan, truth: sitk.Image) -> float:
    """Twice the common volume over the sum of both, in cubic millimetres."""
    lungs = sitk.GetArrayFromImage(truth) > 0
    voxels = np.argwhere(lungs)
    steps = np.asarray(truth.GetDirection()).reshape(3, 3) * truth.GetSpacing()
    centres_mm = voxels[:, ::-1] @ steps.T + truth.GetOrigin()
    ours = np.rint(to_voxels(prepared.affine, centres_mm)).astype(int)
    inside = ((ours >= 0) & (ours < prepared.mask.shape)).all(1)
    voxel_mm3 = np.prod(truth.GetSpacing())
    common = prepared.mask[tuple(ours[inside].T)].sum() * voxel_mm3
    mask_mm3 = prepared.mask.sum() * abs(np.linalg.det(prepared.affine[:3, :3]))
    return float(2 * common / (len(voxels) * voxel_mm3 + mask_mm3))


def readers(data: Path, scans: list[PreparedScan]) -> list[Row]:
    """Readers' nodules on whole scans."""
    nodules = pd.read_csv(data / "lidc" / "nodules.csv")
    candidates = {scan.series_uid: scan.candidates for scan in scans}
    ranks = []
    for nodule in nodules[nodules.series_uid.isin(candidates)].itertuples():
        centre = np.array([nodule.x_mm, nodule.y_mm, nodule.z_mm])
        reach = max(NEAREST_MM, nodule.diameter_mm / 2)
        centres = np.array([c.centre_mm for c in candidates[nodule.series_uid]])
        hits = np.flatnonzero(np.linalg.norm(centres - centre, axis=1) <= reach)
        ranks.append((nodule.readers, hits[0] + 1 if len(hits) else np.inf))
    rows = []
    for least, number, goal in ((3, 20, 1.0), (2, 60, 0.9)):
        hits = [rank <= number for agreeing, rank in ranks if agreeing >= least]
        figure = f"{len(hits)} nodules of {least} or more LIDC readers, in the first {number}"
        rows.append(_recall(figure, float(np.mean(hits)), goal))
    return rows


def phantoms(patients: int, curve: Path | None) -> list[Row]:
    """Nodules, ground glass and masses of phantom patients."""
    findings = phantom_findings(patients)
    if curve is not None:
        write_curve(findings, curve)
    asked = (("nodule", 5, 60, 0.98), ("ground glass", 8, 60, 0.95), ("mass", 30, 3, 1.0))
    rows = []
    for kind, least_mm, number, goal in asked:
        those = [f for f in findings if f.kind == kind and f.diameter_mm >= least_mm]
        figure = f"{len(those)} phantoms of {kind} from {least_mm} mm, in the first {number}"
        rows.append(_recall(figure, recall(those, number), goal))
    return rows


def _recall(figure: str, value: float, goal: float) -> Row:
    return Row(figure, round(value, 3), None, None, "recall", f">= {goal:g}", value >= goal)


def jobs(scratch: Path) -> Row:
    """Wall seconds of one worker against two."""
    raw = scratch / "raw"
    make_cohort(raw, JOB_PATIENTS, 7, PhantomConfig(), jobs=2)
    took = {}
    for n in (1, 2):
        series = find_series([raw])
        start = time.perf_counter()
        for _ in fill_store(series, scratch / f"store{n}", PreparationConfig(), jobs=n):
            pass
        took[n] = time.perf_counter() - start
    ratio = took[1] / took[2]
    figure = f"{JOB_PATIENTS} phantom patients, two jobs against one"
    ours, peer = round(took[2], 1), round(took[1], 1)
    return Row(figure, ours, peer, round(ratio, 2), "s (wall)", "ratio >= 1.8", ratio >= 1.8)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    parser.add_argument("data", nargs="?", type=Path, default=beside)
    parser.add_argument("--patients", type=int, default=100, help="phantom patients")
    parser.add_argument("--curve", type=Path, help="sensitivity by kind and size, as CSV")
    add_arguments(parser)
    args = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="lungnet-bench-") as scratch:
        folders = [
            plain_copy(args.data / "lidc" / "dicom" / name, Path(scratch) / name) for name in SCANS
        ]
        rows = cost(folders[0]) + memory(folders[2])
        volumes = [read(folder) for folder in folders]
        rows.append(refined(volumes))
        rows += dice(args.data)
        rows += readers(args.data, [prepare(v, PreparationConfig()) for v in volumes])
        del volumes
        cv2.setNumThreads(threads)
        rows.append(jobs(Path(scratch)))
    rows += phantoms(args.patients, args.curve)
    report(rows, args, "prepare", ("numpy", "opencv-python-headless", "SimpleITK"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
