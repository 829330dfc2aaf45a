"""The stable codes of preparation's warnings, with their meanings.

Those of intake are in `lungnet.intake.reasons`; a prepared scan carries both.
"""

from typing import Final

NO_LUNGS: Final = "no-lungs"
LUNG_VOLUME: Final = "lung-volume"
ONE_LUNG: Final = "one-lung"
LUNG_CUT: Final = "lung-cut"

WARNINGS: Final[dict[str, str]] = {
    NO_LUNGS: "no lungs were found by their density; the whole body's box is used instead",
    LUNG_VOLUME: "the lungs hold less than 0.8 or more than 12 litres",
    ONE_LUNG: "more than four fifths of the lung lies in one half of the body",
    LUNG_CUT: "the scan ends in the lung: at its lowest or highest slice, at the sides of its "
    "image or at the rim of a round field of view",
}
"""Every warning of preparation, with its meaning."""
