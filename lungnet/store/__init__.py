"""The prepared store: filled by many processes, checked to the byte, read by crops."""

from lungnet.store.filling import fill_store
from lungnet.store.labels import Labels, read_labels
from lungnet.store.prepared_store import Store
from lungnet.store.series_worker import PreparedRow
from lungnet.store.stored_scan import StoredScan
from lungnet.store.verification import CheckedEntry, repair_store, verify_store

__all__ = [
    "CheckedEntry",
    "Labels",
    "PreparedRow",
    "Store",
    "StoredScan",
    "fill_store",
    "read_labels",
    "repair_store",
    "verify_store",
]
