"""Who trains, who stops the training, who is held out: drawn or given, and checked for leaks."""

from lungnet.datasets.splits.draw import draw_splits
from lungnet.datasets.splits.folds import inner_folds

__all__ = ["draw_splits", "inner_folds"]
