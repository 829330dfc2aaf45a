"""Cohort adapter for an npz of crops around nodules, with labels given by readers."""

import hashlib
import logging
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort import Cohort, CohortKind, Inputs, SliceToShow
from lungnet.errors import ChoiceError, ConfigError, InputError

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


def nodule_cohort(path: Path, input_config: InputConfig) -> Cohort:
    """Read an npz of nodules.

    `images` (n, y, x) or `crops` (n, z, y, x) in HU, `label`, `patient_id` and perhaps
    `diameter_mm`.

    Samples whose label is -1 (no opinion) or whose patient_id is empty are left out and counted in
    the log. Of an image larger than `input_config.size` the middle is taken.

    Raises:
        InputError: not such a file; names the array, what was found and what was expected.
        ConfigError: images smaller than, or of other dimensions than, `input_config.size`.
    """
    arrays = _read_arrays(path)
    images = _images(path, arrays, input_config)
    table = _table(path, arrays, len(images))
    _check_hu(path, images)
    is_usable = (table["label"] >= 0) & (table["patient_id"] != "")
    if not is_usable.all():
        why = "no opinion on malignancy (label -1), or no patient_id to group by"
        log.info(
            "%s: %d of %d nodules are left out: %s", path.name, (~is_usable).sum(), len(table), why
        )
    images, table = images[is_usable.to_numpy()], table[is_usable].reset_index(drop=True)

    def read(row: int, offset: tuple[int, ...]) -> Inputs:
        """The middle of a row's image."""
        return {"image": centre_crop(images[row], input_config.size, offset)}

    return Cohort(
        table=table,
        read=read,
        is_synthetic=False,
        preparation_hash=None,
        content_hash=hashlib.sha256(images.tobytes()).hexdigest(),
    )


def _table(path: Path, arrays: dict[str, NDArray[Any]], n: int) -> pd.DataFrame:
    """A row for each image, whatever its label."""
    label = _column(path, arrays, "label", n, "biuf")
    if not np.isin(label, (-1, 0, 1)).all():
        raise InputError(
            f"{path}: label has {sorted(set(label.tolist()))[:6]}; expected 0, 1 or -1 for no "
            "opinion"
        )
    diameter = (
        _column(path, arrays, "diameter_mm", n, "iuf").astype(float)
        if "diameter_mm" in arrays
        else np.nan
    )
    return pd.DataFrame(
        {
            "patient_id": _column(path, arrays, "patient_id", n, "Uiu").astype(str),
            "series_uid": [f"nodule-{row}" for row in range(n)],
            "label": label.astype(int),
            "diameter_mm": diameter,
        }
    )


def _load(data: DataConfig, input_config: InputConfig, preparation: PreparationConfig) -> Cohort:
    del preparation  # the npz is prepared; `_check` refuses settings of it
    return nodule_cohort(Path(data.path), input_config)


def _check(data: DataConfig, preparation: PreparationConfig) -> None:
    key = "data.labels" if data.labels is not None else "preparation"
    if data.labels is not None or preparation != PreparationConfig():
        raise ChoiceError(
            key,
            "does nothing with data.kind nodules, whose npz is prepared and labeled; leave it out",
        )


def _slices_to_show(
    data: DataConfig, input_config: InputConfig, series_uids: Iterable[str]
) -> dict[str, list[SliceToShow]]:
    """The image that the network sees, or the middle slice of the crop."""
    cohort = nodule_cohort(Path(data.path), input_config)
    row_of = {uid: row for row, uid in enumerate(cohort.table["series_uid"])}
    slices = {}
    for uid in series_uids:
        if uid in row_of:
            image = cohort.read(row_of[uid], (0,) * len(input_config.size))["image"]
            flat = image if image.ndim == 2 else image[image.shape[0] // 2]
            slices[uid] = [SliceToShow(flat.astype(np.int16), is_close_up=True)]
    return slices


def centre_crop(
    image: NDArray[np.int16], size: tuple[int, ...], offset: tuple[int, ...]
) -> NDArray[np.int16]:
    """The middle of an image, moved by `offset` voxels; what lies outside repeats the edge."""
    reach = [max(abs(step), 0) for step in offset]
    padded = np.pad(image, [(r, r) for r in reach], mode="edge") if any(reach) else image
    starts = [
        (n - length) // 2 + step for n, length, step in zip(padded.shape, size, offset, strict=True)
    ]
    return padded[
        tuple(slice(start, start + length) for start, length in zip(starts, size, strict=True))
    ]


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > LARGEST_BYTES:
            raise InputError(
                f"{path}: unpacks to {unpacked:,} bytes; at most {LARGEST_BYTES:,} are read"
            )
        with np.load(path, allow_pickle=False) as arrays:
            read = {
                name: arrays[name]
                for name in arrays.files
                if name in ("images", "crops", "label", "patient_id", "diameter_mm")
            }
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
    return read


def _images(
    path: Path, arrays: dict[str, NDArray[Any]], input_config: InputConfig
) -> NDArray[np.int16]:
    name = "images" if "images" in arrays else "crops"
    if name not in arrays:
        raise InputError(
            f"{path}: found neither `images` nor `crops`; expected HU of shape (n, y, x) or (n, z, "
            "y, x)"
        )
    images = arrays[name]
    if images.dtype != np.int16 or images.ndim not in (3, 4) or not len(images):
        raise InputError(
            f"{path}: {name} is {images.dtype} of shape {images.shape}; expected int16 HU (n, y, "
            "x) or (n, z, y, x)"
        )
    size = images.shape[1:]
    if len(size) != len(input_config.size) or any(
        length > n for length, n in zip(input_config.size, size, strict=True)
    ):
        raise ConfigError(
            f"input.size {list(input_config.size)} cannot be cut from {name} of {list(size)} "
            f"voxels in {path}"
        )
    return images


def _check_hu(path: Path, images: NDArray[np.int16]) -> None:
    """Refuse gray levels, an offset of 1024 and nothing but air; name what is odd in a few.

    Around a nodule there is lung, and the nodule is denser.
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


def _column(
    path: Path, arrays: dict[str, NDArray[Any]], name: str, n: int, dtype_kinds: str
) -> NDArray[Any]:
    """One value for each image, of one of NumPy's kinds of type."""
    if name not in arrays:
        raise InputError(f"{path}: `{name}` is missing; expected one for each of the {n} images")
    if arrays[name].shape != (n,):
        raise InputError(
            f"{path}: {name} has shape {arrays[name].shape}; expected ({n},), one for each image"
        )
    if arrays[name].dtype.kind not in dtype_kinds:
        expected = "text or whole numbers" if "U" in dtype_kinds else "numbers"
        raise InputError(f"{path}: {name} is {arrays[name].dtype}; expected {expected}")
    return arrays[name]


NODULES = CohortKind(
    input_kinds=frozenset(["nodule"]),
    check=_check,
    load=_load,
    slices_to_show=_slices_to_show,
    limits=(
        (
            "The labels are those of the file of nodules; readers' ratings of malignancy are an "
            "opinion, not pathology."
        ),
        (
            "Each image is centred on a nodule that someone found: finding it is not part of what "
            "is "
            "scored."
        ),
    ),
    slices_caption="the nodule, or its middle slice, at a lung window",
)
"""`data.kind: nodules`."""
