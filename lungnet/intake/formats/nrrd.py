"""NRRD (`.nrrd`, `.nhdr`).

Lines of `field: value`, a blank line, then the values or the name of their file.

After "Definition of NRRD File Format" (teem.sourceforge.net/nrrd/format.html): space directions are
the steps between samples along each axis, space origin is the centre of the first sample, in the
space that is named.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.formats.raw_volume import (
    LARGEST_TEXT_HEADER,
    OpenedVolumeFile,
    Packing,
    RawVolume,
    check_affine,
    check_size,
    read_values,
)
from lungnet.volume import LPS_TO_RAS

_TYPES: Final = {
    name: dtype
    for dtype, names in {
        "i1": "signed char, int8, int8_t",
        "u1": "uchar, unsigned char, uint8, uint8_t",
        "i2": "short, short int, signed short, signed short int, int16, int16_t",
        "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
        "i4": "int, signed int, int32, int32_t",
        "u4": "uint, unsigned int, uint32, uint32_t",
        "i8": (
            "longlong, long long, long long int, signed long long, signed long long int, int64, "
            "int64_t"
        ),
        "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
        "f4": "float",
        "f8": "double",
    }.items()
    for name in names.split(", ")
}
_PACKINGS: Final[dict[str, Packing]] = {
    "raw": "",
    "gzip": "gzip",
    "gz": "gzip",
    "bzip2": "bzip2",
    "bz2": "bzip2",
}
_LAS_TO_LPS: Final = np.diag([1.0, -1.0, 1.0, 1.0])
_TO_LPS: Final = {
    "left-posterior-superior": np.eye(4),
    "lps": np.eye(4),
    "right-anterior-superior": LPS_TO_RAS,
    "ras": LPS_TO_RAS,
    "left-anterior-superior": _LAS_TO_LPS,
    "las": _LAS_TO_LPS,
}
_ENDIANS: Final[dict[str, Literal["<", ">"]]] = {"little": "<", "big": ">"}
_UNREAD: Final = ("byte skip", "line skip", "old min", "old max", "block size")
"""Fields that move or rescale the values: refused where they say anything but nothing."""

Header = dict[str, str]
Choice = TypeVar("Choice")


def read_nrrd(source: OpenedVolumeFile, config: IntakeConfig) -> RawVolume:
    """Read a NRRD file.

    Raises:
        SeriesRefused: its header is broken, does not say where the patient lies, or the values are
            not all there.
    """
    header, begin = _header(source.file.read(LARGEST_TEXT_HEADER))
    packing = _chosen(header, "encoding", _PACKINGS, reasons.UNDECODABLE)
    dtype = np.dtype(_chosen(header, "type", _TYPES, reasons.NOT_CT))
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder(_chosen(header, "endian", _ENDIANS, reasons.CORRUPT))
    shape = [int(n) for n in header.get("sizes", "").split()][::-1]
    affine = check_affine(_affine(header))
    for field in _UNREAD:
        if header.get(field.replace(" ", ""), "0") != "0":
            raise SeriesRefused(
                reasons.CORRUPT, f"the field {field} moves or rescales the values: that is not read"
            )
    with source.data(header.get("datafile")) as data:
        check_size(shape, dtype, data.size, config)
        data.file.seek(begin if data is source else 0)
        return RawVolume(read_values(data, dtype, shape, packing), affine)


def _header(head: bytes) -> tuple[Header, int]:
    """The fields in lower case without spaces, and the offset of what follows the blank line."""
    if not head.startswith(b"NRRD000"):
        raise SeriesRefused(reasons.CORRUPT, "the file does not begin like NRRD")
    end = re.search(rb"\r?\n\r?\n", head)
    lines = (
        head[: end.start() if end else len(head)].decode("utf-8", "surrogateescape").split("\n")[1:]
    )
    header: Header = {}
    for line in lines:
        field, colon, value = line.partition(": ")
        field = field.lower().replace(" ", "")
        if line.startswith("#") or not colon or ":=" in field:
            continue
        if header.setdefault(field, value.strip()) != value.strip():
            raise SeriesRefused(reasons.CORRUPT, "the header says two things of one field")
    if end is None and ("datafile" not in header or len(head) >= LARGEST_TEXT_HEADER):
        raise SeriesRefused(reasons.CORRUPT, "the header does not say where the values are")
    return header, end.end() if end else len(head)


def _chosen(header: Header, field: str, choices: Mapping[str, Choice], reason: str) -> Choice:
    stated = header.get(field, "").lower()
    if stated not in choices:
        raise SeriesRefused(
            reason, f"the NRRD field {field} is none of those that are read: {', '.join(choices)}"
        )
    return choices[stated]


def _affine(header: Header) -> NDArray[np.float64]:
    """From (z, y, x) indices to LPS millimetres."""
    missing = [
        field
        for field in ("space", "space directions", "space origin")
        if field.replace(" ", "") not in header
    ]
    if missing:
        raise SeriesRefused(
            reasons.MISSING_TAG,
            f"the NRRD header has no {', '.join(missing)}: nothing says where the patient lies",
        )
    if any(unit not in ('"mm"', '""') for unit in header.get("spaceunits", "").split()):
        raise SeriesRefused(reasons.CORRUPT, "space units are not millimetres")
    to_lps = np.diag(_chosen(header, "space", _TO_LPS, reasons.MISSING_TAG))[:3]
    directions, origin = _vectors(header["spacedirections"]), _vectors(header["spaceorigin"])
    if directions.shape != (3, 3) or origin.shape != (1, 3):
        raise SeriesRefused(reasons.NOT_CT, "the axes are not the three of space")
    affine = np.eye(4)
    affine[:3, :3] = (directions * to_lps).T[:, ::-1]
    affine[:3, 3] = origin[0] * to_lps
    return affine


def _vectors(text: str) -> NDArray[np.float64]:
    """`(1,0,0) (0,1,0)` as rows; nothing where an axis is none of space."""
    if "none" in text:
        return np.empty((0, 3))
    return np.array(
        [
            [float(number) for number in vector.split(",")]
            for vector in re.findall(r"\(([^()]*)\)", text)
        ]
    )
