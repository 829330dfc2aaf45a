"""From one encoded frame to stored values; which library decodes which transfer syntax.

None of the decoders is under the GPL. Each is asked alone, so that the answer never depends on what else is installed,
and the strictest is taken where several could: a decoder that fills a broken picture up is worse than none.
"""

import logging
import struct
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet.dicom.elements import DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from lungnet.dicom.jpeg import decode_jpeg
from lungnet.dicom.slices import Encoding
from lungnet.dicom.values import stored_values
from lungnet.silence import hearing

# Their logs repeat, with a traceback, what is raised anyway, and may quote values that identify a patient.
for _name in ("pydicom", "openjpeg", "pylibjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_CHARLS, _OPENJPEG, _PYDICOM, _ITK = "pyjpegls", "pylibjpeg", "pydicom", "itk"

LIBRARIES = {_CHARLS: "jpeg_ls", _OPENJPEG: "openjpeg", _PYDICOM: "pydicom", _ITK: "SimpleITK"}
"""The module behind each decoder."""

_JPEG = "1.2.840.10008.1.2.4."
_J2K_DECODED = frozenset(_JPEG + last for last in ("90", "91", "201", "202", "203"))  # JPEG 2000 and High-Throughput JPEG 2000

DECODERS: dict[str, str] = {
    "1.2.840.10008.1.2.5": _PYDICOM,  # RLE
    _JPEG + "50": _ITK,  # JPEG baseline, 8 bit; gdcm's own wheel ends the process where a table is damaged
    _JPEG + "51": _ITK,  # JPEG extended, 12 bit
    _JPEG + "53": _ITK,  # JPEG spectral selection, 12 bit, retired
    _JPEG + "55": _ITK,  # JPEG full progression, 12 bit, retired
    _JPEG + "57": _ITK,  # JPEG lossless
    _JPEG + "70": _ITK,  # JPEG lossless, first-order prediction
    _JPEG + "80": _CHARLS,  # JPEG-LS lossless
    _JPEG + "81": _CHARLS,  # JPEG-LS near-lossless
    **dict.fromkeys(sorted(_J2K_DECODED), _OPENJPEG),
}
"""Which library decodes which transfer syntax (DICOM PS3.5 section 10)."""

SUPPORTED: dict[str, bool] = dict.fromkeys((IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, DEFLATED), False) | dict.fromkeys(DECODERS, True)
"""Transfer syntaxes that are read, and whether their pixels are compressed."""

LOSSY, SIGN, TRAILING = "lossy", "sign", "trailing-data"
"""Codes of warnings that a codestream gives rise to."""

_RLE_HEADER = struct.Struct("<16L")  # the number of segments and where each begins (PS3.5 section G.5)
_RLE_LARGEST_RATIO = 64  # a run of 128 equal bytes takes two (PS3.5 section G.3)
_RLE_SMALLEST_RATIO = (
    2 / 3
)  # encoders add a byte to 128 where nothing repeats; a segment of nothing but runs unpacks to 64 times its length

_START_OF_SCAN, _MOST_SCANS = b"\xff\xda", 64

_JPEG_LS, _LOSSLESS_JPEG = 0xF7, 0xC3
_STARTS_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {_JPEG_LS}

SMALLEST_PRECISION, LARGEST_PRECISION = 2, 32
"""Bits of a value that a codestream may claim; decoders of JPEG fail badly beyond."""

_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"  # the signature box (ISO 15444-1 I.5.1)


class UndecodableError(Exception):
    """Says why a frame cannot be decoded."""


def decode(frame: bytes, how: Encoding) -> tuple[NDArray[np.generic], frozenset[str]]:
    """Decode one encoded frame.

    Returns:
        Stored values of shape (rows, columns), as integers of any width; and the
        codes of what the codestream shows: `lossy`, `sign` where it contradicts the header's and is believed,
        `trailing-data` where it goes on after the picture.

    Raises:
        UndecodableError: the codestream is broken, or describes another picture than the header.
    """
    plugin = DECODERS[how.transfer_syntax]
    _check_codestream(frame, how, plugin)
    is_signed, shown = bool(how.is_signed), {LOSSY} if plugin != _PYDICOM and is_lossy(frame) else set()
    if how.transfer_syntax in _J2K_DECODED and not is_signed and _jpeg_2000_sign(frame):
        is_signed = True
        shown.add(SIGN)
    try:
        with hearing() as said:
            array, told = (decode_jpeg(frame, how), False) if plugin == _ITK else _run(frame, how, plugin, is_signed)
    except Exception as error:
        # Decoders raise what they please, from struct.error to RuntimeError, and their texts quote no pixels.
        raise UndecodableError(f"the {plugin} decoder refuses the frame ({type(error).__name__})") from error
    if b"Corrupt JPEG data" in said:  # libjpeg only mutters, and fills the picture up
        raise UndecodableError("the JPEG decoder finds the frame's data corrupt")
    if plugin == _PYDICOM:
        return stored_values(array, how), frozenset([TRAILING] if told else [])
    # A codestream that is signed against its header comes as it should be; the header's sign must not be applied again.
    return array if SIGN in shown else _justified(array, frame, how), frozenset(shown)


def _justified(array: NDArray[np.generic], frame: bytes, how: Encoding) -> NDArray[np.generic]:
    """The stored bits of decoded samples, which lie at the lower end whatever High Bit says (PS3.5 section 8.2).

    Raises:
        UndecodableError: they have more than are stored.
    """
    size = codestream_size(frame)
    low, high = -1 << how.bits_stored - 1, (1 << how.bits_stored) - 1
    if size is not None and size[3] > how.bits_stored and (int(array.min()) < low or int(array.max()) > high):
        raise UndecodableError(f"the codestream's values take {size[3]} bits, Bits Stored (0028,0101) is {how.bits_stored}")
    return stored_values(array, replace(how, high_bit=how.bits_stored - 1))


def _run(frame: bytes, how: Encoding, plugin: str, is_signed: bool) -> tuple[NDArray[np.generic], bool]:
    """The values, and whether pydicom warned; of run-length data it does where a segment is longer than the picture."""
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    options: dict[str, Any] = {
        "rows": how.rows,
        "columns": how.columns,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": how.bits_allocated,
        "bits_stored": how.bits_stored,
        "pixel_representation": int(is_signed),
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
    }
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        one = encapsulate([frame], has_bot=False)
        array, _ = get_decoder(how.transfer_syntax).as_array(one, index=0, raw=True, decoding_plugin=plugin, **options)
    if array.shape != (how.rows, how.columns):
        raise ValueError("another shape")
    return array, bool(told)


def _check_codestream(frame: bytes, how: Encoding, plugin: str) -> None:
    """Hold the picture size in the codestream against the header, before a decoder takes memory for either."""
    if plugin == _PYDICOM:
        _check_run_lengths(frame, how)
        return
    size = codestream_size(frame)
    if size is None:
        raise UndecodableError("the frame does not begin like its transfer syntax")
    if size[:2] != (how.rows, how.columns):
        raise UndecodableError(f"the codestream holds {size[0]} x {size[1]} pixels, the header says {how.rows} x {how.columns}")
    if not SMALLEST_PRECISION <= size[3] <= LARGEST_PRECISION:
        raise UndecodableError(f"the codestream claims {size[3]} bits a value")
    if size[2] != 1:
        raise UndecodableError(f"the codestream holds {size[2]} components, CT has one")
    if not _ends(frame):
        raise UndecodableError("the codestream has no end: it is truncated")
    if plugin == _ITK and frame.count(_START_OF_SCAN) > _MOST_SCANS:
        raise UndecodableError(f"the codestream draws the picture in more than {_MOST_SCANS} scans")


def _check_run_lengths(frame: bytes, how: Encoding) -> None:
    """Bound how long the segments are, before they are unpacked: each holds one byte of every pixel."""
    if how.frame_bytes > _RLE_LARGEST_RATIO * max(len(frame), 1) or len(frame) < _RLE_HEADER.size:
        raise UndecodableError("the run-length data is too short for the picture")
    count, *starts = _RLE_HEADER.unpack_from(frame)
    ends = [*starts[1:count], len(frame)]
    if any(end - start > how.rows * how.columns / _RLE_SMALLEST_RATIO + 2 for start, end in zip(starts, ends, strict=False)):
        raise UndecodableError("the run-length data is too long for the picture")


def codestream_size(frame: bytes) -> tuple[int, int, int, int] | None:
    """(rows, columns, components, bits) that a JPEG, JPEG-LS or JPEG 2000 codestream states; None where there is none."""
    at = _codestream_start(frame)
    if at >= 0:
        if len(frame) < at + 43:
            return None
        x1, y1, x0, y0 = (int.from_bytes(frame[at + 8 + 4 * i : at + 12 + 4 * i], "big") for i in range(4))
        return y1 - y0, x1 - x0, int.from_bytes(frame[at + 40 : at + 42], "big"), (frame[at + 42] & 0x7F) + 1
    at = _segment(frame, _STARTS_OF_FRAME)
    if at < 0 or at + 10 > len(frame):
        return None
    rows, columns = int.from_bytes(frame[at + 5 : at + 7], "big"), int.from_bytes(frame[at + 7 : at + 9], "big")
    return rows, columns, frame[at + 9], frame[at + 4]


def is_lossy(frame: bytes) -> bool:
    """Whether a codestream lost information, by what it says itself: the label of its transfer syntax may be wrong.

    JPEG by its process (ITU T.81, table B.1: SOF3 is lossless), JPEG-LS by its NEAR parameter (ITU T.87, C.2.3), JPEG 2000 by
    its wavelet (ISO 15444-1 A.6.1: transformation 0 is irreversible).
    """
    at = _codestream_start(frame)
    if at >= 0:
        at = frame.find(b"\xff\x52", at)
        return at >= 0 and at + 14 <= len(frame) and frame[at + 13] == 0
    marker = frame[_segment(frame, _STARTS_OF_FRAME) + 1]
    if marker != _JPEG_LS:
        return marker != _LOSSLESS_JPEG
    at = _segment(frame, frozenset([_START_OF_SCAN[1]]))
    return at < 0 or at + 8 > len(frame) or frame[at + 7] != 0  # of one component: length, count, component, table, NEAR


def _segment(frame: bytes, wanted: frozenset[int]) -> int:
    """Offset of the first marker segment of a kind in a JPEG or JPEG-LS codestream (ITU T.81, B.1.1); -1 where there is none."""
    at = 2
    while frame[:2] == b"\xff\xd8" and at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in wanted:
            return at
        at += 1 if marker == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return -1


def _codestream_start(frame: bytes) -> int:
    """Offset of a JPEG 2000 codestream (its SOC and SIZ markers), also within JP2 boxes (ISO 15444-1 I.4); -1 where there is none."""
    at = 0
    while frame[:12] == _JP2 and frame[at + 4 : at + 8] != b"jp2c":
        length = int.from_bytes(frame[at : at + 4], "big")
        if length < 8 or at + length > len(frame):
            return -1
        at += length
    at += 8 * (frame[:12] == _JP2)
    return at if frame[at : at + 4] == b"\xff\x4f\xff\x51" else -1


def _jpeg_2000_sign(frame: bytes) -> bool:
    """Ssiz of the first component: the top bit says signed (ISO 15444-1 A.5.1)."""
    at = _codestream_start(frame) + 42
    return at < len(frame) and bool(frame[at] & 0x80)


def _ends(frame: bytes) -> bool:
    """Whether the end marker is there, JPEG's or JPEG 2000's (both FFD9), maybe before padding."""
    return b"\xff\xd9" in frame.rstrip(b"\0")[-64:]
