"""The verdict on each series as a row, and the choice among a patient's series."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from lungnet.errors import Refusal, SeriesRefused
from lungnet.intake.geometry.grid import Grid
from lungnet.intake.printable import readable
from lungnet.intake.reading import read_series
from lungnet.intake.series import DicomSeries, Series
from lungnet.volume import ScanWarning, Volume


@dataclass(frozen=True)
class SeriesRow:
    """One row of `lungnet inspect`; field names are the keys of its JSON."""

    path: str
    patient_id: str
    study_uid: str
    series_uid: str
    status: str
    reason: str | None
    detail: str
    warnings: tuple[ScanWarning, ...]
    chosen: bool
    modality: str
    slices: int
    shape: tuple[int, int, int] | None
    spacing_mm: tuple[float, float, float] | None
    origin_mm: tuple[float, float, float] | None
    transfer_syntax: str
    manufacturer: str
    kernel: str
    plane: str = ""
    stack: str = ""
    study_date: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)


def inspect_series(series: Series) -> SeriesRow:
    """Read a series and say whether it is usable; the volume is dropped."""
    try:
        return row_of(series, read_series(series))
    except SeriesRefused as refused:
        return refused_row(series, refused.refusal)


def row_of(series: Series, volume: Volume) -> SeriesRow:
    """The row of a series that was read."""
    shape, grid = volume.hu.shape, _grid(series)
    return replace(
        _plain_row(series),
        status="usable",
        warnings=volume.warnings,
        shape=(shape[0], shape[1], shape[2]),
        spacing_mm=volume.spacing_mm,
        origin_mm=volume.origin_mm,
        slices=len(set(grid.stack_indices)) if grid else shape[0],
    )


def refused_row(series: Series, refusal: Refusal) -> SeriesRow:
    """The row of a series that was refused."""
    return replace(_plain_row(series), reason=refusal.reason, detail=refusal.detail)


def _plain_row(series: Series) -> SeriesRow:
    header = series.slices[0] if isinstance(series, DicomSeries) else None
    grid = _grid(series)
    return SeriesRow(
        path=readable(series.path),
        patient_id=series.patient_id,
        study_uid=series.study_uid,
        series_uid=series.series_uid,
        status="refused",
        reason=None,
        detail="",
        warnings=series.warnings,
        chosen=False,
        modality=series.modality,
        slices=series.n_slices,
        shape=None,
        spacing_mm=None,
        origin_mm=None,
        transfer_syntax=header.encoding.transfer_syntax if header else "",
        manufacturer=header.identity.manufacturer if header else "",
        kernel=header.identity.kernel if header else "",
        plane="axial" if grid is None or grid.is_axial else "other",
        stack=series.stack,
        study_date=series.study_date,
    )


def _grid(series: Series) -> Grid | None:
    return series.grid if isinstance(series, DicomSeries) else None
