"""What a worker process does with one series: read, prepare, write."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungnet.config.preparation import PreparationConfig
from lungnet.errors import Refusal, SeriesRefused
from lungnet.intake import Series, read_series
from lungnet.intake.rows import row_of
from lungnet.preprocessing import around_lungs, with_candidates
from lungnet.store.stored_scan import write_scan
from lungnet.volume import ScanWarning


@dataclass(frozen=True)
class PreparedRow:
    """What became of one series; field names are the keys of `prepare --json`.

    Attributes:
        status: "prepared", "reused" or "refused".
        lung_litres: volume of the closed lungs; None where none were found.
        warnings: of intake and of preparation.
        stack: which one of a series that holds several.
        cpu_s: processor time of reading, preparing and writing, all threads together, in seconds.
    """

    series_uid: str
    patient_id: str
    status: str
    reason: str | None = None
    detail: str = ""
    shape: tuple[int, int, int] | None = None
    lung_litres: float | None = None
    candidates: int | None = None
    warnings: tuple[ScanWarning, ...] = ()
    stack: str = ""
    cpu_s: float = 0.0
    path: str = ""


def prepare_series(series: Series, store: Path, config: PreparationConfig) -> PreparedRow:
    """Read one series, prepare it and write it to the store.

    Raises:
        MachineError: no space, no permission.
    """
    start = time.process_time()
    try:
        volume = read_series(series)
    except SeriesRefused as refused:
        return refused_series_row(series, refused.refusal, cpu_s=_since(start))
    row = row_of(series, volume)
    scan = around_lungs(volume, config)
    del volume  # its memory serves the candidates and the compression
    scan = with_candidates(scan, config)
    return row_of_scan(
        write_scan(store, scan, row, config, series.n_slices),
        "prepared",
        cpu_s=_since(start),
        path=str(series.path),
    )


def refused_series_row(series: Series, refusal: Refusal, *, cpu_s: float = 0.0) -> PreparedRow:
    """The row of a series that was not prepared."""
    return PreparedRow(
        series.series_uid,
        series.patient_id,
        "refused",
        refusal.reason,
        refusal.detail,
        warnings=series.warnings,
        stack=series.stack,
        cpu_s=cpu_s,
        path=str(series.path),
    )


def row_of_scan(attributes: dict[str, Any], status: str, *, cpu_s: float, path: str) -> PreparedRow:
    """The row of a scan in the store."""
    z, y, x = attributes["shape"]
    return PreparedRow(
        attributes["series_uid"],
        attributes["patient_id"],
        status,
        shape=(z, y, x),
        lung_litres=attributes["lung_litres"],
        candidates=len(attributes["candidates"]),
        warnings=tuple(ScanWarning(w["code"], w["detail"]) for w in attributes["warnings"]),
        stack=attributes["source"]["stack"],
        cpu_s=cpu_s,
        path=path,
    )


def _since(start: float) -> float:
    return round(time.process_time() - start, 3)
