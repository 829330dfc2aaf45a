"""Intake: finds CT series in folders and archives, judges them, and reads them as exact HU."""

from lungnet.intake.choice import choose
from lungnet.intake.discovery import find_series
from lungnet.intake.pseudonyms import Pseudonyms, series_key
from lungnet.intake.reading import read_series
from lungnet.intake.rows import SeriesRow, inspect_series
from lungnet.intake.series import DicomSeries, Series, VolumeFileSeries

__all__ = [
    "DicomSeries",
    "Pseudonyms",
    "Series",
    "SeriesRow",
    "VolumeFileSeries",
    "choose",
    "find_series",
    "inspect_series",
    "read_series",
    "series_key",
]
