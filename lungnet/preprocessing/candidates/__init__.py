"""Places in the lung worth a look: nodules, ground glass and masses, the likeliest first."""

from lungnet.preprocessing.candidates.ranking import Candidate, find_candidates

__all__ = ["Candidate", "find_candidates"]
