"""A cohort's table comes in; the side that each row plays goes out, for each network."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from lungnet.config.data import DataConfig
from lungnet.datasets.splits.folds import one_fold_per_group, stratified_folds
from lungnet.datasets.splits.given import given_sides, without_leaks
from lungnet.datasets.splits.leaks import (
    identity_columns,
    leak_sentence,
    tied_groups,
    warn_of_joined_patients,
)
from lungnet.errors import ChoiceError, InputError
from lungnet.run_folder import TEST, TRAIN, VALIDATION
from lungnet.seeds import derive


def draw_splits(table: pd.DataFrame, config: DataConfig, seed: int) -> list[pd.Series]:
    """The part that each row plays, one series for each fold (one in all without folds).

    What belongs together stays together: a patient's rows, those of one series, those with the same
    pixels, and those of one value of `data.group_column`. With folds each row is held out exactly
    once, or once in each repeat: fold `k` of repeat `r` is number `r * folds + k`.

    Args:
        table: `patient_id` and `label`; `series_uid`, `source_series_uid`, `pixel_hash` and the
            columns that `config` names, where there are such.
        config: shares, number of folds, or where the split is given.
        seed: of the experiment.

    Returns:
        Series of "train", "validation" and "test", on the index of `table`; more than one means
        folds.

    Raises:
        InputError: too few patients of a label for the parts to hold both, or a split of one's own
            with a leak.
        ChoiceError: a column that the cohort does not have.
    """
    identities = identity_columns(table)
    patients = tied_groups(table, identities)
    _check_group_column(table, config.group_column)
    tying = identities + ([config.group_column] if config.group_column else [])
    groups = tied_groups(table, tying)
    if config.has_own_split():
        given = given_sides(table, config)
        held_out = without_leaks(table, given, groups, tying, config.split_leaks).splits()
    else:
        warn_of_joined_patients(table, patients)
        held_out = _drawn(table, groups, config, seed)
    inner_tying = identities if config.leave_one_group_out else tying
    units = patients if config.leave_one_group_out else groups
    splits = [
        _with_validation(table, units, split, config, derive(seed, "validation", fold))
        for fold, split in enumerate(held_out)
    ]
    for fold, split in enumerate(splits):
        name = f"fold {fold}" if len(splits) > 1 else "the split"
        _check_labels(table["label"], split, name, needs_test=len(splits) == 1)
        leak = leak_sentence(table, split, inner_tying) or leak_sentence(
            table, split.replace(VALIDATION, TRAIN), tying
        )
        if leak is not None:
            raise AssertionError(f"{name}: {leak}")
    return splits


def _check_group_column(table: pd.DataFrame, name: str | None) -> None:
    if name is None:
        return
    if name not in table:
        raise ChoiceError("data.group_column", f"is {name!r}; no such column")
    is_empty = table[name].isna() | (table[name].astype(str).str.strip() == "")
    if is_empty.any():
        patient = table.loc[is_empty, "patient_id"].iloc[0]
        raise InputError(
            f"data.group_column {name}: {is_empty.sum()} of {len(table)} rows have no value, such "
            f"as patient {patient}; expected one in each, perhaps `unknown`"
        )


def _drawn(
    table: pd.DataFrame, groups: pd.Series, config: DataConfig, seed: int
) -> list[pd.Series]:
    """The held-out rows of each fold, or of the only split."""
    if config.leave_one_group_out:
        assert config.group_column is not None  # DataConfig checks it
        held_out = one_fold_per_group(table, groups, config.group_column)
    else:
        label_of = table["label"].groupby(groups).max()
        _check_enough(label_of, config)
        if config.folds:
            held_out = [
                held
                for repeat in range(config.repeats)
                for held in stratified_folds(
                    table["label"], groups, config.folds, _fold_seed(seed, repeat)
                )
            ]
        else:
            chosen = _draw(label_of, config.split.test, derive(seed, "test"))
            held_out = [groups.isin(chosen)]
    return [pd.Series(np.where(held, TEST, TRAIN), index=table.index) for held in held_out]


def _fold_seed(seed: int, repeat: int) -> int:
    return derive(seed, "folds", repeat) if repeat else derive(seed, "folds")


def _check_enough(label_of: pd.Series, config: DataConfig) -> None:
    n_parts = max(config.folds, 3 if config.split.validation else 2)
    if config.group_column is not None:
        if len(label_of) < n_parts:
            raise InputError(
                f"data.group_column {config.group_column} and the patients that its values share "
                f"leave {len(label_of)} groups; at least {n_parts} are needed to hold some out"
            )
        return
    rarest = label_of.value_counts().reindex([0, 1], fill_value=0)
    if rarest.min() < n_parts:
        raise InputError(
            f"the cohort has {rarest[0]} patients labeled 0 and {rarest[1]} labeled 1; at least "
            f"{n_parts} of each are needed to hold some out"
        )


def _draw(label_of: pd.Series, share: float, seed: int) -> Sequence[str]:
    """A share of the patients or groups, in proportion of labels where both are there."""
    counts = label_of.value_counts()
    try:
        _, chosen = train_test_split(
            label_of.index.to_list(),
            test_size=share,
            # Of few large groups, nearly all hold a positive: nothing to keep in proportion.
            stratify=label_of.to_list() if counts.min() > 1 else None,
            random_state=seed % 2**32,
        )
        if label_of[chosen].nunique() < label_of.nunique() and counts.min() > 1:
            raise ValueError("one label only")
    except ValueError:
        raise InputError(
            f"{share:.2f} of {len(label_of)} patients ({counts.to_dict()} by label) cannot hold "
            "both labels; give a larger share"
        ) from None
    return list(chosen)


def _with_validation(
    table: pd.DataFrame, units: pd.Series, split: pd.Series, config: DataConfig, seed: int
) -> pd.Series:
    """The split, with a share of its training rows for validation where it has none yet."""
    if config.split.validation == 0 or (split == VALIDATION).any():
        return split
    is_one_draw = not (config.folds or config.has_own_split() or config.leave_one_group_out)
    share = config.split.validation / (1 - config.split.test if is_one_draw else 1)
    training = split == TRAIN
    label_of = table.loc[training, "label"].groupby(units[training]).max()
    chosen = _draw(label_of, share, seed)
    return split.mask(training & units.isin(chosen), VALIDATION)


def _check_labels(labels: pd.Series, split: pd.Series, name: str, *, needs_test: bool) -> None:
    """Refuse sides on which nothing can be learned, calibrated or scored."""
    for side in (TRAIN, VALIDATION, TEST) if needs_test else (TRAIN, VALIDATION):
        on_side = labels[split == side]
        if on_side.nunique() == 1 or (side == TRAIN and on_side.empty):
            held = f"the label {on_side.iloc[0]} alone" if len(on_side) else "no rows"
            raise InputError(
                f"{name}: {side} has {held} ({len(on_side)} of {len(labels)} rows); expected both "
                "0 and 1: give other shares or folds, or another split"
            )
