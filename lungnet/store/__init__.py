"""The prepared store: filled by many processes, checked to the byte, read by crops."""

from lungnet.store.filling import fill_store
from lungnet.store.labeled_series import labeled_series
from lungnet.store.labels import LabelRow, Labels, SeriesIds, read_labels
from lungnet.store.manifest import read_store_labels
from lungnet.store.prepared_store import Store
from lungnet.store.series_worker import PreparedRow
from lungnet.store.stored_scan import StoredScan
from lungnet.store.verification import CheckedEntry, repair_store, verify_store

__all__ = [
    "CheckedEntry",
    "LabelRow",
    "Labels",
    "PreparedRow",
    "SeriesIds",
    "Store",
    "StoredScan",
    "fill_store",
    "labeled_series",
    "read_labels",
    "read_store_labels",
    "repair_store",
    "verify_store",
]
