"""Synthetic chests with known nodules, written as DICOM.

Something to learn from where real scans cannot travel.
"""

SYNTHETIC_MARK = "lungnet phantom (synthetic)"
"""*Manufacturer* (0008,0070) of every file this station writes; no scanner calls itself so."""
