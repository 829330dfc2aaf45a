"""The lungs from HU alone: what air is theirs, where they end, what looks doubtful."""

from lungnet.preprocessing.lungs.outline import LATTICE_MM, Lungs, find_lungs

__all__ = ["LATTICE_MM", "Lungs", "find_lungs"]
