"""Splits are by patient, stratified, deterministic, and refuse what cannot be split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lungnet.config.data import DataConfig
from lungnet.datasets.splits import draw_splits
from lungnet.errors import InputError
from lungnet.run_folder import TEST, TRAIN, VALIDATION


def cohort(n, positives, rows=1, seed=0):
    """A table of `n` patients with 1 to `rows` rows each."""
    rng = np.random.default_rng(seed)
    patients = [(f"p{i:03}", int(i < positives)) for i in range(n)]
    table = [(name, label) for name, label in patients for _ in range(rng.integers(1, rows + 1))]
    frame = pd.DataFrame(table, columns=["patient_id", "label"])
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def config(folds=0, **split):
    return DataConfig(path="x", folds=folds, split=split)


slow = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(
    n=st.integers(40, 120),
    share=st.floats(0.25, 0.75),
    rows=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_one_split_keeps_patients_whole_and_labels_in_proportion(n, share, rows, seed):
    table = cohort(n, round(share * n), rows, seed)
    (split,) = draw_splits(table, config(test=0.25, validation=0.15), seed)
    assert set(split) == {TRAIN, VALIDATION, TEST}
    assert split.index.equals(table.index)
    assert table.assign(part=split).groupby("patient_id")["part"].nunique().eq(1).all()
    patients = table.assign(part=split).drop_duplicates("patient_id")
    for part, wanted in ((TEST, 0.25), (VALIDATION, 0.15)):
        chosen = patients[patients["part"] == part]
        assert abs(len(chosen) - wanted * n) <= 2
        assert abs(chosen["label"].sum() - share * len(chosen)) <= 2
        assert chosen["label"].nunique() == 2


@slow
@given(folds=st.integers(2, 6), rows=st.integers(1, 4), seed=st.integers(0, 999))
def test_with_folds_every_patient_is_held_out_once(folds, rows, seed):
    table = cohort(60, 25, rows, seed)
    splits = draw_splits(table, config(folds, validation=0.2), seed)
    assert len(splits) == folds
    held = pd.concat([table.loc[split == TEST, "patient_id"].drop_duplicates() for split in splits])
    assert sorted(held) == sorted(table["patient_id"].unique())
    for split in splits:
        assert table.assign(part=split).groupby("patient_id")["part"].nunique().eq(1).all()
        assert table.loc[split == VALIDATION, "label"].nunique() == 2
        assert table.loc[split == TEST, "label"].nunique() == 2
        assert (split == TRAIN).sum() > (split == VALIDATION).sum()


def test_the_seed_decides_and_the_order_of_rows_does_not():
    table = cohort(60, 25, 3)
    (first,), (same,), (other,) = (draw_splits(table, config(), seed) for seed in (1, 1, 2))
    assert first.equals(same)
    assert not first.equals(other)
    moved = table.sample(frac=1, random_state=9)
    (split,) = draw_splits(moved, config(), 1)
    assert split.sort_index().equals(first)


def test_a_test_set_does_not_depend_on_the_share_for_validation():
    table = cohort(60, 25)
    (a,), (b,) = (draw_splits(table, config(test=0.25, validation=v), 1) for v in (0.1, 0.3))
    assert (a == TEST).equals(b == TEST)


@pytest.mark.parametrize(
    ("n", "positives", "settings_", "words"),
    [
        (30, 2, config(), "28 patients labeled 0 and 2 labeled 1; at least 3 of each"),
        (30, 0, config(), "0 labeled 1"),
        (30, 4, config(5), "at least 5 of each"),
        (60, 3, config(test=0.05), "cannot hold both labels; give a larger share"),
        (60, 20, config(test=0.01), "cannot hold both labels; give a larger share"),
        (60, 3, config(test=0.3, validation=0.02), "cannot hold both labels; give a larger share"),
    ],
)
def test_too_few_patients_for_both_labels_on_each_side_are_refused(n, positives, settings_, words):
    with pytest.raises(InputError, match=words):
        draw_splits(cohort(n, positives), settings_, 0)
