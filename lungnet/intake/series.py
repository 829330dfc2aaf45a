"""What discovery hands on.

One `Found` per series, with its verdict so far, small enough to travel between processes.
"""

from dataclasses import dataclass
from pathlib import Path

from lungnet.config.intake import IntakeConfig
from lungnet.intake.geometry.grid import Grid
from lungnet.intake.headers.slice_header import Location, Slice
from lungnet.volume import Warned


@dataclass(frozen=True, slots=True)
class Found:
    """One series as its headers show it.

    Attributes:
        path: folder, archive or file that holds it, as deep as all its parts share.
        patient_id: DICOM Patient ID, or what stands for it.
        study_uid: Study Instance UID; may be empty.
        series_uid: Series Instance UID, or what stands for it.
        modality: as stated; empty where nothing is.
        slices: in the order of their place in the volume, feet to head; of a refused series as they
            were met.
        grid: where they lie; None where refused or where only the file's body tells (NIfTI and its
            like).
        refusal: (reason, detail) already known from headers.
        warnings: repairs and remarks already known from headers.
        kind: "dicom", "nifti", "metaimage" or "nrrd".
        limits: the bounds it was judged by.
        location: of a volume file's bytes; None for DICOM.
    """

    path: Path
    patient_id: str
    study_uid: str
    series_uid: str
    modality: str
    slices: tuple[Slice, ...]
    grid: Grid | None
    refusal: tuple[str, str] | None
    warnings: tuple[Warned, ...]
    kind: str
    limits: IntakeConfig
    location: Location | None = None
