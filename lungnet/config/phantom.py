"""Settings of the phantom: they and the seed decide every byte of a synthetic cohort."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lungnet.config.section import Section
from lungnet.files import canonical_hash

RULES_VERSION = 1
"""Raised whenever the code of `lungnet.phantom` would turn the same seed and settings into other
bytes."""


class PhantomConfig(Section):
    """What kind of synthetic chests are made."""

    matrix: Annotated[int, Field(ge=64, le=1024)] = 512
    """Rows and columns of each slice; 192 is quick, 512 is what scanners write."""

    thinnest_mm: Annotated[float, Field(ge=0.5, le=10)] | None = None
    """Smallest distance between slices, in millimetres; by default 1, but not below 1.45 pixels."""

    thickest_mm: Annotated[float, Field(ge=0.5, le=10)] | None = None
    """Largest distance between slices, in millimetres; by default 3, or what the pixels ask for."""

    positive_share: Annotated[float, Field(ge=0, le=1)] = 0.45
    """Share of patients with at least one malignant nodule; kept to within one patient."""

    ambiguous_share: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    """Share of malignant nodules that look benign, and of benign ones that look somewhat
    malignant."""

    vessel_ends: Annotated[int, Field(ge=16, le=2048)] = 512
    """Ends of the arterial tree in each lung, rounded up to a power of two."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (
            self.thinnest_mm is not None
            and self.thickest_mm is not None
            and self.thinnest_mm > self.thickest_mm
        ):
            raise ValueError(
                f"thinnest_mm {self.thinnest_mm} is above thickest_mm {self.thickest_mm}"
            )
        return self

    def phantom_hash(self) -> str:
        """Name of this kind of phantom.

        16 hexadecimal digits over the settings and the rules' version.
        """
        return canonical_hash({"rules": RULES_VERSION, **self.model_dump()})[:16]
