"""From HU on the scanner's grid to an isotropic grid with the lungs and ranked candidates."""

from lungnet.preprocessing.candidates import Candidate
from lungnet.preprocessing.prepared_scan import PreparedScan, Scan, prepare

__all__ = ["Candidate", "PreparedScan", "Scan", "prepare"]
