"""Cohort adapter for an npz of crops around nodules, with labels given by readers."""

import hashlib
import logging
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort import Cohort, CohortKind, Inputs, Keeping, SliceToShow
from lungnet.datasets.crop_recipe import crop_hash
from lungnet.datasets.nodules.archive import NoduleArchive, read_archive
from lungnet.datasets.nodules.pixels import CropPixels, NativePixels, nodule_pixels
from lungnet.datasets.nodules.readings import attributes, label_noise, rating_shares, ratings
from lungnet.datasets.view import View, straight
from lungnet.errors import ChoiceError, InputError

log = logging.getLogger("lungnet")


def nodule_cohort(
    path: Path,
    input_config: InputConfig,
    attributes_csv: Path | None = None,
    columns: Collection[str] = (),
) -> Cohort:
    """Read an npz of nodules.

    `images` (n, y, x) or `crops` (n, z, y, x) in HU, `label`, `patient_id` and perhaps
    `diameter_mm`, `native71` with `pixel_spacing_mm`, `mask71_packed`, `malignancy_ratings`,
    `attributes`, `fold`, `series_uid`.

    Samples whose label is -1 (no opinion) or whose patient_id is empty are left out and counted in
    the log. Of an image larger than `input_config.size` the middle is taken; where there are native
    pixels every image is cut from them.

    Args:
        path: of the npz.
        input_config: what the network is shown.
        attributes_csv: the readers' other ratings, as `attributes` says.
        columns: further arrays, of text or whole numbers, that the table shall hold as text.

    Raises:
        InputError: not such a file; names the array, what was found and what was expected.
        ConfigError: images smaller than, or of other dimensions than, `input_config.size`.
    """
    archive = read_archive(path, columns)
    pixels = nodule_pixels(archive, input_config.size)
    n = len(pixels.native if isinstance(pixels, NativePixels) else pixels.images)
    table = _table(archive, n, attributes_csv)
    table["pixel_hash"] = [_pixel_hash(pixels, row) for row in range(n)]
    for name in set(columns) - set(table):
        table[name] = archive.column(name, n, "Uiu").astype(str)
    is_usable = ((table["label"] >= 0) & (table["patient_id"] != "")).to_numpy()
    if not is_usable.all():
        why = "no opinion on malignancy (label -1), or no patient_id to group by"
        log.info("%s: %d of %d nodules are left out: %s", path.name, (~is_usable).sum(), n, why)
    index = np.flatnonzero(is_usable)

    def read(row: int, view: View) -> Inputs:
        """A row's image, and its outline where it is known."""
        inputs: Inputs = {"image": pixels.cut(index[row], view)}
        if isinstance(pixels, NativePixels) and pixels.outlines is not None:
            inputs["outline"] = pixels.outline(index[row], view)
        return inputs

    is_native = isinstance(pixels, NativePixels)
    return Cohort(
        table=table[is_usable].reset_index(drop=True),
        read=read,
        is_synthetic=False,
        preparation_hash=crop_hash() if is_native else None,
        content_hash=_content_hash(pixels),
        knows_outlines=isinstance(pixels, NativePixels) and pixels.outlines is not None,
        label_noise=label_noise(archive, n),
    )


def _pixel_hash(pixels: CropPixels | NativePixels, row: int) -> str:
    """Of what the network may be shown of an image, before any interpolation."""
    if isinstance(pixels, NativePixels):
        hu = pixels.native[row]
    else:
        hu = pixels.cut(row, straight(len(pixels.size)))
    return hashlib.sha256(hu.tobytes()).hexdigest()


def _content_hash(pixels: CropPixels | NativePixels) -> str:
    arrays = (
        [pixels.images]
        if isinstance(pixels, CropPixels)
        else [pixels.native, pixels.spacing_mm, pixels.outlines]
    )
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(array.tobytes())
    return digest.hexdigest()


def _table(archive: NoduleArchive, n: int, attributes_csv: Path | None) -> pd.DataFrame:
    """A row for each image, whatever its label."""
    label = archive.column("label", n, "biuf")
    if not np.isin(label, (-1, 0, 1)).all():
        raise InputError(
            f"{archive.path}: label has {sorted(set(label.tolist()))[:6]}; expected 0, 1 or -1 for "
            "no opinion"
        )
    rating, readers = ratings(archive, label)
    columns = {
        "patient_id": archive.column("patient_id", n, "Uiu").astype(str),
        "series_uid": [f"nodule-{row}" for row in range(n)],
        "label": label.astype(int),
        "diameter_mm": np.nan,
        "rating": rating,
        "readers": readers,
    }
    if "diameter_mm" in archive:
        columns["diameter_mm"] = archive.column("diameter_mm", n, "iuf").astype(float)
    if "fold" in archive:
        columns["fold"] = archive.column("fold", n, "iu").astype(int)
    if "series_uid" in archive:
        columns["source_series_uid"] = archive.column("series_uid", n, "Uiu").astype(str)
    table = pd.concat([pd.DataFrame(columns), rating_shares(archive, rating)], axis=1)
    readings = attributes(archive, attributes_csv, n)
    return table if readings is None else pd.concat([table, readings], axis=1)


def _load(
    data: DataConfig,
    input_config: InputConfig,
    preparation: PreparationConfig,
    keeping: Keeping | None,
) -> Cohort:
    # The npz is prepared (`_check` refuses settings of that), and lies in memory as a whole.
    del preparation, keeping
    csv = None if data.attributes is None else Path(data.attributes)
    return nodule_cohort(Path(data.path), input_config, csv, data.cohort_columns().values())


def _check(data: DataConfig, preparation: PreparationConfig) -> None:
    if data.series != "chosen":
        raise ChoiceError(
            "data.series", "does nothing with data.kind nodules, a row per nodule; leave it out"
        )
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
            image = cohort.read(row_of[uid], straight(len(input_config.size)))["image"]
            flat = image if image.ndim == 2 else image[image.shape[0] // 2]
            slices[uid] = [SliceToShow(flat.astype(np.int16), is_close_up=True)]
    return slices


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
