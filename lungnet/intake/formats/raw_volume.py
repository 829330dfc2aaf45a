"""What MetaImage, NRRD and NIfTI have in common.

A header that is held against bounds, then values that must be all there.

Other readers of these formats take what is missing for granted: absent spacing is 1 mm, absent
orientation is none, values that end early are zeros. Here the header must say where the patient
lies, and the values must have the bytes it promises.
"""

import bz2
import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import reasons
from lungnet.intake.geometry.grid import DIRECTION_TOLERANCE
from lungnet.volume import ScanWarning

Packing = Literal["", "zlib", "gzip", "bzip2"]

LARGEST_TEXT_HEADER = 64 << 10

_KINDS = "iuf"
_SMALLEST_VOXEL_MM, _LARGEST_VOXEL_MM = 0.05, 50.0
_LARGE_BYTES, _LARGE_RATIO = (
    768 << 20,
    8,
)  # a thousand slices and a half; no CT so large packs so well
_CHUNK = 16 << 20  # a packed file reads all that it is asked for into memory of its own


@dataclass(frozen=True, eq=False)
class RawVolume:
    """What a reader of another format gives.

    Attributes:
        array: stored values, three axes in any order.
        affine: 4x4 from the array's indices to LPS millimetres.
        slope: HU of one unit; `intercept` HU of 0.
        warnings: what the header makes doubtful.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0
    warnings: tuple[ScanWarning, ...] = ()


@dataclass(frozen=True, eq=False)
class OpenedVolumeFile:
    """A volume file, opened.

    Attributes:
        file: at its beginning.
        size: in bytes.
        folder: that it lies in; None within an archive, where no file lies beside it.
    """

    file: IO[bytes]
    size: int
    folder: Path | None = None

    @classmethod
    def of_bytes(cls, data: bytes) -> "OpenedVolumeFile":
        """A member of an archive."""
        return cls(io.BytesIO(data), len(data))

    @contextmanager
    def data(self, name: str | None) -> Iterator["OpenedVolumeFile"]:
        """The data file that a header names, or this file: only one in the same folder is opened.

        Raises:
            SeriesRefused: it names another place, several files, or one that is not there.
        """
        if name is None:
            yield self
            return
        name = name.removeprefix("./")
        path = None if self.folder is None else self.folder / name
        if any(character in name for character in "/\\%") or path is None or not path.is_file():
            raise SeriesRefused(
                reasons.CORRUPT, "the header names a data file that is not one file beside it"
            )
        with path.open("rb") as file:
            yield OpenedVolumeFile(file, path.stat().st_size, self.folder)


def check_size(shape: list[int], dtype: np.dtype[Any], packed: int, config: IntakeConfig) -> None:
    """Refuse a header before memory is taken for what it promises.

    Args:
        shape: voxels along each axis.
        dtype: of a value.
        packed: bytes of the file, or files.
        config: the bounds.

    Raises:
        SeriesRefused: no three axes, none along one, no plain numbers, too many voxels, or more
            than so many bytes can hold.
    """
    if len(shape) != 3:
        raise SeriesRefused(reasons.NOT_CT, f"{len(shape)} dimensions, a CT volume has 3")
    if dtype.kind not in _KINDS:
        raise SeriesRefused(reasons.NOT_CT, "the values are no plain numbers")
    if min(shape) < 1:
        raise SeriesRefused(reasons.CORRUPT, f"{min(shape)} voxels along an axis")
    voxels = math.prod(shape)
    if voxels > config.largest_voxels:
        raise SeriesRefused(
            reasons.TOO_LARGE, f"{voxels:,} voxels, at most {config.largest_voxels:,} are read"
        )
    promised = voxels * dtype.itemsize
    most = max(packed * config.largest_ratio, config.always_allowed_bytes)
    if promised > most or promised > max(_LARGE_BYTES, packed * _LARGE_RATIO):
        raise SeriesRefused(
            reasons.TOO_LARGE,
            f"the header promises {voxels:,} voxels of {dtype.itemsize} bytes, the file has "
            f"{packed:,}",
        )


def check_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine, if it has right angles and finite lengths.

    Raises:
        SeriesRefused: it has not.
    """
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if (
        not np.isfinite(affine).all()
        or not _SMALLEST_VOXEL_MM <= lengths.min() <= lengths.max() <= _LARGEST_VOXEL_MM
    ):
        raise SeriesRefused(
            reasons.CORRUPT,
            f"voxel sizes are not between {_SMALLEST_VOXEL_MM} and {_LARGEST_VOXEL_MM:g} mm",
        )
    cosines = (affine[:3, :3] / lengths).T @ (affine[:3, :3] / lengths)
    if np.abs(cosines - np.eye(3)).max() > DIRECTION_TOLERANCE:
        raise SeriesRefused(
            reasons.TILTED_GANTRY,
            "the axes are not at right angles; convert from DICOM, where a tilted stack is sheared "
            "back",
        )
    return affine


def read_values(
    source: OpenedVolumeFile, dtype: np.dtype[Any], shape: list[int], packing: Packing = ""
) -> NDArray[Any]:
    """The values from where the file stands to its end: exactly as many as the header promises.

    Args:
        source: at the first value.
        dtype: of a value, with its byte order.
        shape: in C order.
        packing: how they are compressed; checksums are held.

    Raises:
        SeriesRefused: undecodable: there are more or fewer bytes, or they cannot be unpacked.
    """
    values = np.empty(math.prod(shape) * dtype.itemsize, np.uint8)
    try:
        count, is_more = _fill(values, _unpacked(source.file, packing, len(values) + 1))
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise SeriesRefused(
            reasons.UNDECODABLE,
            f"the packed values are broken or end too early ({type(error).__name__})",
        ) from error
    if count < len(values) or is_more:
        there = f"more than {count:,}" if is_more else f"{count:,}"
        raise SeriesRefused(
            reasons.UNDECODABLE, f"{there} bytes of values, the header promises {len(values):,}"
        )
    return values.view(dtype).reshape(shape)


def _fill(values: NDArray[np.uint8], file: IO[bytes]) -> tuple[int, bool]:
    """Read bytes in place, as many as there are; returns how many, and whether the file goes on."""
    count, view = 0, values.data
    while count < len(values):
        n_read = file.readinto(view[count : count + _CHUNK])  # type: ignore[attr-defined]
        if not n_read:
            break
        count += n_read
    return count, bool(file.read(1))  # which holds the checksum of a packed file


def _unpacked(file: IO[bytes], packing: Packing, most: int) -> IO[bytes]:
    if packing == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if packing == "bzip2":
        return cast("IO[bytes]", bz2.BZ2File(file))
    if packing == "zlib":
        stream = zlib.decompressobj()
        data = stream.decompress(file.read(), most)
        if not stream.eof or stream.unused_data:
            raise EOFError
        return io.BytesIO(data)
    return file


@dataclass(frozen=True)
class VolumeFormat:
    """How files of one format are told and read.

    Attributes:
        suffixes: what their names end in, lower case.
        read: from an opened file to its values and geometry.
    """

    suffixes: tuple[str, ...]
    read: Callable[[OpenedVolumeFile, IntakeConfig], RawVolume]
