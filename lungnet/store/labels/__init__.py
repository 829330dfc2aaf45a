"""Labels: who has cancer, and what else is known; read from a table, matched to series."""

from lungnet.store.labels.label_table import labels_text, read_labels
from lungnet.store.labels.labels import LabelRow, Labels, SeriesIds

__all__ = ["LabelRow", "Labels", "SeriesIds", "labels_text", "read_labels"]
