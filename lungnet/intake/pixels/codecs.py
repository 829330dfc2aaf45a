"""From one encoded frame to stored values; which library decodes which transfer syntax.

None of the decoders is under the GPL. Each is asked alone, so that the answer never depends on what
else is installed, and the strictest is taken where several could: a decoder that fills a broken
picture up is worse than none.
"""

import logging
import struct
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet.intake.headers.elements import DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from lungnet.intake.headers.slice_header import Encoding
from lungnet.intake.pixels.codestreams import Codestream, read_codestream
from lungnet.intake.pixels.jpeg import decode_jpeg
from lungnet.intake.pixels.rescale import stored_values
from lungnet.native_stderr import hearing

# Their logs repeat, with a traceback, what is raised anyway, and may quote values that identify a
# patient.
for _name in ("pydicom", "openjpeg", "pylibjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_CHARLS, _OPENJPEG, _PYDICOM, _ITK = "pyjpegls", "pylibjpeg", "pydicom", "itk"

LIBRARIES = {_CHARLS: "jpeg_ls", _OPENJPEG: "openjpeg", _PYDICOM: "pydicom", _ITK: "SimpleITK"}
"""The module behind each decoder."""

_JPEG = "1.2.840.10008.1.2.4."
_J2K_DECODED = frozenset(
    _JPEG + last for last in ("90", "91", "201", "202", "203")
)  # JPEG 2000 and High-Throughput JPEG 2000

DECODERS: dict[str, str] = {
    "1.2.840.10008.1.2.5": _PYDICOM,  # RLE
    _JPEG
    # JPEG baseline, 8 bit; gdcm's own wheel ends the process where a table is damaged
    + "50": _ITK,
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

SUPPORTED: dict[str, bool] = dict.fromkeys(
    (IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, DEFLATED), False
) | dict.fromkeys(DECODERS, True)
"""Transfer syntaxes that are read, and whether their pixels are compressed."""

LOSSY, SIGN, BITS, TRAILING = "lossy", "sign", "bits", "trailing-data"
"""Codes of warnings that a codestream gives rise to."""

_RLE_HEADER = struct.Struct(
    "<16L"
)  # the number of segments and where each begins (PS3.5 section G.5)
_RLE_LARGEST_RATIO = 64  # a run of 128 equal bytes takes two (PS3.5 section G.3)
# A segment holds a byte of each pixel. Encoders add one to 128 where nothing repeats; nothing but
# runs unpacks to 64 times as much.
_RLE_LARGEST_SEGMENT = 1.5


class UndecodableError(Exception):
    """Says why a frame cannot be decoded."""


def decode(frame: bytes, how: Encoding) -> tuple[NDArray[np.generic], frozenset[str]]:
    """Decode one encoded frame.

    Returns:
        Stored values of shape (rows, columns), as integers of any width; and the codes of what the
        codestream shows: `lossy`, `sign` where it contradicts the header's and is believed, `bits`
        where it has fewer than are stored, `trailing-data` where it goes on after the picture.

    Raises:
        UndecodableError: the codestream is broken, or describes another picture than the header.
    """
    plugin = DECODERS[how.transfer_syntax]
    if plugin == _PYDICOM:
        _check_run_lengths(frame, how)
        array, is_longer = _decoded(frame, how, plugin, is_signed=bool(how.is_signed))
        return stored_values(array, how), frozenset([TRAILING] if is_longer else [])
    codestream = _checked_codestream(frame, how)
    shown = {
        code
        for code, is_so in ((LOSSY, codestream.is_lossy), (BITS, codestream.bits < how.bits_stored))
        if is_so
    }
    if codestream.is_signed and not how.is_signed:
        # It comes as it should be; the header's sign must not be applied again.
        return _decoded(frame, how, plugin, is_signed=True)[0], frozenset([*shown, SIGN])
    # JPEG and JPEG-LS know no sign: where the header has one, it is applied to the bits that are
    # stored, not to those of the codestream.
    is_signed = bool(how.is_signed) and how.transfer_syntax in _J2K_DECODED
    array, _ = _decoded(frame, how, plugin, is_signed=is_signed)
    return _justified(array, codestream.bits, how), frozenset(shown)


def _decoded(
    frame: bytes, how: Encoding, plugin: str, *, is_signed: bool
) -> tuple[NDArray[np.generic], bool]:
    """The values as the decoder gives them, and whether it warned."""
    try:
        with hearing() as said:
            decoded = (
                (decode_jpeg(frame, how), False)
                if plugin == _ITK
                else _run(frame, how, plugin, is_signed)
            )
    except Exception as error:
        # Decoders raise what they please, from struct.error to RuntimeError, and their texts quote
        # no pixels.
        raise UndecodableError(
            f"the {plugin} decoder refuses the frame ({type(error).__name__})"
        ) from error
    if b"Corrupt JPEG data" in said:  # libjpeg only mutters, and fills the picture up
        raise UndecodableError("the JPEG decoder finds the frame's data corrupt")
    return decoded


def _justified(array: NDArray[np.generic], bits: int, how: Encoding) -> NDArray[np.generic]:
    """The stored bits of decoded samples: the lower ones, whatever High Bit says (PS3.5 8.2).

    Raises:
        UndecodableError: they have more than are stored.
    """
    low, high = -1 << how.bits_stored - 1, (1 << how.bits_stored) - 1
    if bits > how.bits_stored and (int(array.min()) < low or int(array.max()) > high):
        raise UndecodableError(
            f"the codestream's values take {bits} bits, Bits Stored (0028,0101) is "
            f"{how.bits_stored}"
        )
    words = array.view(f"{'i' if how.is_signed else 'u'}{array.dtype.itemsize}")
    return stored_values(words, replace(how, high_bit=how.bits_stored - 1))


def _run(
    frame: bytes, how: Encoding, plugin: str, is_signed: bool
) -> tuple[NDArray[np.generic], bool]:
    """The values, and whether pydicom warned.

    Of run-length data it does where a segment is longer than the picture.
    """
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
        array, _ = get_decoder(how.transfer_syntax).as_array(
            one, index=0, raw=True, decoding_plugin=plugin, **options
        )
    if array.shape != (how.rows, how.columns):
        raise ValueError("another shape")
    return array, bool(told)


def _checked_codestream(frame: bytes, how: Encoding) -> Codestream:
    """The codestream's own header, held against DICOM's before a decoder takes memory."""
    found = read_codestream(frame)
    if found is None:
        raise UndecodableError("the frame does not begin like its transfer syntax")
    if (found.rows, found.columns) != (how.rows, how.columns):
        raise UndecodableError(
            f"the codestream holds {found.rows} x {found.columns} pixels, the header says "
            f"{how.rows} x {how.columns}"
        )
    if found.components != 1:
        raise UndecodableError(f"the codestream holds {found.components} components, CT has one")
    if not _ends(frame):
        raise UndecodableError("the codestream has no end: it is truncated")
    if found.problem:
        raise UndecodableError(found.problem)
    return found


def _check_run_lengths(frame: bytes, how: Encoding) -> None:
    """Bound how long the segments are, before they are unpacked.

    Each holds one byte of every pixel.
    """
    if how.frame_bytes > _RLE_LARGEST_RATIO * max(len(frame), 1) or len(frame) < _RLE_HEADER.size:
        raise UndecodableError("the run-length data is too short for the picture")
    count, *starts = _RLE_HEADER.unpack_from(frame)
    ends = [*starts[1:count], len(frame)]
    if any(
        end - start > how.rows * how.columns * _RLE_LARGEST_SEGMENT + 2
        for start, end in zip(starts, ends, strict=False)
    ):
        raise UndecodableError("the run-length data is too long for the picture")


def _ends(frame: bytes) -> bool:
    """Whether the end marker is there, JPEG's or JPEG 2000's (both FFD9), maybe before padding."""
    return b"\xff\xd9" in frame.rstrip(b"\0")[-64:]
