"""MetaImage (`.mha`, `.mhd`): lines of `Key = Value`, the last of which says where the values are.

After the MetaIO documentation (ITK, "MetaIO/Documentation"): row i of TransformMatrix is the
direction of axis i in LPS, Offset the centre of the first voxel.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.formats.raw_volume import (
    LARGEST_TEXT_HEADER,
    OpenedVolumeFile,
    RawVolume,
    check_affine,
    check_size,
    read_values,
)
from lungnet.volume import ScanWarning

_TYPES: Final = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_OTHER_NAMES: Final = {
    "BinaryDataByteOrderMSB": "ElementByteOrderMSB",
    "Orientation": "TransformMatrix",
    "Rotation": "TransformMatrix",
    "Position": "Offset",
    "Origin": "Offset",
}
_OTHER_MODALITIES: Final = ("MET_MOD_MR", "MET_MOD_NM", "MET_MOD_US")
_LAST_KEY: Final = "ElementDataFile"
_FROM, _TO = "RAI", "LPS"
"""AnatomicalOrientation of an axial LPS volume: letters say where an axis comes from; some writers
say where it goes."""

Header = dict[str, str]


def read_metaimage(source: OpenedVolumeFile, config: IntakeConfig) -> RawVolume:
    """Read a MetaImage file.

    Raises:
        SeriesRefused: its header is broken, does not say where the patient lies, or the values are
            not all there.
    """
    header, begin = _header(source.file.read(LARGEST_TEXT_HEADER))
    dtype = np.dtype(
        (">" if _is_true(header, "ElementByteOrderMSB") else "<") + _element_type(header)
    )
    shape = [int(n) for n in header.get("DimSize", "").split()][::-1]
    affine = check_affine(_affine(header))
    _check_meaning(header)
    with source.data(None if header[_LAST_KEY].upper() == "LOCAL" else header[_LAST_KEY]) as data:
        check_size(shape, dtype, data.size, config)
        is_packed = _is_true(header, "CompressedData")
        needed = None if is_packed else math.prod(shape) * dtype.itemsize
        data.file.seek(_start(header, data, begin if data is source else 0, needed))
        array = read_values(data, dtype, shape, "zlib" if is_packed else "")
    return RawVolume(array, affine, warnings=_orientation(header, affine))


def _header(head: bytes) -> tuple[Header, int]:
    """The keys by their usual names, and the offset of what follows."""
    header: Header = {}
    position = 0
    while _LAST_KEY not in header:
        line, newline, _ = head[position:].partition(b"\n")
        key, equals, value = (
            text.strip() for text in line.decode("utf-8", "surrogateescape").partition("=")
        )
        if not equals or (not newline and key != _LAST_KEY):
            raise SeriesRefused(
                reasons.CORRUPT,
                f"no MetaImage header: its first {LARGEST_TEXT_HEADER >> 10} KB "
                f"name no {_LAST_KEY}",
            )
        name = _OTHER_NAMES.get(key, key)
        if header.setdefault(name, value) != value:
            raise SeriesRefused(reasons.CORRUPT, "the header says two things of one key")
        position += len(line) + 1
    return header, position


def _is_true(header: Header, key: str) -> bool:
    return header.get(key, "")[:1].upper() in ("T", "1")


def _element_type(header: Header) -> str:
    stated = header.get("ElementType", "")
    if stated not in _TYPES:
        raise SeriesRefused(reasons.NOT_CT, "ElementType is none of plain numbers")
    return _TYPES[stated]


def _numbers(header: Header, key: str, count: int) -> NDArray[np.float64]:
    if key not in header:
        raise SeriesRefused(
            reasons.MISSING_TAG,
            f"the MetaImage header has no {key}: nothing says where the patient lies",
        )
    numbers = np.array([float(text) for text in header[key].split()])
    if len(numbers) != count:
        raise SeriesRefused(reasons.CORRUPT, f"{key} has {len(numbers)} numbers, {count} expected")
    return numbers


def _affine(header: Header) -> NDArray[np.float64]:
    """From (z, y, x) indices to LPS millimetres."""
    spacing = _numbers(header, "ElementSpacing", 3)
    if spacing.min() <= 0:
        raise SeriesRefused(reasons.CORRUPT, "ElementSpacing is not positive")
    directions = _numbers(header, "TransformMatrix", 9).reshape(3, 3)
    if np.abs(np.linalg.norm(directions, axis=1) - 1).max() > 1e-3:
        raise SeriesRefused(reasons.CORRUPT, "TransformMatrix is not of unit vectors")
    affine = np.eye(4)
    affine[:3, :3] = (directions.T * spacing)[:, ::-1]
    affine[:3, 3] = _numbers(header, "Offset", 3)
    return affine


def _check_meaning(header: Header) -> None:
    """Refuse what is no CT, and what readers understand differently."""
    if header.get("Modality") in _OTHER_MODALITIES:
        raise SeriesRefused(reasons.NOT_CT, f"Modality is {header['Modality']}")
    plain: dict[str, tuple[float, ...]] = {
        "CenterOfRotation": (0, 0, 0),
        "ElementNumberOfChannels": (1,),
        "ElementToIntensityFunctionSlope": (1,),
        "ElementToIntensityFunctionOffset": (0,),
    }
    for key, usual in plain.items():
        if key in header and tuple(float(text) for text in header[key].split()) != usual:
            raise SeriesRefused(
                reasons.CORRUPT,
                f"{key} is not {' '.join(map(str, usual))}: readers differ in what that means",
            )
    if header.get("DistanceUnits", "mm") not in ("mm", "?"):
        raise SeriesRefused(reasons.CORRUPT, "DistanceUnits is not mm")
    if header.get("BinaryData", "True")[:1].upper() not in ("T", "1"):
        raise SeriesRefused(reasons.UNDECODABLE, "the values are written as text")


def _start(header: Header, data: OpenedVolumeFile, begin: int, needed: int | None) -> int:
    """Where the values begin; of values that are not packed, `needed` bytes."""
    skipped = int(header.get("HeaderSize", "0"))
    if skipped == 0:
        _check_packed_size(header, data.size - begin)
        return begin
    if skipped == -1 and needed is not None and data.size - begin >= needed:
        return data.size - needed
    if skipped > 0 and begin == 0:
        return skipped
    raise SeriesRefused(
        reasons.CORRUPT, f"HeaderSize is {skipped}: it cannot be said where the values begin"
    )


def _check_packed_size(header: Header, there: int) -> None:
    stated = header.get("CompressedDataSize")
    if _is_true(header, "CompressedData") and stated is not None and int(stated) != there:
        raise SeriesRefused(
            reasons.UNDECODABLE,
            f"{there:,} bytes of packed values, CompressedDataSize says {stated[:20]}",
        )


def _orientation(header: Header, affine: NDArray[np.float64]) -> tuple[ScanWarning, ...]:
    """A warning where AnatomicalOrientation contradicts the matrix, which is used."""
    stated = header.get("AnatomicalOrientation", "").upper()
    directions = affine[:3, 2::-1]
    axes = np.abs(directions).argmax(axis=0)
    goes_up = directions[axes, range(3)] > 0
    by_start = "".join(
        (_FROM if rises else _TO)[axis] for axis, rises in zip(axes, goes_up, strict=True)
    )
    by_end = "".join(
        (_TO if rises else _FROM)[axis] for axis, rises in zip(axes, goes_up, strict=True)
    )
    is_told = len(stated) == 3 and set(stated) <= set(_FROM + _TO)
    return (
        (reasons.warning_of("orientation-tag"),)
        if is_told and stated not in (by_start, by_end)
        else ()
    )
