"""Which series of a store are samples: those with a label, one or all of each patient."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lungnet.config.data import DataConfig
from lungnet.errors import InputError
from lungnet.store.labels import LabelRow, Labels, SeriesIds, read_labels
from lungnet.store.manifest import read_store_labels
from lungnet.store.prepared_store import Store

if TYPE_CHECKING:  # a worker, spawned, prepares without it
    import pandas as pd

log = logging.getLogger("lungnet")


def labeled_series(store: Store, data: DataConfig) -> "pd.DataFrame":
    """The rows of the manifest that are samples; what is left out is counted in the log.

    A labels file that names series and their patients says who is one patient, as volume files do
    not: their name stands for the patient.

    Args:
        store: its manifest, and its labels where `data` names none.
        data: `labels`, and `series`: "chosen" or "all".

    Returns:
        Rows sorted by the patient's id in the store, with `label` 0 or 1, the `patient_id` to
        group by, and the labels file's further columns as text.

    Raises:
        InputError: no labels, or labels of no series in the store.
    """
    labels = (
        read_store_labels(store.path) if data.labels is None else read_labels(Path(data.labels))
    )
    if labels is None:
        raise InputError(
            f"{store.path}: no patient has a label; give data.labels, or prepare with --labels (a "
            "CSV with id,cancer)"
        )
    rows = store.manifest.sort_values("patient_id", kind="stable").reset_index(drop=True)
    columns = (rows[name].astype(str) for name in SeriesIds._fields)
    ids = [SeriesIds(*values) for values in zip(*columns, strict=True)]
    label_rows = labels.resolved(ids).matched(ids)
    rows["label"] = [None if row is None else row.label for row in label_rows]
    rows["patient_id"] = _patients(ids, label_rows)
    rows = _with_cells(rows, labels, label_rows)
    has_label = rows["label"].notna()
    is_chosen = rows["chosen"].astype(bool)
    if data.series == "chosen":
        _tell_chosen(store.path, rows, has_label, is_chosen)
        used = rows[has_label & is_chosen]
        if used.empty:
            raise InputError(
                f"{store.path}: no patient's chosen series has a label, though others have: set "
                "data.series: all"
            )
        return used
    return _all_series(store.path, rows, has_label)


def _all_series(path: Path, rows: "pd.DataFrame", has_label: "pd.Series[bool]") -> "pd.DataFrame":
    # Of a series that holds several stacks, the store reads the chosen one, or the last.
    is_further = rows.sort_values("chosen", kind="stable").duplicated("series_uid", keep="last")
    used = rows[has_label & ~is_further.sort_index()]
    log.info(
        "%s: %d series of %d patients are samples; left out: %d without a label, %d further stacks "
        "of one series",
        path,
        len(used),
        used["patient_id"].nunique(),
        (~has_label).sum(),
        (has_label & is_further.sort_index()).sum(),
    )
    return used


def _with_cells(
    rows: "pd.DataFrame", labels: Labels, label_rows: Sequence[LabelRow | None]
) -> "pd.DataFrame":
    """The labels file's further columns beside the manifest's, which keep their names."""
    import pandas as pd

    cells = pd.DataFrame(
        [("",) * len(labels.columns) if row is None else row.cells for row in label_rows],
        columns=list(labels.columns),
        index=rows.index,
        dtype=str,
    )
    return rows.join(cells.drop(columns=[name for name in cells if name in rows]))


def _patients(ids: Sequence[SeriesIds], label_rows: Sequence[LabelRow | None]) -> list[str]:
    """The patient of each series: by the labels file where it names series and patients."""
    patients = [
        row.ids.patient_id if row is not None and row.ids.patient_id else series.patient_id
        for series, row in zip(ids, label_rows, strict=True)
    ]
    n_other = sum(a != b.patient_id for a, b in zip(patients, ids, strict=True))
    if n_other:
        log.warning(
            "the labels file names another patient than the scans for %d of %d series; splits are "
            "by the patients of the labels file",
            n_other,
            len(ids),
        )
    return patients


def _tell_chosen(
    path: Path, rows: "pd.DataFrame", has_label: "pd.Series[bool]", is_chosen: "pd.Series[bool]"
) -> None:
    """Count what a choice of one series for each patient leaves out."""
    beside = has_label & ~is_chosen
    samples = rows[has_label & is_chosen]
    lost = set(rows["patient_id"][beside]) - set(samples["patient_id"])
    log.info(
        "%s: %d series of %d patients are samples; left out: %d without a label, %d beside a "
        "chosen one",
        path,
        len(samples),
        samples["patient_id"].nunique(),
        (~has_label).sum(),
        beside.sum(),
    )
    if lost:
        log.warning(
            "%s: %d patients are left out: their chosen series has no label, another has; set "
            "data.series: all to use it",
            path,
            len(lost),
        )
