"""Intake: finds CT series in folders and archives, judges them, and reads them as exact HU."""

from lungnet.intake.discovery import find_series
from lungnet.intake.pseudonyms import Pseudonyms, series_key
from lungnet.intake.reading import read_series
from lungnet.intake.rows import SeriesRow, choose, inspect_series
from lungnet.intake.series import Found

__all__ = [
    "Found",
    "Pseudonyms",
    "SeriesRow",
    "choose",
    "find_series",
    "inspect_series",
    "read_series",
    "series_key",
]
