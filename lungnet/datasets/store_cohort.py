"""Cohort adapter for a prepared store with labels."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet.config.data import DataConfig
from lungnet.config.lookup import choose
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort import Cohort, CohortKind, Inputs, Keeping, SliceToShow
from lungnet.datasets.kept_crops import keeping_reader
from lungnet.datasets.network_inputs import largest_diameter_mm, network_inputs
from lungnet.datasets.view import View
from lungnet.errors import ChoiceError, UsageError
from lungnet.files import canonical_hash
from lungnet.store import Store, StoredScan, labeled_series
from lungnet.volume import to_voxels

CLOSE_UP_VOXELS = 56
CLOSE_UPS = 2


def store_cohort(
    data: DataConfig,
    input_config: InputConfig,
    preparation: PreparationConfig,
    keeping: Keeping | None = None,
) -> Cohort:
    """The chosen series, or all, of every labeled patient of a store.

    Args:
        data: names the store and the labels.
        input_config: what the network is fed with.
        preparation: what the store was made with.
        keeping: what stays decoded, where samples are read again and again.

    Raises:
        UsageError: the store was prepared with other settings than `preparation`.
        InputError: no labels, or labels of no patient in the store.
    """
    path = Path(data.path)
    store = Store.open(path)
    expected = preparation.preparation_hash()
    if store.preparation_hash != expected:
        raise UsageError(
            f"{path}: prepared as {store.preparation_hash}, this experiment's `preparation` is "
            f"{expected}; prepare again with this configuration (--config), or set its "
            "`preparation` to the store's preparation.json"
        )
    rows = labeled_series(store, data)
    series_uids = [str(uid) for uid in rows["series_uid"]]
    table = _table(store, rows, data, input_config)

    def scan_of(row: int) -> StoredScan:
        """The scan of a row."""
        return store.read(series_uids[row])

    def read(row: int, view: View) -> Inputs:
        """What the network is fed with of a row, read anew."""
        return network_inputs(scan_of(row), input_config, view)

    return Cohort(
        table=table,
        read=keeping_reader(scan_of, len(table), input_config, keeping) if keeping else read,
        is_synthetic=bool(rows["synthetic"].any()),
        preparation_hash=store.preparation_hash,
        content_hash=canonical_hash(rows["checksum"].astype(str).tolist()),
    )


def _table(
    store: Store, rows: pd.DataFrame, data: DataConfig, input_config: InputConfig
) -> pd.DataFrame:
    """What every cohort tells of its samples, and the columns that the settings name."""
    scans = [store.read(str(uid)) for uid in rows["series_uid"]]
    table = pd.DataFrame(
        {
            "patient_id": rows["patient_id"].astype(str).to_numpy(),
            "series_uid": rows["series_uid"].astype(str).to_numpy(),
            "label": rows["label"].astype(int).to_numpy(),
            "diameter_mm": [largest_diameter_mm(scan, input_config) for scan in scans],
            "pixel_hash": [scan.hu_hash for scan in scans],
        }
    )
    wanted = [*data.cohort_columns().items()]
    wanted += [("input.scalars", scalar.column) for scalar in input_config.scalars]
    for key, name in wanted:
        if name not in table:
            cells = choose({str(title): column for title, column in rows.items()}, name, key)
            table[name] = cells.astype(object).where(cells.notna(), "").astype(str).to_numpy()
    return table


def _slices_to_show(
    data: DataConfig, input_config: InputConfig, series_uids: Iterable[str]
) -> dict[str, list[SliceToShow]]:
    del input_config  # people see the scan, not what the network is fed with
    store = Store.open(Path(data.path))
    stored = set(store.manifest["series_uid"])
    return {uid: _slices_of(store.read(uid)) for uid in series_uids if uid in stored}


def _slices_of(scan: StoredScan) -> list[SliceToShow]:
    """The axial slice through the first candidate, ringed, and close-ups of the first ones."""
    if not scan.candidates:
        return [SliceToShow(_axial_slice(scan, scan.shape[0] // 2))]
    first = scan.candidates[0]
    z, y, x = to_voxels(scan.affine, first.centre_mm)
    ring = float(y), float(x), round(first.radius_mm / scan.spacing_mm[2]) + 6
    whole = SliceToShow(_axial_slice(scan, round(float(z))), ring)
    centres = [
        to_voxels(scan.affine, candidate.centre_mm) for candidate in scan.candidates[:CLOSE_UPS]
    ]
    crops = [scan.crop(c, (1, CLOSE_UP_VOXELS, CLOSE_UP_VOXELS))[0] for c in centres]
    return [whole, *(SliceToShow(crop, is_close_up=True) for crop in crops)]


def _axial_slice(scan: StoredScan, z: int) -> NDArray[np.int16]:
    _, height, width = scan.shape
    return np.asarray(scan.crop((z, (height - 1) / 2, (width - 1) / 2), (1, height, width))[0])


def _check(data: DataConfig, preparation: PreparationConfig) -> None:
    del preparation
    if data.attributes is not None:
        raise ChoiceError("data.attributes", "are of nodules, not of a store; leave them out")


STORE = CohortKind(
    input_kinds=frozenset(["bag", "volume"]),
    check=_check,
    load=store_cohort,
    slices_to_show=_slices_to_show,
    limits=(
        (
            "Candidates are found by rules; a tumour that none of them covers cannot be seen by a "
            "model that reads candidates."
        ),
    ),
    slices_caption="the slice through the first-ranked candidate (ringed), and close-ups of the "
    "first two, at a lung window",
)
"""`data.kind: store`."""
