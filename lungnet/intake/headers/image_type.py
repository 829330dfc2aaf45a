"""What kind of picture a header says it is.

A slice of a CT, or a localizer, a derived picture, something else.
"""

import re
from functools import cache
from typing import Final

from lungnet.errors import Refusal
from lungnet.intake import reasons
from lungnet.intake.headers.slice_header import SliceHeader

CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT: Final = frozenset(["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"])
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
DICOMDIR: Final = "1.2.840.10008.1.3.10"

SCOUTS = frozenset(["LOCALIZER", "SCOUT", "SURVIEW", "TOPOGRAM", "TOP", "SCANOGRAM"])
"""Words in Image Type (0008,0008) that name a localizer; the standard's and vendors' (`CT_SOM5
TOP`, `REF_SURVIEW`)."""

COMPUTED = frozenset(
    [
        "MPR",
        "CPR",
        "CURVED",
        "PROJECTION",
        "MIP",
        "MINIP",
        "MNIP",
        "MAXIMUM",
        "MINIMUM",
        "MEDIAN",
        "AVERAGE",
        "MEAN",
        "VRT",
        "SSD",
        "VOLREN",
        "REFORMAT",
        "REFORMATTED",
        "PERFUSION",
        "RCBF",
        "RCBV",
        "MTT",
        "TTP",
        "SUBTRACTION",
        "FUSION",
        "MASK",
        "SCREEN",
        "SCREENSAVE",
        "CAPTURE",
        "DOSE",
        "GSP",
        "ADDITION",
        "DIVISION",
        "MULTIPLICATION",
        "MASKED",
        "DEVIATION",
        "QUANTITY",
        "IODINE",
        "ZEFF",
        "PBV",
        "RHO",
    ]
)
"""Words in Image Type that name a picture computed from slices (`MIP THICK`, `CURVED_MPR`), or
values of other units; those of PS3.3 section C.8.16.1.4 and vendors' (`IODINE MAP`, `RHO_Z`)."""

AMBIGUOUS = frozenset(["DOSE", "AVERAGE"])
"""Such words may tell of an original axial slice how it was acquired (`LOW_DOSE`)."""


GRAY = frozenset(["MONOCHROME1", "MONOCHROME2", ""])
"""Photometric Interpretations of values that mean themselves (PS3.3 section C.7.6.3.1.2); absent,
they are taken as such."""


def image_type_refusal(header: SliceHeader) -> Refusal | None:
    """Why this is no slice of a CT stack, by what it says it is."""
    identity = header.identity
    is_ct = (
        identity.sop_class == CT_IMAGE
        or identity.sop_class in ENHANCED_CT
        or (not identity.sop_class and identity.modality == "CT")
    )
    if identity.modality not in ("CT", "") or (
        not is_ct and not identity.sop_class.startswith(SECONDARY_CAPTURE)
    ):
        return Refusal(
            reasons.NOT_CT,
            f"Modality is {identity.modality or 'absent'}, SOP class "
            f"{identity.sop_class or 'absent'}",
        )
    if scouts := SCOUTS.intersection(_type_words(identity.image_type)):
        return Refusal(
            reasons.LOCALIZER, "Image Type (0008,0008) says " + "\\".join(sorted(scouts))
        )
    why = _derived(header, is_ct)
    return Refusal(reasons.DERIVED, why) if why else None


@cache
def _type_words(image_type: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for value in image_type for word in re.split(r"[^A-Z0-9]+", value))


def _derived(header: SliceHeader, is_ct: bool) -> str:
    """Why a picture was computed rather than scanned; empty where it was not."""
    image_type = header.identity.image_type
    if not is_ct:
        return "a secondary capture (SOP class)"
    if header.encoding.samples != 1:
        return f"{header.encoding.samples} samples a pixel: a color picture, no CT values"
    if header.encoding.photometric not in GRAY:
        return (
            f"Photometric Interpretation (0028,0004) is {header.encoding.photometric[:16]}: "
            "colors, "
            "no CT values"
        )
    ambiguous = AMBIGUOUS if image_type[:3] == ("ORIGINAL", "PRIMARY", "AXIAL") else frozenset()
    if computed := COMPUTED.intersection(_type_words(image_type)) - ambiguous:
        return "Image Type (0008,0008) says " + "\\".join(sorted(computed))
    # Lossy recompression makes an axial slice DERIVED by the rules (PS3.3 section C.7.6.1.1.2) and
    # keeps it a slice.
    if image_type[:2] == ("DERIVED", "SECONDARY") and "AXIAL" not in image_type:
        return "Image Type (0008,0008) says DERIVED\\SECONDARY"
    return ""
