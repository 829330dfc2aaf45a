"""From HU on the scanner's grid to one isotropic grid with the lungs outlined and the places worth a look ranked."""

from lungnet.preprocessing.candidates import Candidate
from lungnet.preprocessing.prepared import PreparedScan, prepare

__all__ = ["Candidate", "PreparedScan", "prepare"]
