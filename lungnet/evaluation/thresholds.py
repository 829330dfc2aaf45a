"""Where a score becomes a yes.

The threshold is chosen on other patients than those it is judged on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lungnet.evaluation.predictions import SEEN
from lungnet.run_folder import VALIDATION

DEFAULT = 0.5


@dataclass(frozen=True)
class Threshold:
    """A row is called positive at or above `value`.

    Attributes:
        value: the threshold; with one per fold, their median.
        source: `given`, `validation` (most accurate on the validation rows), `other folds` (most
            accurate on the rows of the other folds) or `default` (0.5, nothing to choose on).
        by_fold: fold -> threshold, where every fold has its own.
    """

    value: float
    source: str
    by_fold: tuple[tuple[int, float], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Keys `value`, `source`, `by_fold`."""
        return {
            "value": self.value,
            "source": self.source,
            "by_fold": {str(fold): value for fold, value in self.by_fold},
        }

    def decide(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows (columns `probability`, `fold`) are called positive."""
        own = rows["fold"].map(dict(self.by_fold)).fillna(self.value)
        return (rows["probability"] >= own).to_numpy(bool)


def choose_threshold(table: pd.DataFrame, rows: pd.DataFrame) -> Threshold:
    """The threshold for `rows`, learned from the validation rows of `table` or the other folds.

    Args:
        table: all predictions, as `check_predictions` returns them.
        rows: those of it that are to be scored.
    """
    for source, pairs in (
        ("validation", _same_fold(table, rows, (VALIDATION,))),
        ("other folds", _other_folds(rows)),
    ):
        chosen = [
            (scored, reference) for scored, reference in pairs if reference["label"].nunique() == 2
        ]
        if pairs and len(chosen) == len(pairs):
            values = [
                most_accurate(reference["label"].to_numpy(), reference["probability"].to_numpy())
                for _, reference in chosen
            ]
            folds = [int(scored["fold"].iloc[0]) for scored, _ in chosen]
            by_fold = tuple(zip(folds, values, strict=True)) if len(values) > 1 else ()
            return Threshold(float(np.median(values)), source, by_fold)
    return Threshold(DEFAULT, "default")


def references(
    table: pd.DataFrame, rows: pd.DataFrame, rng: np.random.Generator
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Parts of `rows`, each with rows of other patients from which a baseline may learn.

    Training and validation rows of the same fold, where the table has them; else the rows of the
    other folds; else ten random groups of patients, each learning from the other nine.

    Args:
        table: all predictions.
        rows: those of it that are to be scored.
        rng: draws the groups where it comes to that.
    """
    for pairs in (_same_fold(table, rows, SEEN), _other_folds(rows)):
        if pairs and all(reference["label"].nunique() == 2 for _, reference in pairs):
            return pairs
    patients = rows["patient_id"].unique()
    group = dict(zip(rng.permutation(patients), np.arange(len(patients)) % 10, strict=True))
    groups = rows["patient_id"].map(group)
    return [(rows[groups == number], rows[groups != number]) for number in sorted(set(groups))]


def most_accurate(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """The threshold with the most right answers for `score >= threshold`.

    Midway between two neighboring scores.

    Of equally good ones it is the highest, which gives the fewest false alarms; below all scores it
    is the lowest score, above all the next number after the highest.
    """
    order = np.argsort(scores, kind="stable")
    levels, first = np.unique(scores[order], return_index=True)
    starts = np.append(first, scores.size)
    positives_below = np.concatenate([[0], np.cumsum(labels[order])])[starts]
    right = (starts - positives_below) + (labels.sum() - positives_below)
    best = int(np.flatnonzero(right == right.max())[-1])
    if best == 0:
        return float(levels[0])
    if best == levels.size:
        return float(np.nextafter(levels[-1], np.inf))
    return float((levels[best - 1] + levels[best]) / 2)


def _same_fold(
    table: pd.DataFrame, rows: pd.DataFrame, splits: tuple[str, ...]
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    learning = table[table["split"].isin(splits)].drop(index=rows.index, errors="ignore")
    return (
        list(
            _without_own_patients(
                (
                    (scored, learning[learning["fold"] == fold])
                    for fold, scored in rows.groupby("fold")
                )
            )
        )
        if len(learning)
        else []
    )


def _other_folds(rows: pd.DataFrame) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    folds = sorted(set(rows["fold"]))
    if len(folds) < 2:
        return []
    return list(
        _without_own_patients(
            (rows[rows["fold"] == fold], rows[rows["fold"] != fold]) for fold in folds
        )
    )


def _without_own_patients(
    pairs: Iterator[tuple[pd.DataFrame, pd.DataFrame]],
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    for scored, reference in pairs:
        yield scored, reference[~reference["patient_id"].isin(scored["patient_id"])]
