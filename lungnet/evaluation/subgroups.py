"""Scored rows come in.

Figures of the rows that share a value, such as the number of readers, go out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lungnet.evaluation.baselines import log_losses
from lungnet.evaluation.intervals import Interval, roc_auc

SUBGROUP_COLUMNS = ("readers",)
"""Columns of predictions by whose values figures are given."""

FEWEST_PATIENTS = 2
"""Of each class, for an AUC: of one patient no spread can be known."""


@dataclass(frozen=True)
class Subgroup:
    """The rows with one value of a column.

    Attributes:
        value: None for the rows where the column is empty.
        roc_auc: None where a class has fewer than `FEWEST_PATIENTS` patients.
    """

    column: str
    value: int | None
    n: int
    patients: int
    positives: int
    roc_auc: Interval | None
    log_loss: float

    def to_json(self) -> dict[str, Any]:
        """One key per attribute."""
        return vars(self) | {"roc_auc": None if self.roc_auc is None else self.roc_auc.to_json()}


def subgroups(rows: pd.DataFrame) -> tuple[Subgroup, ...]:
    """Figures by each value of each of `SUBGROUP_COLUMNS`, rising, empty cells last.

    A column that is empty throughout has none. The figures of a subgroup are those of its rows as a
    table of their own; no subgroup's threshold or prior is learned.

    Args:
        rows: the scored rows.
    """
    figures = []
    for column in SUBGROUP_COLUMNS:
        values = rows[column].to_numpy(np.float64)
        for value in [] if np.isnan(values).all() else np.unique(values):
            if np.isnan(value):
                figures.append(_subgroup(column, None, rows[np.isnan(values)]))
            else:
                figures.append(_subgroup(column, int(value), rows[values == value]))
    return tuple(figures)


def _subgroup(column: str, value: int | None, rows: pd.DataFrame) -> Subgroup:
    labels, probabilities = rows["label"].to_numpy(), rows["probability"].to_numpy()
    patients = pd.factorize(rows["patient_id"])[0].astype(np.int64)
    of_class = rows.groupby("label")["patient_id"].nunique().reindex([0, 1], fill_value=0)
    return Subgroup(
        column,
        value,
        len(rows),
        rows["patient_id"].nunique(),
        int(labels.sum()),
        roc_auc(labels, probabilities, patients) if of_class.min() >= FEWEST_PATIENTS else None,
        float(log_losses(labels, probabilities).mean()),
    )
