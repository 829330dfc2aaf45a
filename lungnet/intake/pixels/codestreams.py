"""The headers of JPEG, JPEG-LS and JPEG 2000 codestreams, read before any decoder is called.

Decoders fill up what is missing, and some end the process where a field is damaged; so sizes, bits,
tiles and the work that is asked for are read here first (ITU T.81 annex B, ITU T.87 annex C, ISO
15444-1 annexes A and I).
"""

import struct
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Codestream:
    """A codestream's own description.

    Attributes:
        rows: of the picture; `columns` likewise.
        components: of a pixel.
        bits: of a value; `is_signed` whether it has a sign, which only JPEG 2000 tells.
        is_lossy: whether information was lost, whatever the transfer syntax says.
        problem: why it should not be decoded; empty where nothing speaks against it.
    """

    rows: int
    columns: int
    components: int
    bits: int
    is_signed: bool
    is_lossy: bool
    problem: str


def read_codestream(frame: bytes) -> Codestream | None:
    """The description of a codestream; None where there is none, or its header is broken."""
    start = _jpeg_2000_start(frame)
    try:
        return _jpeg_2000(frame, start) if start >= 0 else _jpeg(frame)
    except (struct.error, KeyError, IndexError):
        return None


_SCAN, _JPEG_LS, _LOSSLESS_JPEG = 0xDA, 0xF7, 0xC3
_STARTS_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {_JPEG_LS}
_ALONE = frozenset([0x01, *range(0xD0, 0xD8)])  # markers without a length
_FRAME = struct.Struct(">BHHB")  # precision, lines, samples a line, components
_MOST_SCANS, _MOST_JPEG_BITS = 64, 16


def _jpeg(frame: bytes) -> Codestream | None:
    offset = _segment(frame, 2, _STARTS_OF_FRAME | {_SCAN})
    if frame[:2] != b"\xff\xd8" or offset < 0 or frame[offset + 1] == _SCAN:
        return None
    marker = frame[offset + 1]
    bits, rows, columns, components = _FRAME.unpack_from(frame, offset + 4)
    scan = _segment(
        frame,
        offset + 2 + int.from_bytes(frame[offset + 2 : offset + 4], "big"),
        _STARTS_OF_FRAME | {_SCAN},
    )
    problem = "" if 2 <= bits <= _MOST_JPEG_BITS else f"the codestream claims {bits} bits a value"
    if scan < 0 or frame[scan + 1] != _SCAN:
        problem = "the codestream has no scan, or two frames"
    elif frame.count(bytes([0xFF, _SCAN])) > _MOST_SCANS:
        problem = f"the codestream draws the picture in more than {_MOST_SCANS} scans"
    # NEAR of a scan of one component, after its length, count, component and table.
    is_lossy = frame[scan + 7] != 0 if marker == _JPEG_LS else marker != _LOSSLESS_JPEG
    return Codestream(rows, columns, components, bits, False, is_lossy, problem)


def _segment(frame: bytes, offset: int, markers: frozenset[int]) -> int:
    """Offset of the first marker segment of a kind from one on; -1 where there is none."""
    while offset + 4 <= len(frame) and frame[offset] == 0xFF:
        marker = frame[offset + 1]
        if marker in markers:
            return offset
        if marker == 0xFF:
            offset += 1
        else:
            offset += (
                2 if marker in _ALONE else 2 + int.from_bytes(frame[offset + 2 : offset + 4], "big")
            )
    return -1


_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"  # the signature box (I.5.1)
_SIZ, _COD, _QCD, _SOT = 0x51, 0x52, 0x5C, 0x90
_SIZE = struct.Struct(
    ">8LHB"
    # Xsiz to YTOsiz, Csiz, Ssiz of the first component, from the sixth byte of the segment on
    # (A.5.1)
)
_STYLE = struct.Struct(
    ">BxHxB3xB"
)  # Scod, layers, levels, wavelet, from the fourth byte on (A.6.1)
_TILE_PART = struct.Struct(">HL")  # Isot, Psot (A.4.2)
_SMALLEST_TILE_PART = 14
_MOST_PACKETS = 4_000_000


def _jpeg_2000(frame: bytes, start: int) -> Codestream | None:
    offset = start + 2
    segments: dict[int, int] = {}
    while offset + 4 <= len(frame) and frame[offset] == 0xFF and frame[offset + 1] != _SOT:
        segments.setdefault(frame[offset + 1], offset)
        offset += 2 + int.from_bytes(frame[offset + 2 : offset + 4], "big")
    x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0, components, sign_and_bits = _SIZE.unpack_from(
        frame, segments[_SIZ] + 6
    )
    scod, layers, levels, wavelet = _STYLE.unpack_from(frame, segments[_COD] + 4)
    if not (tile_x and tile_y and tile_x0 <= x0 < x1 and tile_y0 <= y0 < y1):
        return None
    tiles = ceil((x1 - tile_x0) / tile_x) * ceil((y1 - tile_y0) / tile_y)
    sizes = frame[segments[_COD] + 14 : segments[_COD] + 15 + levels] if scod & 1 else b"\xff"
    smallest = min((size & 15) + (size >> 4) for size in sizes)
    packets = layers * (tiles * (levels + 1) + 4 * ((y1 - y0) * (x1 - x0) >> smallest) // 3)
    quantization = segments[_QCD]
    is_quantized = (
        frame[quantization + 4] & 0x1F
        or int.from_bytes(frame[quantization + 2 : quantization + 4], "big") != 4 + 3 * levels
    )
    problem = ""
    if packets > _MOST_PACKETS:
        problem = f"the codestream asks for {packets:,} packets"
    elif (held := _tiles(frame, offset)) != set(range(tiles)):
        problem = f"the codestream holds {len(held)} of {tiles} tiles"
    elif wavelet and is_quantized:
        problem = "the codestream's quantization does not fit its wavelet"
    return Codestream(
        y1 - y0,
        x1 - x0,
        components,
        (sign_and_bits & 0x7F) + 1,
        sign_and_bits > 0x7F,
        wavelet == 0,
        problem,
    )


def _tiles(frame: bytes, offset: int) -> set[int]:
    """Which tiles the tile parts from one on belong to."""
    tiles: set[int] = set()
    while frame[offset : offset + 2] == bytes([0xFF, _SOT]) and offset + _SMALLEST_TILE_PART <= len(
        frame
    ):
        tile, length = _TILE_PART.unpack_from(frame, offset + 4)
        tiles.add(tile)
        if 0 < length < _SMALLEST_TILE_PART:
            break
        offset = offset + length if length else len(frame)
    return tiles


def _jpeg_2000_start(frame: bytes) -> int:
    """Offset of a JPEG 2000 codestream (its SOC and SIZ markers), also within JP2 boxes (I.4).

    -1 where there is none.
    """
    offset = 0
    while frame[:12] == _JP2 and frame[offset + 4 : offset + 8] != b"jp2c":
        length = int.from_bytes(frame[offset : offset + 4], "big")
        if length < 8 or offset + length > len(frame):
            return -1
        offset += length
    offset += 8 * (frame[:12] == _JP2)
    return offset if frame[offset : offset + 4] == b"\xff\x4f\xff\x51" else -1
