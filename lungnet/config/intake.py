"""Settings of intake: what may be repaired, and how much memory and work a file may ask for."""

from typing import Annotated

from pydantic import Field

from lungnet.config.section import Section


class IntakeConfig(Section):
    """The bounds of intake. The defaults fit chest CT; they are limits, not tuning."""

    fewest_slices: Annotated[int, Field(ge=1, le=1000)] = 3
    """A series with fewer slices is refused."""

    largest_gap_mm: Annotated[float, Field(ge=0.1, le=20)] = 5.0
    """Uneven slices are resampled only when no two neighbours are farther apart, in millimetres."""

    largest_tilt_degrees: Annotated[float, Field(ge=0, le=45)] = 35.0
    """A stack tilted more is refused, in degrees."""

    largest_rows: Annotated[int, Field(ge=16, le=65535)] = 4096
    """Most rows or columns of a slice."""

    largest_voxels: Annotated[int, Field(ge=1000, le=4_000_000_000)] = 800_000_000
    """Most voxels of a volume: 3,000 slices of 512 x 512."""

    largest_header_bytes: Annotated[int, Field(ge=4096, le=1 << 30)] = 16 << 20
    """A header that is longer is taken as damage, in bytes."""

    largest_member_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 34)] = 384 << 20
    """Most bytes of one file inside an archive, unpacked."""

    largest_ratio: Annotated[int, Field(ge=2, le=10_000)] = 200
    """Most unpacked bytes for each packed byte of an archive or a compressed picture; more is a
    bomb."""

    always_allowed_bytes: Annotated[int, Field(ge=0, le=1 << 34)] = 64 << 20
    """So many unpacked bytes are no bomb, whatever the ratio: a small archive of air compresses
    very well."""

    most_members: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000
    """Most files in one archive, nested ones included."""

    deepest_nesting: Annotated[int, Field(ge=1, le=8)] = 3
    """Archives within archives, at most so deep."""
