"""Cohort adapter for a prepared store with labels."""

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from lungnet.config.experiment import Experiment
from lungnet.datasets.cohort import Cohort, Inputs
from lungnet.datasets.network_inputs import largest_diameter_mm, network_inputs
from lungnet.errors import InputError, UsageError
from lungnet.store import Store, read_labels

log = logging.getLogger("lungnet")

VOLUMES_KEPT = 256
"""Coarse volumes kept in memory, below a megabyte each: making one reads a whole scan."""


def store_cohort(experiment: Experiment) -> Cohort:
    """The chosen series of every labeled patient of a store.

    Raises:
        UsageError: the store was prepared with other settings than the experiment's.
        InputError: no labels, or labels of no patient in the store.
    """
    path = Path(experiment.data.path)
    store = Store.open(path)
    expected = experiment.preparation.preparation_hash()
    if store.preparation_hash != expected:
        raise UsageError(
            f"{path}: prepared as {store.preparation_hash}, this experiment's `preparation` is "
            f"{expected}; "
            "prepare again with this configuration (--config), or set its `preparation` to the "
            "store's preparation.json"
        )
    rows = _labeled(store, path, experiment.data.labels)
    input_config = experiment.input
    diameters = [largest_diameter_mm(store.read(uid), input_config) for uid in rows["series_uid"]]
    table = pd.DataFrame(
        {
            "patient_id": rows["patient_id"].astype(str),
            "series_uid": rows["series_uid"].astype(str),
            "label": rows["label"].astype(int),
            "diameter_mm": diameters,
        }
    ).reset_index(drop=True)

    series = [str(uid) for uid in table["series_uid"]]

    def read(row: int, offset: tuple[int, ...]) -> Inputs:
        return network_inputs(store.read(series[row]), input_config, offset)

    cached = (
        lru_cache(maxsize=VOLUMES_KEPT)(read)
        if input_config.kind == "volume" and not experiment.training.augmentation.shift_voxels
        else read
    )
    return Cohort(
        table=table,
        read=cached,
        is_synthetic=bool(rows["synthetic"].any()),
        preparation_hash=store.preparation_hash,
    )


def _labeled(store: Store, path: Path, labels: str | None) -> pd.DataFrame:
    manifest = store.manifest
    rows = manifest[manifest["chosen"].astype(bool)].sort_values("patient_id", kind="stable")
    if labels is not None:
        label_of = read_labels(Path(labels)).matched(set(rows["patient_id"]))
        rows = rows.assign(label=rows["patient_id"].map(label_of))
    has_label = rows["label"].notna()
    if not has_label.any():
        raise InputError(
            f"{path}: no patient has a label; give data.labels, or prepare with --labels (a CSV "
            "with id,cancer)"
        )
    if not has_label.all():
        log.warning(
            "%s: %d of %d patients have no label and are left out",
            path,
            (~has_label).sum(),
            len(rows),
        )
    return rows[has_label.to_numpy(np.bool_)]
