"""Intake: finds CT series in folders and archives, judges them, and reads them as exact HU."""

from lungnet.dicom.discovery import find_series
from lungnet.dicom.found import Found
from lungnet.dicom.privacy import Pseudonyms, series_key
from lungnet.dicom.reading import read_series
from lungnet.dicom.rows import SeriesRow, choose, inspect_series

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
