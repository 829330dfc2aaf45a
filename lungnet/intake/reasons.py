"""The stable codes of intake.

Why a series is refused, and what was repaired or should be known about a usable one.
"""

from typing import Final

from lungnet.volume import ScanWarning

NOT_CT: Final = "not-ct"
LOCALIZER: Final = "localizer"
DERIVED: Final = "derived"
TOO_FEW_SLICES: Final = "too-few-slices"
MIXED_ORIENTATION: Final = "mixed-orientation"
MIXED_SIZE: Final = "mixed-size"
MIXED_FRAME: Final = "mixed-frame"
MISSING_SLICE: Final = "missing-slice"
DUPLICATE_POSITION: Final = "duplicate-position"
IRREGULAR_SPACING: Final = "irregular-spacing"
TILTED_GANTRY: Final = "tilted-gantry"
MISSING_TAG: Final = "missing-tag"
UNDECODABLE: Final = "undecodable"
IMPLAUSIBLE_HU: Final = "implausible-hu"
NOT_CHEST: Final = "not-chest"
TOO_LARGE: Final = "too-large"
CORRUPT: Final = "corrupt"

REASONS: Final[dict[str, str]] = {
    NOT_CT: "the series is no CT image",
    LOCALIZER: "a scout view that plans the scan, no stack of slices",
    DERIVED: (
        "a secondary capture, or a picture computed from the slices (reformat, projection, "
        "perfusion map)"
    ),
    TOO_FEW_SLICES: "too few slices to be a volume",
    MIXED_ORIENTATION: "slices lie in different planes",
    MIXED_SIZE: "slices differ in rows, columns or pixel spacing",
    MIXED_FRAME: (
        "slices belong to different frames of reference, so their positions cannot be compared"
    ),
    MISSING_SLICE: "a slice is missing between its neighbours",
    DUPLICATE_POSITION: "two different slices claim one position",
    IRREGULAR_SPACING: "the distances between slices vary beyond what may be resampled",
    TILTED_GANTRY: "the stack is sheared more than may be undone",
    MISSING_TAG: "a tag without which pixels have no place or no unit is absent or empty",
    UNDECODABLE: "pixels cannot be decoded, or end too early",
    IMPLAUSIBLE_HU: "the values cannot be Hounsfield units of a patient",
    NOT_CHEST: "no lungs in the volume",
    TOO_LARGE: "larger than the configured bounds",
    CORRUPT: "the file breaks its own format, or a value in it cannot be",
}
"""Every reason of refusal, with its meaning."""

WARNINGS: Final[dict[str, str]] = {
    "duplicate-dropped": "exact copies of slices were dropped",
    "set-aside": "localizers or derived images among the slices were left out",
    "reoriented": (
        "the stack was not axial; axes were permuted or flipped to (z, y, x) LPS, values are "
        "untouched"
    ),
    "flipped": "rows or columns ran against LPS and were turned round, values are untouched",
    "unsheared": "a tilted stack was sheared back, values were interpolated within slices",
    "resampled": "uneven slices were interpolated on a regular grid",
    "jitter": "slice positions are uneven within the tolerance and were taken as even",
    "tilt-tag": "the tilt tag disagrees with the geometry, which was used",
    "spacing-from-thickness": "one slice only: its thickness was taken as its spacing",
    "slice-order": (
        "the order of the slices by position looks wrong by instance numbers or by content"
    ),
    "slice-count": "fewer slices than the headers or instance numbers promise",
    "unreadable-beside": "files beside the slices cannot be read and may have been slices",
    "repeated-pixels": "slices at different positions hold the same pixels",
    "discontinuity": (
        "a slice resembles neither neighbour, or a block of slices does not fit to the next"
    ),
    "mixed-type": "slices differ in Image Type: some may be computed from others",
    "mixed-kernel": "slices were reconstructed with different kernels",
    "mixed-acquisition": "slices of several acquisitions take turns",
    "slice-gap": "slices are thinner than their distance: what lies between was not imaged",
    "no-bone": "nothing is as dense as bone; slope or intercept may be wrong",
    "negative-slope": "the rescale slope is negative, which no CT scanner writes",
    "lossy": "the pixels went through lossy compression",
    "derived-overruled": "the headers call every slice derived or a capture; axial slices at even "
    "positions with HU were taken as a CT all the same",
    "sop-class": "the data set has no SOP Class UID; that of the file meta information, or the "
    "modality, was taken",
    "split": "one series holds several stacks, which a tag tells apart; this is one of them",
    "placeholder-id": "the patient id is a placeholder that other patients may bear too",
    "id-over-studies": "one patient id over several studies: maybe one patient, maybe several",
    "partial-lungs": "only a small part of the lungs is in the volume",
    "derived": "the image type says derived; the pixels are taken as a CT's",
    "coarse-values": "one grey level is worth several HU",
    "frame-per-slice": (
        "slices have a Frame of Reference UID each (an anonymizer's doing); positions were "
        "compared all the same"
    ),
    "study-per-slice": "slices of the series name different studies; they were taken as one series",
    "rescale-type": "the rescale type is not HU",
    "rounded": "values were not whole HU and were rounded to the nearest",
    "clipped": "values above 32,767 HU were clipped",
    "padding": (
        "a padding value within the range of tissue was taken as padding only where it touches the "
        "edge of the slice"
    ),
    "sign": "the codestream is signed and the header is not; the codestream was believed",
    "bits": "the codestream states fewer bits than Bits Stored; its values were taken as they are",
    "body-part": "the body part tag names no chest, the pixels show lungs",
    "transfer-syntax": "the transfer syntax was missing or wrong and was recognized from the data",
    "trailing-data": "the pixel data is longer than the picture; what is too much was ignored",
    "no-identity": "the format carries no ids; the file's name stands for them",
    "orientation-tag": (
        "the anatomical orientation that the MetaImage header names disagrees with its matrix, "
        "which was used"
    ),
    "two-affines": (
        "qform and sform of the NIfTI header place the volume differently; the sform was used"
    ),
    "assumed-hu": "the format has no unit; values were taken as HU",
}
"""Every warning, with its meaning."""


def warning_of(code: str) -> ScanWarning:
    """The warning of a code, with its meaning as the sentence."""
    return ScanWarning(code, WARNINGS[code])
