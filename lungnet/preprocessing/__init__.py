"""From HU on the scanner's grid to an isotropic grid with the lungs and ranked candidates."""

from lungnet.preprocessing.candidates import Candidate
from lungnet.preprocessing.prepared_scan import (
    PreparedScan,
    Scan,
    around_lungs,
    prepare,
    with_candidates,
)

__all__ = ["Candidate", "PreparedScan", "Scan", "around_lungs", "prepare", "with_candidates"]
