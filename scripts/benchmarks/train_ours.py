"""The demo's network in lungnet, fed from memory or from a store: epochs on request. For train.py.

    train_ours.py step|memory|store|small EDGE [STORE] [SERIES]

`step` and `memory` are fed from memory, without and with the demo's augmentation; `small` reads
many small scans with next to no memory for them.

Each line on standard input is answered with seconds of a step, the share of it spent waiting for
data, and the peak memory in bytes.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grain
import numpy as np
import pandas as pd
from figures import status_bytes

from lungnet.config.data import DataConfig
from lungnet.config.load import load_experiment
from lungnet.config.training import AugmentationConfig
from lungnet.datasets.batches import Sample, TaskBatches
from lungnet.datasets.cohort import Cohort, Keeping
from lungnet.datasets.schedule import Schedule
from lungnet.datasets.store_cohort import store_cohort
from lungnet.datasets.targets import cohort_targets
from lungnet.datasets.volume_view import reach_voxels
from lungnet.intake import SeriesRow
from lungnet.preprocessing import Candidate, PreparedScan
from lungnet.store import read_labels
from lungnet.store.manifest import store_labels, write_tables
from lungnet.store.prepared_store import write_preparation
from lungnet.store.stored_scan import write_scan
from lungnet.training.fit import Task, fit, new_network
from lungnet.volume import to_patient_mm

DEMO = Path(__file__).resolve().parents[2] / "configs" / "demo.yaml"
PREPARATION = load_experiment(DEMO, []).preparation
STEPS, SAMPLES = 8, 32
BUDGET_BYTES = {"store": 2_000_000_000, "small": 1_000_000}
SHAPE = {"store": (80, 80, 80), "small": (24, 24, 24)}


@dataclass
class Stopwatch:
    """Seconds that somebody waited."""

    waited_s: float = 0.0


WATCH = Stopwatch()


class Timed(grain.IterDataset[Sample]):
    """Counts what is waited for the next batch."""

    def __iter__(self) -> Iterator[Sample]:
        return TimedIterator(self._parent.__iter__())


class TimedIterator(grain.DatasetIterator[Sample]):
    """Of `Timed`."""

    def __next__(self) -> Sample:
        """The next batch, timed."""
        start = time.perf_counter()
        try:
            return next(self._parent)
        finally:
            WATCH.waited_s += time.perf_counter() - start

    def get_state(self) -> dict[str, object]:
        """Of what is timed."""
        return self._parent.get_state()

    def set_state(self, state: dict[str, object]) -> None:
        """Of what is timed."""
        self._parent.set_state(state)


class TimedBatches(TaskBatches):
    """Batches that tell how long they were waited for."""

    def training(self, epochs: range, skipped: int = 0) -> grain.IterDataset[Sample]:
        """As `TaskBatches`, timed."""
        return Timed(super().training(epochs, skipped))


def memory_cohort(shape: tuple[int, ...], count: int) -> Cohort:
    """Noise in memory."""
    rng = np.random.default_rng(1)
    images = rng.integers(-1000, 400, (count, *shape), np.int16)
    present = np.ones(shape[0], np.float32)
    return Cohort(
        _table(count),
        lambda row, _: {"image": images[row], "present": present},
        is_synthetic=True,
        preparation_hash=None,
        content_hash="",
    )


def noise_store(path: Path, shape: tuple[int, int, int], count: int) -> None:
    """A store of noise, each scan with eight candidates."""
    rng, affine = np.random.default_rng(1), np.eye(4)[[2, 1, 0, 3]]
    path.mkdir(parents=True)
    write_preparation(path, PREPARATION)
    for number in range(count):
        uid, patient = f"1.2.{number}", f"p{number}"
        places = rng.uniform(0, np.array(shape) - 1, (8, 3))
        found = tuple(
            Candidate(tuple(map(float, to_patient_mm(affine, place))), 4.0, 9.0 - i)
            for i, place in enumerate(places)
        )
        hu = rng.integers(-1000, 400, shape, np.int16)
        mask = np.ones(shape, np.uint8)
        scan = PreparedScan(hu, mask, affine, found, 0.1, patient, uid, ())
        write_scan(path, scan, _row(patient, uid, shape), PREPARATION, shape[0])
    labels = path.parent / f"{path.name}.csv"
    _table(count).assign(id=[f"p{n}" for n in range(count)], cancer=lambda t: t["label"])[
        ["id", "cancer"]
    ].to_csv(labels, index=False)
    store_labels(path, read_labels(labels))
    write_tables(path, [])


def _row(patient: str, uid: str, shape: tuple[int, int, int]) -> SeriesRow:
    return SeriesRow(
        path="", patient_id=patient, study_uid="", series_uid=uid, status="usable", reason=None,
        detail="", warnings=(), chosen=True, modality="CT", slices=shape[0], shape=shape,
        spacing_mm=(1.0, 1.0, 1.0), origin_mm=(0.0, 0.0, 0.0), transfer_syntax="",
        manufacturer="noise", kernel="",
    )  # fmt: skip


def _table(count: int) -> pd.DataFrame:
    return pd.DataFrame({"label": np.arange(count) % 2, "diameter_mm": 5.0})


def main() -> None:
    """Train until nobody asks any more."""
    kind, edge = sys.argv[1], int(sys.argv[2])
    experiment = load_experiment(DEMO, [f"input.size=[{edge},{edge},{edge}]"])
    shown, training = experiment.input, experiment.training
    if kind in SHAPE:
        path, count = Path(sys.argv[3]), int(sys.argv[4]) if kind == "small" else SAMPLES
        noise_store(path, SHAPE[kind], count)
        keeping = Keeping(
            BUDGET_BYTES[kind], path.parent, reach_voxels(training.augmentation, shown.size)
        )
        cohort = store_cohort(DataConfig(path=str(path)), shown, PREPARATION, keeping)
    else:
        cohort = memory_cohort((shown.candidates, *shown.size), SAMPLES)
    augmentation = AugmentationConfig() if kind == "step" else training.augmentation
    rows = list(range(len(cohort)))
    if kind != "small":
        rows *= STEPS * training.batch_size // SAMPLES
    batches = TimedBatches(
        cohort, shown, cohort_targets(cohort.table, shown, [], 0.0),
        Schedule(rows, training.batch_size, 1), augmentation, [],
    )  # fmt: skip
    loop = training.model_copy(update={"epochs": 10_000, "patience": 10_000})
    last = time.perf_counter()

    def answer(_: object) -> None:
        """Tell of an epoch, and wait to be asked for the next."""
        nonlocal last
        spent_s = time.perf_counter() - last
        step_s = spent_s / batches.schedule.steps
        print(step_s, WATCH.waited_s / spent_s, status_bytes("VmHWM"), flush=True)
        if not sys.stdin.readline():
            sys.exit()
        WATCH.waited_s, last = 0.0, time.perf_counter()

    sys.stdin.readline()
    with tempfile.TemporaryDirectory() as folder:
        task = Task("step", "step", Path(folder) / "checkpoints", Path(folder) / "tensorboard")
        network = new_network(experiment.model, shown, 1)
        fit(network, batches, task, (experiment.optimizer, loop), (), answer)


if __name__ == "__main__":
    main()
