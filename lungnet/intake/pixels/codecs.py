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

from lungnet.errors import UndecodableError
from lungnet.intake.headers.slice_header import Encoding
from lungnet.intake.headers.transfer_syntaxes import JPEG, JPEG_2000, JPEG_LS, RLE
from lungnet.intake.pixels.codestreams import Codestream, read_codestream
from lungnet.intake.pixels.jpeg import decode_jpeg
from lungnet.intake.pixels.rescale import stored_values
from lungnet.processes.native_stderr import captured_stderr

# Their logs repeat, with a traceback, what is raised anyway, and may quote values that identify a
# patient.
for _name in ("pydicom", "openjpeg", "pylibjpeg"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_CHARLS, _OPENJPEG, _PYDICOM, _ITK = "pyjpegls", "pylibjpeg", "pydicom", "itk"

LIBRARIES = {_CHARLS: "jpeg_ls", _OPENJPEG: "openjpeg", _PYDICOM: "pydicom", _ITK: "SimpleITK"}
"""The module behind each decoder."""

DECODERS: dict[str, str] = {
    RLE: _PYDICOM,
    # SimpleITK's library: gdcm's own wheel ends the process where a table is damaged.
    **dict.fromkeys(sorted(JPEG), _ITK),
    **dict.fromkeys(sorted(JPEG_LS), _CHARLS),
    **dict.fromkeys(sorted(JPEG_2000), _OPENJPEG),
}
"""Which library decodes which transfer syntax (DICOM PS3.5 section 10)."""


LOSSY, SIGN, BITS, TRAILING = "lossy", "sign", "bits", "trailing-data"
"""Codes of warnings that a codestream gives rise to."""

_RLE_HEADER = struct.Struct(
    "<16L"
)  # the number of segments and where each begins (PS3.5 section G.5)
_RLE_LARGEST_RATIO = 64  # a run of 128 equal bytes takes two (PS3.5 section G.3)
# A segment holds a byte of each pixel. Encoders add one to 128 where nothing repeats; nothing but
# runs unpacks to 64 times as much.
_RLE_LARGEST_SEGMENT = 1.5


def decode(frame: bytes, encoding: Encoding) -> tuple[NDArray[np.generic], frozenset[str]]:
    """Decode one encoded frame.

    Returns:
        Stored values of shape (rows, columns), as integers of any width; and the codes of what the
        codestream shows: `lossy`, `sign` where it contradicts the header's and is believed, `bits`
        where it has fewer than are stored, `trailing-data` where it goes on after the picture.

    Raises:
        UndecodableError: the codestream is broken, or describes another picture than the header.
    """
    plugin = DECODERS[encoding.transfer_syntax]
    if plugin == _PYDICOM:
        _check_run_lengths(frame, encoding)
        array, is_longer = _decoded(frame, encoding, plugin, is_signed=bool(encoding.is_signed))
        return stored_values(array, encoding), frozenset([TRAILING] if is_longer else [])
    codestream = _checked_codestream(frame, encoding)
    codes = {
        code
        for code, is_so in (
            (LOSSY, codestream.is_lossy),
            (BITS, codestream.bits < encoding.bits_stored),
        )
        if is_so
    }
    if codestream.is_signed and not encoding.is_signed:
        # It comes as it should be; the header's sign must not be applied again.
        return _decoded(frame, encoding, plugin, is_signed=True)[0], frozenset([*codes, SIGN])
    # JPEG and JPEG-LS know no sign: where the header has one, it is applied to the bits that are
    # stored, not to those of the codestream.
    is_signed = bool(encoding.is_signed) and encoding.transfer_syntax in JPEG_2000
    array, _ = _decoded(frame, encoding, plugin, is_signed=is_signed)
    return _justified(array, codestream.bits, encoding), frozenset(codes)


def _decoded(
    frame: bytes, encoding: Encoding, plugin: str, *, is_signed: bool
) -> tuple[NDArray[np.generic], bool]:
    """The values as the decoder gives them, and whether it warned."""
    try:
        with captured_stderr() as remarks:
            decoded = (
                (decode_jpeg(frame, encoding), False)
                if plugin == _ITK
                else _run(frame, encoding, plugin, is_signed)
            )
    except Exception as error:
        # Decoders raise what they please, from struct.error to RuntimeError, and their texts quote
        # no pixels.
        raise UndecodableError(
            f"the {plugin} decoder refuses the frame ({type(error).__name__})"
        ) from error
    if b"Corrupt JPEG data" in remarks:  # libjpeg only warns, and fills the rest of the picture
        raise UndecodableError("the JPEG decoder finds the frame's data corrupt")
    return decoded


def _justified(array: NDArray[np.generic], bits: int, encoding: Encoding) -> NDArray[np.generic]:
    """The stored bits of decoded samples: the lower ones, whatever High Bit says (PS3.5 8.2).

    Raises:
        UndecodableError: they have more than are stored.
    """
    low, high = -1 << encoding.bits_stored - 1, (1 << encoding.bits_stored) - 1
    if bits > encoding.bits_stored and (int(array.min()) < low or int(array.max()) > high):
        raise UndecodableError(
            f"the codestream's values take {bits} bits, Bits Stored (0028,0101) is "
            f"{encoding.bits_stored}"
        )
    values = array.view(f"{'i' if encoding.is_signed else 'u'}{array.dtype.itemsize}")
    return stored_values(values, replace(encoding, high_bit=encoding.bits_stored - 1))


def _run(
    frame: bytes, encoding: Encoding, plugin: str, is_signed: bool
) -> tuple[NDArray[np.generic], bool]:
    """The values, and whether pydicom warned.

    Of run-length data it does where a segment is longer than the picture.
    """
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    options: dict[str, Any] = {
        "rows": encoding.rows,
        "columns": encoding.columns,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": encoding.bits_allocated,
        "bits_stored": encoding.bits_stored,
        "pixel_representation": int(is_signed),
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encapsulated = encapsulate([frame], has_bot=False)
        array, _ = get_decoder(encoding.transfer_syntax).as_array(
            encapsulated, index=0, raw=True, decoding_plugin=plugin, **options
        )
    if array.shape != (encoding.rows, encoding.columns):
        raise ValueError("another shape")
    return array, bool(caught)


def _checked_codestream(frame: bytes, encoding: Encoding) -> Codestream:
    """The codestream's own header, held against DICOM's before a decoder takes memory."""
    codestream = read_codestream(frame)
    if codestream is None:
        raise UndecodableError("the frame does not begin like its transfer syntax")
    if (codestream.rows, codestream.columns) != (encoding.rows, encoding.columns):
        raise UndecodableError(
            f"the codestream holds {codestream.rows} x {codestream.columns} pixels, the header "
            "says "
            f"{encoding.rows} x {encoding.columns}"
        )
    if codestream.components != 1:
        raise UndecodableError(
            f"the codestream holds {codestream.components} components, CT has one"
        )
    if not _ends(frame):
        raise UndecodableError("the codestream has no end: it is truncated")
    if codestream.problem:
        raise UndecodableError(codestream.problem)
    return codestream


def _check_run_lengths(frame: bytes, encoding: Encoding) -> None:
    """Bound how long the segments are, before they are unpacked.

    Each holds one byte of every pixel.
    """
    if (
        encoding.frame_bytes > _RLE_LARGEST_RATIO * max(len(frame), 1)
        or len(frame) < _RLE_HEADER.size
    ):
        raise UndecodableError("the run-length data is too short for the picture")
    count, *starts = _RLE_HEADER.unpack_from(frame)
    ends = [*starts[1:count], len(frame)]
    if any(
        end - start > encoding.rows * encoding.columns * _RLE_LARGEST_SEGMENT + 2
        for start, end in zip(starts, ends, strict=False)
    ):
        raise UndecodableError("the run-length data is too long for the picture")


def _ends(frame: bytes) -> bool:
    """Whether the end marker is there, JPEG's or JPEG 2000's (both FFD9), maybe before padding."""
    return b"\xff\xd9" in frame.rstrip(b"\0")[-64:]
