"""What discovery hands on: a series as far as headers tell, small enough to travel."""

from dataclasses import dataclass
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.errors import Refusal
from lungnet.intake.containers.location import Location
from lungnet.intake.geometry.grid import Grid
from lungnet.intake.headers.slice_header import SliceHeader
from lungnet.volume import ScanWarning


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is known of any series; alone, it is a file that could not be read at all.

    Attributes:
        path: folder, archive or file that holds it, as deep as all its files share.
        patient_id: DICOM Patient ID, or what stands for it.
        study_uid: Study Instance UID; may be empty.
        series_uid: Series Instance UID, or what stands for it.
        study_date: Study Date as YYYYMMDD, or its pseudonym; may be empty.
        stack: which stack of a series that holds several; empty where it is one.
        modality: as stated; empty where nothing is.
        refusal: known from headers already.
        warnings: repairs and remarks known from headers already.
        config: the bounds it was judged by.
    """

    path: Path
    config: IntakeConfig
    patient_id: str = ""
    study_uid: str = ""
    series_uid: str = ""
    study_date: str = ""
    stack: str = ""
    modality: str = ""
    refusal: Refusal | None = None
    warnings: tuple[ScanWarning, ...] = ()

    @property
    def n_slices(self) -> int:
        """Number of slices whose headers were read; 0 where only a file's body tells."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSeries(Series):
    """A series of DICOM slices.

    Attributes:
        slices: in the order of their place in the volume, feet to head; of a refused series as
            they were met.
        grid: where they lie; None where refused.
    """

    slices: tuple[SliceHeader, ...]
    grid: Grid | None = None

    @property
    def n_slices(self) -> int:
        """Number of slices whose headers were read."""
        return len(self.slices)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFileSeries(Series):
    """A volume file in a format other than DICOM; its body tells the geometry.

    Attributes:
        format: its name in `VOLUME_FORMATS`.
        location: of its bytes.
    """

    format: str
    location: Location
