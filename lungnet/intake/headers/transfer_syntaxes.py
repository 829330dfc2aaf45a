"""The transfer syntaxes that are read (DICOM PS3.5 section 10), by their UIDs."""

from typing import Final

IMPLICIT_LE: Final = "1.2.840.10008.1.2"
EXPLICIT_LE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BE: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"

RLE: Final = "1.2.840.10008.1.2.5"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
JPEG_SPECTRAL_SELECTION: Final = "1.2.840.10008.1.2.4.53"  # retired, as the next
JPEG_FULL_PROGRESSION: Final = "1.2.840.10008.1.2.4.55"
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_FIRST_ORDER: Final = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS: Final = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR_LOSSLESS: Final = "1.2.840.10008.1.2.4.81"
JPEG_2000: Final = frozenset(
    f"1.2.840.10008.1.2.4.{last}" for last in ("90", "91", "201", "202", "203")
)
"""JPEG 2000 and High-Throughput JPEG 2000."""

JPEG: Final = frozenset(
    [
        JPEG_BASELINE,
        JPEG_EXTENDED,
        JPEG_SPECTRAL_SELECTION,
        JPEG_FULL_PROGRESSION,
        JPEG_LOSSLESS,
        JPEG_LOSSLESS_FIRST_ORDER,
    ]
)
JPEG_LS: Final = frozenset([JPEG_LS_LOSSLESS, JPEG_LS_NEAR_LOSSLESS])

SUPPORTED: Final[dict[str, bool]] = dict.fromkeys(
    (IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, DEFLATED), False
) | dict.fromkeys((RLE, *sorted(JPEG | JPEG_LS | JPEG_2000)), True)
"""Transfer syntaxes that are read, and whether their pixels are compressed."""
