"""Fill or complete a store: series in, a row per series out as each is ready.

A killed run goes on where it stopped.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lungnet.config.preparation import PreparationConfig
from lungnet.errors import InputError, Refusal, StoreError, UsageError
from lungnet.files import UNFINISHED, harmless, machine_error, remove_unfinished
from lungnet.intake import Series, reasons, series_key
from lungnet.processes.worker_pool import map_in_processes
from lungnet.store.labels import Labels, SeriesIds
from lungnet.store.layout import PICTURES, PREPARATION, SCANS, scan_folder, scan_keys
from lungnet.store.manifest import (
    RefusedRow,
    read_refused,
    read_store_labels,
    store_labels,
    write_tables,
)
from lungnet.store.prepared_store import read_preparation, write_preparation
from lungnet.store.series_worker import (
    PreparedRow,
    prepare_series,
    refused_series_row,
    row_of_scan,
)
from lungnet.store.stored_scan import read_attributes


def fill_store(
    series_list: Sequence[Series],
    out: Path,
    config: PreparationConfig,
    *,
    jobs: int = 1,
    labels: Labels | None = None,
) -> Iterator[PreparedRow]:
    """Prepare every usable series that the store does not hold yet, then write the tables.

    The bytes of the store depend on the series, the settings and the labels, never on `jobs`, order
    or interruptions. What is finished stays when the generator is closed, the process is killed or
    the disk is full; the same call goes on from there.

    Args:
        series_list: from `lungnet.intake.find_series`.
        out: the store's folder; made where it is not.
        config: the same for all scans of a store.
        jobs: processes; with 1 all is done in this one.
        labels: kept in the store and matched to its series.

    Yields:
        A row per series, in the order in which they become ready; the refused ones too.

    Raises:
        InputError: nothing is there to prepare, or nothing usable (`refused.csv` then says why).
        LabelsError: no series has a label; before any work.
        UsageError: the folder holds something else, or scans of another preparation, or another
            process is filling it.
        MachineError: no space, no permission, a worker was killed.
    """
    if not series_list:
        raise InputError(
            "no series was found: expected DICOM (or NIfTI, MetaImage, NRRD) files of chest CT"
        )
    if labels is not None:
        usable_ids = [_ids(series) for series in series_list if series.refusal is None]
        labels = labels.resolved(usable_ids)
        labels.matched(usable_ids)
    with _claimed(out, config):
        if labels is not None:
            stored = read_store_labels(out)
            store_labels(out, labels if stored is None else stored.merged(labels))
        refused = {(row.series_uid, row.stack, row.path): row for row in read_refused(out)}
        usable = 0
        for row in _filled(series_list, out, config, jobs):
            patient_id, series_uid, path = map(harmless, (row.patient_id, row.series_uid, row.path))
            refused.pop((series_uid, row.stack, path), None)
            if row.status == "refused":
                refusal = row.reason or "", row.detail
                refused[series_uid, row.stack, path] = RefusedRow(
                    patient_id, series_uid, path, *refusal, stack=row.stack
                )
            usable += row.status != "refused"
            yield row
        write_tables(out, refused.values())
    if not usable:
        raise InputError(
            f"none of the {len(series_list)} series is usable; {out / 'refused.csv'} says why"
        )


def _ids(series: Series) -> SeriesIds:
    return SeriesIds(series.patient_id, series.series_uid, series.study_date)


def _filled(
    series_list: Sequence[Series], out: Path, config: PreparationConfig, jobs: int
) -> Iterator[PreparedRow]:
    waiting: dict[str, Series] = {}
    for series in series_list:
        key = series_key(series.patient_id, series.series_uid, series.stack)
        reused = None if key in waiting else _reused(series, out, key)
        if series.refusal is not None:
            yield refused_series_row(series, series.refusal)
        elif reused is not None:
            yield reused
        elif key in waiting:
            yield refused_series_row(
                series, Refusal(reasons.DUPLICATE_POSITION, "the series is there twice")
            )
        else:
            waiting[key] = series
    yield from _prepared(list(waiting.values()), out, config, jobs)


def _reused(series: Series, out: Path, key: str) -> PreparedRow | None:
    """The row of a scan that the store already holds.

    None where it does not, or holds it with another number of slices.
    """
    try:
        attributes = read_attributes(scan_folder(out, key))
    except StoreError:
        return None
    # More slices may have arrived since: then the scan is another one.
    if series.n_slices and attributes["files"] != series.n_slices:
        return None
    return row_of_scan(attributes, "reused", cpu_s=0.0, path=str(series.path))


def _prepared(
    waiting: Sequence[Series], out: Path, config: PreparationConfig, jobs: int
) -> Iterator[PreparedRow]:
    if jobs == 1 or len(waiting) < 2:
        for series in waiting:
            yield prepare_series(series, out, config)
        return
    work = partial(prepare_series, store=out, config=config)
    yield from map_in_processes(work, waiting, min(jobs, len(waiting)))


@contextmanager
def _claimed(out: Path, config: PreparationConfig) -> Iterator[None]:
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
        _check_folder(out, config)
        for folder in (out, out / SCANS, out / PICTURES):
            remove_unfinished(folder)
        if not (out / PREPARATION).is_file():
            write_preparation(out, config)
        yield
    finally:
        os.close(held)


def _check_folder(out: Path, config: PreparationConfig) -> None:
    if (out / PREPARATION).is_file():
        stored_hash = read_preparation(out)["preparation_hash"]
        if stored_hash != config.preparation_hash():
            raise UsageError(
                f"{out}: the store holds scans of preparation {stored_hash}, asked for is "
                f"{config.preparation_hash()}; "
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
