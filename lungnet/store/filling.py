"""Fill or complete a store: series in, a row per series out as each is ready.

A killed run goes on where it stopped.
"""

import fcntl
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from lungnet.config.preparation import PreparationConfig
from lungnet.errors import InputError, MachineError, StoreError, UsageError
from lungnet.files import UNFINISHED, harmless, machine_error, remove_unfinished
from lungnet.intake import Found, series_key
from lungnet.store.labels import Labels
from lungnet.store.layout import PICTURES, PREPARATION, SCANS, scan_folder, scan_keys
from lungnet.store.manifest import Refusal, read_refused, store_labels, write_tables
from lungnet.store.prepared_store import read_preparation, write_preparation
from lungnet.store.series_worker import FilledRow, filled, prepare_series, set_up_worker
from lungnet.store.stored_scan import read_attributes

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Each worker is one thread: more workers, not more threads, fill the cores without waiting for
each other."""


def fill_store(
    found: Sequence[Found],
    out: Path,
    spec: PreparationConfig,
    *,
    jobs: int = 1,
    labels: Labels | None = None,
) -> Iterator[FilledRow]:
    """Prepare every usable series that the store does not hold yet, then write the tables.

    The bytes of the store depend on the series, the settings and the labels, never on `jobs`, order
    or interruptions. What is finished stays when the generator is closed, the process is killed or
    the disk is full; the same call goes on from there.

    Args:
        found: from `lungnet.intake.find_series`.
        out: the store's folder; made where it is not.
        spec: the same for all scans of a store.
        jobs: processes; with 1 all is done in this one.
        labels: kept in the store and matched by patient.

    Yields:
        A row per series, in the order in which they become ready; the refused ones too.

    Raises:
        InputError: nothing is there to prepare, or nothing usable (`refused.csv` then says why).
        LabelsError: no patient has a label; before any work.
        UsageError: the folder holds something else, or scans of another preparation, or another
            process is filling it.
        MachineError: no space, no permission, a worker was killed.
    """
    if not found:
        raise InputError(
            "no series was found: expected DICOM (or NIfTI, MetaImage, NRRD) files of chest CT"
        )
    if labels is not None:
        labels.matched({one.patient_id for one in found if one.refusal is None})
    with _claimed(out, spec):
        if labels is not None:
            store_labels(out, labels)
        refused = {(row.series_uid, row.path): row for row in read_refused(out)}
        usable = 0
        for row in _filled(found, out, spec, jobs):
            patient, series, path = map(harmless, (row.patient_id, row.series_uid, row.path))
            refused.pop((series, path), None)
            if row.status == "refused":
                refused[series, path] = Refusal(patient, series, path, row.reason or "", row.detail)
            usable += row.status != "refused"
            yield row
        write_tables(out, refused.values())
    if not usable:
        raise InputError(
            f"none of the {len(found)} series is usable; {out / 'refused.csv'} says why"
        )


def _filled(
    found: Sequence[Found], out: Path, spec: PreparationConfig, jobs: int
) -> Iterator[FilledRow]:
    waiting: dict[str, Found] = {}
    for one in found:
        key = series_key(one.patient_id, one.series_uid)
        known = None if key in waiting else _reused(one, out, key)
        if one.refusal is not None:
            yield FilledRow(
                one.series_uid, one.patient_id, "refused", *one.refusal, path=str(one.path)
            )
        elif known is not None:
            yield known
        elif key in waiting:
            yield FilledRow(
                one.series_uid,
                one.patient_id,
                "refused",
                "duplicate-position",
                "the series is there twice",
                path=str(one.path),
            )
        else:
            waiting[key] = one
    yield from _prepared(list(waiting.values()), out, spec, jobs)


def _reused(one: Found, out: Path, key: str) -> FilledRow | None:
    """The row of a scan that the store already holds.

    None where it does not, or holds it with another number of slices.
    """
    try:
        attributes = read_attributes(scan_folder(out, key))
    except StoreError:
        return None
    # More slices may have arrived since: then the scan is another one.
    if one.slices and attributes["files"] != len(one.slices):
        return None
    return filled(attributes, "reused", cpu_s=0.0, path=str(one.path))


def _prepared(
    waiting: Sequence[Found], out: Path, spec: PreparationConfig, jobs: int
) -> Iterator[FilledRow]:
    if jobs == 1 or len(waiting) < 2:
        for one in waiting:
            yield prepare_series(one, out, spec)
        return
    with _pool(min(jobs, len(waiting))) as submit:
        queue = iter(waiting)
        running: set[Future[FilledRow]] = set()
        while True:
            # One series per worker and none queued: an interruption waits for these only, and a
            # million headers are not sent at once.
            for one in queue:
                running.add(submit(prepare_series, one, out, spec))
                if len(running) == jobs:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


@contextmanager
def _pool(jobs: int) -> Iterator[Callable[..., "Future[FilledRow]"]]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    # Spawned, not forked: the parent may run TensorFlow's threads, whose locks a fork would copy as
    # they are.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), set_up_worker)
    try:
        yield pool.submit
    except BrokenProcessPool:
        raise MachineError(
            "a worker process was killed, most likely for lack of memory; use fewer --jobs; what "
            "is done is kept"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _claimed(out: Path, spec: PreparationConfig) -> Iterator[None]:
    """The store's folder, checked, free of what a killed run left, and ours alone until the end."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        held = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise machine_error(error, out) from error
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{out}: another process is filling this store; wait for it to end"
            ) from None
        _check_folder(out, spec)
        for folder in (out, out / SCANS, out / PICTURES):
            remove_unfinished(folder)
        if not (out / PREPARATION).is_file():
            write_preparation(out, spec)
        yield
    finally:
        os.close(held)


def _check_folder(out: Path, spec: PreparationConfig) -> None:
    if (out / PREPARATION).is_file():
        found = read_preparation(out)["preparation_hash"]
        if found != spec.preparation_hash():
            raise UsageError(
                f"{out}: the store holds scans of preparation {found}, asked for is "
                f"{spec.preparation_hash()}; "
                "give another --out, or the settings that the store was made with"
            )
    elif scan_keys(out):
        raise StoreError(
            f"{out}: {PREPARATION} is missing though scans are there; run `lungnet verify {out} "
            "--repair`"
        )
    elif any(not path.name.startswith(UNFINISHED) for path in out.iterdir()):
        raise UsageError(
            f"{out}: the folder holds files that are no store; give a new or empty folder as --out"
        )
