"""Who trains, who stops the training, who is held out.

Drawn by patient, stratified by label, checked for leaks.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from lungnet.config.data import DataConfig
from lungnet.errors import InputError
from lungnet.run_folder import TEST, TRAIN, VALIDATION
from lungnet.seeds import derive


def draw_splits(table: pd.DataFrame, config: DataConfig, seed: int) -> list[pd.Series]:
    """The part that each row plays, one series for each fold (one in all without folds).

    A patient's rows always stay together. With folds each patient is held out exactly once.

    Args:
        table: `patient_id` and `label`.
        config: shares, or number of folds.
        seed: of the experiment.

    Returns:
        Series of "train", "validation" and "test", on the index of `table`.

    Raises:
        InputError: too few patients of a label for the parts to hold both.
    """
    patients = table.groupby("patient_id", sort=True)["label"].max()
    n_parts = max(config.folds, 3)
    rarest = patients.value_counts().reindex([0, 1], fill_value=0)
    if rarest.min() < n_parts:
        raise InputError(
            f"the cohort has {rarest[0]} patients labeled 0 and {rarest[1]} labeled 1; at least "
            f"{n_parts} of each are needed to hold some out"
        )
    if config.folds:
        return [
            _with_validation(table, patients, held_out, config, seed, fold)
            for fold, held_out in enumerate(_folds(table, config, seed))
        ]
    chosen = _draw(patients, config.split.test, derive(seed, "test"))
    return [_with_validation(table, patients, chosen, config, seed, 0)]


def _folds(table: pd.DataFrame, config: DataConfig, seed: int) -> list[Sequence[str]]:
    folds = StratifiedGroupKFold(
        config.folds, shuffle=True, random_state=derive(seed, "folds") % 2**32
    )
    return [
        list(table["patient_id"].iloc[rows].unique())
        for _, rows in folds.split(table, table["label"], table["patient_id"])
    ]


def _draw(patients: pd.Series, share: float, seed: int) -> list[str]:
    try:
        _, chosen = train_test_split(
            patients.index.to_list(),
            test_size=share,
            stratify=patients.to_list(),
            random_state=seed % 2**32,
        )
        if patients[chosen].nunique() < patients.nunique():
            raise ValueError("one label only")
    except ValueError:
        counts = patients.value_counts()
        raise InputError(
            f"{share:.2f} of {len(patients)} patients ({counts.to_dict()} by label) cannot hold "
            "both labels; give a larger share"
        ) from None
    return list(chosen)


def _with_validation(
    table: pd.DataFrame,
    patients: pd.Series,
    held_out: Sequence[str],
    config: DataConfig,
    seed: int,
    fold: int,
) -> pd.Series:
    rest = patients.drop(list(held_out))
    share = (
        config.split.validation
        if config.folds
        else config.split.validation / (1 - config.split.test)
    )
    validation = _draw(rest, share, derive(seed, "validation", fold)) if share else []
    names = np.select(
        [table["patient_id"].isin(held_out), table["patient_id"].isin(validation)],
        [TEST, VALIDATION],
        TRAIN,
    )
    split = pd.Series(names, index=table.index)
    leaks = table.assign(split=split).groupby("patient_id")["split"].nunique()
    if (leaks > 1).any():
        raise AssertionError(f"{(leaks > 1).sum()} patients stand on two sides of a split")
    return split
