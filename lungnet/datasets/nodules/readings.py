"""What the readers said of each nodule beside the label: ratings of malignancy, and attributes."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from lungnet.config.model import ATTRIBUTES, RATINGS
from lungnet.datasets.cohort import RATING_SHARES
from lungnet.datasets.nodules.archive import NoduleArchive
from lungnet.errors import InputError

log = logging.getLogger("lungnet")

FEWEST_RATINGS = 30
"""Below, nothing is said of how readers differ."""

Floats = NDArray[np.floating[Any]]


def ratings(archive: NoduleArchive, labels: NDArray[Any]) -> tuple[Floats, NDArray[np.int64]]:
    """The readers' mean rating as 0..1 and how many readers gave one, shape (n,) each.

    The mean is NaN where nobody rated, or where it contradicts the label: the label stands then.

    Raises:
        InputError: ratings outside 1..5 (0 for none), or of another shape.
    """
    given = _given(archive, len(labels))
    readers = np.count_nonzero(given, axis=1)
    with np.errstate(invalid="ignore"):
        mean = (given.sum(1) / readers - 1) / 4
    is_odd = (readers > 0) & (labels >= 0) & ((mean > 0.5) != (labels == 1))
    if is_odd.any():
        log.info(
            "%s: %d labels differ from the readers' mean rating; the label stands",
            archive.path.name,
            is_odd.sum(),
        )
    return np.where((readers > 0) & ~is_odd, mean, np.nan), readers


def rating_shares(archive: NoduleArchive, mean: Floats) -> pd.DataFrame:
    """The share of a nodule's readers who gave each rating, a column for each of RATING_SHARES.

    Args:
        archive: of n nodules.
        mean: from `ratings`, shape (n,); where it is NaN, so are the shares.
    """
    given = _given(archive, len(mean))
    counts = (given[:, :, None] == np.array(RATINGS)).sum(1)
    readers = np.maximum(counts.sum(1, keepdims=True), 1)
    shares = np.where(np.isnan(mean)[:, None], np.nan, counts / readers)
    return pd.DataFrame(shares, columns=list(RATING_SHARES))


def label_noise(archive: NoduleArchive, n: int) -> str:
    """How well single readers agree with the others, in a sentence; empty where too few rated.

    Each rating is held against the mean of the other readers of its nodule, where that is not 3.
    """
    given = _given(archive, n)
    is_rating = given > 0
    others = is_rating.sum(1, keepdims=True) - is_rating
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_of_others = (given.sum(1, keepdims=True) - given) / others
    is_usable = is_rating & (others > 0) & (mean_of_others != 3)
    own, truth = given[is_usable], mean_of_others[is_usable] > 3
    if len(truth) < FEWEST_RATINGS or truth.all() or not truth.any():
        return ""
    auc = roc_auc_score(truth, own)
    strays = np.mean((own > 3) != truth)
    return (
        f"The labels are the readers' mean opinion, and readers differ: a single reader's rating "
        f"ranks the others' opinion with an AUC of {auc:.3f} ({len(own):,} ratings) and stands on "
        f"the other side of it, or undecided, in {strays:.0%}."
    )


def attributes(archive: NoduleArchive, csv: Path | None, n: int) -> pd.DataFrame | None:
    """A column for each of ATTRIBUTES, 0 its lowest rating and 1 its highest; None where unknown.

    From the npz's `attributes` (n, 8), or from a CSV with `row` (index in the npz) and a column
    for each; rows that it leaves out are NaN.

    Raises:
        InputError: a column missing, a row that is not there, a rating outside its range.
    """
    if csv is not None:
        values, where = _from_csv(csv, n), str(csv)
    elif "attributes" in archive:
        table = archive.table("attributes", (n, len(ATTRIBUTES)), "iuf").astype(np.float64)
        values, where = pd.DataFrame(table, columns=list(ATTRIBUTES)), str(archive.path)
    else:
        return None
    for name, (low, high) in ATTRIBUTES.items():
        odd = values[name][(values[name] < low) | (values[name] > high)]
        if len(odd):
            raise InputError(
                f"{where}: {name} of row {odd.index[0]} is {odd.iloc[0]:g}; expected {low} to "
                f"{high}"
            )
        values[name] = (values[name] - low) / (high - low)
    return values


def _given(archive: NoduleArchive, n: int) -> Floats:
    """Every reader's rating of malignancy, 0 for none, shape (n, readers)."""
    if "malignancy_ratings" not in archive:
        return np.zeros((n, 1))
    columns = archive.arrays["malignancy_ratings"].shape[-1:] or (1,)
    given = archive.table("malignancy_ratings", (n, *columns), "iuf").astype(np.float64)
    is_odd = ~np.isin(given, (0, 1, 2, 3, 4, 5))
    if is_odd.any():
        raise InputError(
            f"{archive.path}: malignancy_ratings has {given[is_odd][0]:g}; expected 1 to 5, or 0 "
            "where a reader gave none"
        )
    return given


def _from_csv(path: Path, n: int) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, usecols=["row", *ATTRIBUTES], dtype=np.float64)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a CSV of attributes") from None
    except ValueError as error:
        raise InputError(
            f"{path}: {str(error).splitlines()[0]}; expected the columns row, "
            f"{', '.join(ATTRIBUTES)}, with numbers"
        ) from None
    rows = table.pop("row")
    is_row = rows.isin(np.arange(n))
    if not is_row.all() or rows.duplicated().any():
        odd = rows[~is_row | rows.duplicated()].iloc[0]
        raise InputError(
            f"{path}: row {odd:g} stands twice or is none of the npz's {n}; expected each once, "
            f"0 to {n - 1}"
        )
    return table.set_index(rows.astype(int)).reindex(range(n))
