"""Settings of the preparation station.

They, and `RULES_VERSION`, decide every byte of a prepared store.
"""

from typing import Annotated, Any

from pydantic import Field

from lungnet.config.intake import IntakeConfig
from lungnet.config.section import Section
from lungnet.files import canonical_hash

RULES_VERSION = 3
"""Raised whenever the code of `lungnet.intake` or `lungnet.preprocessing` would turn the same scan
into other values."""


class PreparationConfig(Section):
    """How a series becomes a prepared scan."""

    spacing_mm: Annotated[float, Field(ge=0.5, le=3.0)] = 1.0
    """Edge of a voxel of the prepared grid, in millimetres, the same along z, y and x."""

    margin_mm: Annotated[float, Field(ge=0, le=40)] = 8.0
    """How far the stored box reaches beyond the lungs, in millimetres."""

    candidates: Annotated[int, Field(ge=0, le=500)] = 60
    """At most so many candidates are kept for each scan, best first."""

    smallest_mm: Annotated[float, Field(ge=2, le=10)] = 4.0
    """Diameter of the smallest nodule that the candidate search is tuned to, in millimetres."""

    largest_mm: Annotated[float, Field(ge=10, le=60)] = 32.0
    """Diameter of the largest nodule that the candidate search is tuned to, in millimetres."""

    intake: IntakeConfig = IntakeConfig()
    """What may be repaired in a series, and how large it may be; decides which series are used,
    never their values."""

    def rules(self) -> dict[str, Any]:
        """The settings that decide the bytes of a prepared scan, as JSON values."""
        return self.model_dump(mode="json", exclude={"intake"})

    def preparation_hash(self) -> str:
        """Name of this preparation: 16 hexadecimal digits over its rules and their version."""
        return canonical_hash({"rules": RULES_VERSION, **self.rules()})[:16]
