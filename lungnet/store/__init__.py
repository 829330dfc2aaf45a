"""The prepared store: filled by many processes, checked to the byte, read by crops."""

from lungnet.store.filling import fill_store
from lungnet.store.labels import Labels, read_labels
from lungnet.store.scans import StoredScan, first_voxels
from lungnet.store.stores import Store
from lungnet.store.verifying import Checked, repair_store, verify_store
from lungnet.store.workers import FilledRow

__all__ = [
    "Checked",
    "FilledRow",
    "Labels",
    "Store",
    "StoredScan",
    "fill_store",
    "first_voxels",
    "read_labels",
    "repair_store",
    "verify_store",
]
