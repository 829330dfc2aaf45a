"""An npz of nodules as it lies on disk: read safely, each array checked when it is asked for."""

import logging
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungnet.errors import ConfigError, InputError

log = logging.getLogger("lungnet")

LARGEST_BYTES = 8 << 30
"""An npz that would unpack to more is refused before any of it is read."""

LUNG_BELOW_HU, NODULE_ABOVE_HU = -300, -800
"""An image around a nodule shows lung, which lies below the first, and the nodule above the second:
even faint ground glass in emphysema does."""

MOST_ODD_SHARE = 0.1
"""So many of the images may look like no HU and only be told."""

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,  # a pickle, or a header or size that does not hold
    EOFError,
    KeyError,
    RuntimeError,  # an encrypted archive, or a compression that Python does not know
    MemoryError,  # a header that claims more than there is
)
"""What a damaged or crafted npz makes `zipfile` and NumPy raise."""

ARRAYS = (
    "images",
    "crops",
    "label",
    "patient_id",
    "series_uid",
    "fold",
    "diameter_mm",
    "native71",
    "pixel_spacing_mm",
    "mask71_packed",
    "malignancy_ratings",
    "attributes",
)
"""What is read; further arrays are left alone, unless they are asked for."""


@dataclass(frozen=True, eq=False)
class NoduleArchive:
    """The arrays of an npz of nodules.

    Attributes:
        path: of the npz, for errors.
        arrays: by name, as they were stored.
    """

    path: Path
    arrays: dict[str, NDArray[Any]]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def images(self, size: tuple[int, ...]) -> NDArray[np.int16]:
        """`images` or `crops` in HU, shape (n, y, x) or (n, z, y, x).

        Raises:
            InputError: neither is there, or of another type or shape.
            ConfigError: smaller than `size`, or of other dimensions.
        """
        name = "images" if "images" in self else "crops"
        if name not in self:
            raise InputError(
                f"{self.path}: found neither `images` nor `crops`; expected HU of shape (n, y, x) "
                "or (n, z, y, x)"
            )
        images = self.arrays[name]
        if images.dtype != np.int16 or images.ndim not in (3, 4) or not len(images):
            raise InputError(
                f"{self.path}: {name} is {images.dtype} of shape {images.shape}; expected int16 HU "
                "(n, y, x) or (n, z, y, x)"
            )
        voxels = images.shape[1:]
        if len(voxels) != len(size) or any(
            length > n for length, n in zip(size, voxels, strict=True)
        ):
            raise ConfigError(
                f"input.size {list(size)} cannot be cut from {name} of {list(voxels)} voxels in "
                f"{self.path}"
            )
        return images

    def column(self, name: str, n: int, dtype_kinds: str) -> NDArray[Any]:
        """One value for each of n images, of one of NumPy's kinds of type.

        Raises:
            InputError: it is missing, or of another shape or type.
        """
        return self.table(name, (n,), dtype_kinds)

    def table(self, name: str, shape: tuple[int, ...], dtype_kinds: str) -> NDArray[Any]:
        """An array of that shape, the first axis the images.

        Raises:
            InputError: it is missing, or of another shape or type.
        """
        n = shape[0]
        if name not in self:
            raise InputError(
                f"{self.path}: `{name}` is missing; expected one for each of the {n} images"
            )
        values = self.arrays[name]
        if values.shape != shape:
            raise InputError(
                f"{self.path}: {name} has shape {values.shape}; expected {shape}, one for each "
                "image"
            )
        if values.dtype.kind not in dtype_kinds:
            expected = "text or whole numbers" if "U" in dtype_kinds else "numbers"
            raise InputError(f"{self.path}: {name} is {values.dtype}; expected {expected}")
        return values


def read_archive(path: Path, columns: Collection[str] = ()) -> NoduleArchive:
    """The arrays of an npz, nothing in them executed.

    Args:
        path: of the npz.
        columns: arrays to read beside `ARRAYS`.

    Raises:
        InputError: it cannot be read, or would unpack to more than `LARGEST_BYTES`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > LARGEST_BYTES:
            raise InputError(
                f"{path}: unpacks to {unpacked:,} bytes; at most {LARGEST_BYTES:,} are read"
            )
        with np.load(path, allow_pickle=False) as arrays:
            names = {*ARRAYS, *columns}
            read = {name: arrays[name] for name in arrays.files if name in names}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; expected an npz of nodules") from None
    except UNREADABLE as error:
        raise InputError(
            f"{path}: not an npz that can be read safely ({type(error).__name__}: {error})"
        ) from None
    strange = [name for name, value in read.items() if not isinstance(value, np.ndarray)]
    if strange:
        raise InputError(
            f"{path}: {strange[0]} is no NumPy array; expected what numpy.savez writes"
        )
    return NoduleArchive(path, read)


def check_hu(path: Path, images: NDArray[np.int16]) -> None:
    """Refuse gray levels, an offset of 1024 and nothing but air; name what is odd in a few.

    Around a nodule there is lung, and the nodule is denser.

    Raises:
        InputError: more than `MOST_ODD_SHARE` of the images cannot be HU.
    """
    flat = images.reshape(len(images), -1)
    lowest, highest = flat.min(1), flat.max(1)
    is_hu = (lowest < LUNG_BELOW_HU) & (highest > NODULE_ABOVE_HU)
    odd = int(np.count_nonzero(~is_hu))
    if odd > MOST_ODD_SHARE * len(images):
        raise InputError(
            f"{path}: {odd} of {len(images)} images cannot be HU of a nodule in lung: they reach "
            f"from {lowest.min()} to {highest.max()}; expected values below {LUNG_BELOW_HU} (lung) "
            f"and above {NODULE_ABOVE_HU} in each, not gray levels nor HU + 1024"
        )
    if odd:
        log.warning("%s: %d of %d images look like no HU", path.name, odd, len(images))
