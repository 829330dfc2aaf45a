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
    is_capture = identity.sop_class.startswith(SECONDARY_CAPTURE)
    if identity.modality not in ("CT", "") or not (_is_ct(header) or is_capture):
        stated = identity.modality or "absent", identity.sop_class or "absent"
        return Refusal(reasons.NOT_CT, f"Modality is {stated[0]}, SOP class {stated[1]}")
    if scouts := SCOUTS.intersection(_type_words(identity.image_type)):
        words = "\\".join(sorted(scouts))
        return Refusal(reasons.LOCALIZER, f"Image Type (0008,0008) says {words}")
    why = _computed(header)
    return Refusal(reasons.DERIVED, why) if why else None


def image_type_doubt(header: SliceHeader) -> Refusal | None:
    """What a header says against itself, and what even axial slices with HU may overrule.

    Some writers, SimpleITK among them, call every slice that they write derived, or a capture.
    """
    identity = header.identity
    if not _is_ct(header):
        return Refusal(reasons.DERIVED, "a secondary capture (SOP class)")
    # Lossy recompression makes an axial slice DERIVED by the rules (PS3.3 section C.7.6.1.1.2) and
    # keeps it a slice.
    is_derived = identity.image_type[:2] == ("DERIVED", "SECONDARY")
    if is_derived and "AXIAL" not in identity.image_type:
        return Refusal(reasons.DERIVED, "Image Type (0008,0008) says DERIVED\\SECONDARY")
    return None


def _is_ct(header: SliceHeader) -> bool:
    sop_class, modality = header.identity.sop_class, header.identity.modality
    return sop_class == CT_IMAGE or sop_class in ENHANCED_CT or (not sop_class and modality == "CT")


@cache
def _type_words(image_type: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for value in image_type for word in re.split(r"[^A-Z0-9]+", value))


def _computed(header: SliceHeader) -> str:
    """Why a picture was computed rather than scanned; empty where nothing says so."""
    image_type, encoding = header.identity.image_type, header.encoding
    if encoding.samples != 1:
        return f"{encoding.samples} samples a pixel: a color picture, no CT values"
    if encoding.photometric not in GRAY:
        stated = encoding.photometric[:16]
        return f"Photometric Interpretation (0028,0004) is {stated}: colors, no CT values"
    if not _is_ct(header) and header.identity.modality != "CT":
        return "a secondary capture (SOP class)"
    ambiguous = AMBIGUOUS if image_type[:3] == ("ORIGINAL", "PRIMARY", "AXIAL") else frozenset()
    if computed := COMPUTED.intersection(_type_words(image_type)) - ambiguous:
        return "Image Type (0008,0008) says " + "\\".join(sorted(computed))
    return ""
