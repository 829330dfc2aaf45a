"""One slice as its header describes it.

Where its bytes lie, how they are stored, where the slice lies in the patient.
"""

from dataclasses import dataclass
from typing import Any

from lungnet.errors import Refusal
from lungnet.intake.containers.location import Location

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who and what a file belongs to; identical for the slices of a series, so stored once."""

    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    sop_class: str
    image_type: tuple[str, ...]
    manufacturer: str
    kernel: str
    body_part: str
    study_date: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the pixels are stored (DICOM PS3.3 section C.7.6.3).

    Identical for most slices of a series.

    Attributes:
        is_signed: None where Pixel Representation (0028,0103) is absent; `bits_stored` 0 where Bits
            Stored (0028,0101) is.
        is_swapped: bytes of one pixel each, stored as words of two in big endian order (PS3.5
            section 8.1.1 and annex A.3).
        padding: raw value of Pixel Padding Value (0028,0120), already in the sign of the pixels;
            `padding_limit` likewise.
    """

    transfer_syntax: str
    order: str
    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool | None
    is_swapped: bool
    frames: int
    padding: int | None
    padding_limit: int | None

    @property
    def padding_range(self) -> tuple[int, int]:
        """Lowest and highest padding value; only where there is one."""
        assert self.padding is not None
        limit = self.padding if self.padding_limit is None else self.padding_limit
        return min(self.padding, limit), max(self.padding, limit)

    @property
    def frame_bytes(self) -> int:
        """Of one uncompressed frame."""
        return (self.rows * self.columns * self.samples * self.bits_allocated + 7) // 8


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """One slice of a series.

    Attributes:
        frame_of_reference_uid: Frame of Reference UID (0020,0052): positions of one frame of
            reference can be compared.
        frame: index within the file.
        pixel_offset: of Pixel Data's value, -1 where there is none; `pixel_length` its length.
        position: Image Position (Patient), (x, y, z) of the first pixel's centre, millimetres.
        orientation: Image Orientation (Patient): direction along a row, then along a column.
        pixel_spacing: between rows, then between columns, millimetres.
        concatenation: In-concatenation Number (0020,9162) and In-concatenation Total Number
            (0020,9163) of an enhanced file.
        images_in_acquisition: Images in Acquisition (0020,1002); `acquisition_number` Acquisition
            Number (0020,0012).
        thickness_mm: Slice Thickness (0018,0050); `spacing_mm` Spacing Between Slices (0018,0088):
            they inform, positions decide.
        temporal_position: Temporal Position Identifier (0020,0100).
        refusal: what this file alone forbids.
        doubt: what this file alone says against itself; even slices together may overrule it.
        notes: codes of warnings that only this file shows.
    """

    location: Location
    identity: Identity
    encoding: Encoding
    frame_of_reference_uid: str = ""
    frame: int = 0
    pixel_offset: int = -1
    pixel_length: int = 0
    position: Triple | None = None
    orientation: tuple[float, ...] | None = None
    pixel_spacing: tuple[float, float] | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    instance_number: int | None = None
    concatenation: tuple[int, int] | None = None
    images_in_acquisition: int | None = None
    acquisition_number: int | None = None
    temporal_position: int | None = None
    tilt_degrees: float | None = None
    thickness_mm: float | None = None
    spacing_mm: float | None = None
    is_lossy: bool = False
    refusal: Refusal | None = None
    doubt: Refusal | None = None
    notes: tuple[str, ...] = ()


def with_fields(header: SliceHeader, **changes: Any) -> SliceHeader:
    """A slice with some fields replaced.

    `dataclasses.replace` takes four times as long, and this is the scan's inner loop.
    """
    fields = {name: getattr(header, name) for name in SliceHeader.__slots__}
    fields.update(changes)
    return SliceHeader(**fields)
