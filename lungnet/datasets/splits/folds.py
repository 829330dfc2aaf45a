"""Folds: each group of rows is held out exactly once."""

import logging

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from lungnet.datasets.splits.leaks import identity_columns, tied_groups
from lungnet.errors import InputError

log = logging.getLogger("lungnet")


def stratified_folds(
    labels: pd.Series, groups: pd.Series, n_folds: int, seed: int
) -> list[pd.Series]:
    """Folds that keep groups whole and labels in proportion.

    Args:
        labels: 0 or 1 of each row.
        groups: the group of each row.
        n_folds: at least 2.
        seed: of this draw alone.

    Returns:
        For each fold, which rows are held out.

    Raises:
        InputError: a fold would hold nobody.
    """
    n_groups, rarest = groups.nunique(), int(labels.value_counts().reindex([0, 1]).fillna(0).min())
    if min(n_groups, rarest) < n_folds:
        raise InputError(
            f"{n_groups} groups of patients, with {rarest} rows of the rarer label, cannot be "
            f"divided into {n_folds} folds; take fewer"
        )
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed % 2**32)
    held_out = [
        pd.Series(False, index=labels.index).mask(groups.isin(groups.iloc[rows]), True)
        for _, rows in folds.split(labels, labels, groups)
    ]
    if not all(held.any() for held in held_out):
        raise InputError(
            f"the {n_groups} groups of patients are of too unequal size for {n_folds} folds, one "
            "of which would hold nobody; take fewer"
        )
    return held_out


def one_fold_per_group(table: pd.DataFrame, groups: pd.Series, column: str) -> list[pd.Series]:
    """Folds that hold out one group each, in the order of the column's values.

    Args:
        table: with the column.
        groups: the group of each row; one may join several values of the column.
        column: `data.group_column`, named in the log.

    Raises:
        InputError: one group only.
    """
    values = table[column].groupby(groups).unique().map(lambda found: sorted(map(str, found)))
    if len(values) < 2:
        raise InputError(
            f"data.group_column {column} and the patients that its values share leave one group; "
            "expected at least 2 to hold one out"
        )
    ordered = values.sort_values(kind="stable")
    for fold, (group, names) in enumerate(ordered.items()):
        n_patients = table.loc[groups == group, "patient_id"].nunique()
        log.info("fold %d holds out %s %s: %d patients", fold, column, ", ".join(names), n_patients)
    return [groups == group for group in ordered.index]


def inner_folds(
    table: pd.DataFrame,
    outer_train: pd.Series,
    n_folds: int,
    seed: int,
    group_column: str | None = None,
) -> list[pd.Series]:
    """Folds within the training rows of an outer split, to choose settings on.

    Whoever the outer split holds out is in none of them, so that no choice has seen those rows.

    Args:
        table: `patient_id`, `label` and what else says that rows belong together.
        outer_train: which rows may be looked at; bool, on the index of `table`.
        n_folds: at least 2.
        seed: of this draw alone; another one for each outer fold.
        group_column: as `DataConfig.inner_group_column`.

    Returns:
        For each inner fold, which rows judge; the other rows of `outer_train` train.

    Raises:
        InputError: too few groups of patients or rows of a label.
    """
    rows = table[outer_train]
    columns = identity_columns(rows) + ([group_column] if group_column else [])
    held_out = stratified_folds(rows["label"], tied_groups(rows, columns), n_folds, seed)
    return [held.reindex(table.index, fill_value=False) for held in held_out]
