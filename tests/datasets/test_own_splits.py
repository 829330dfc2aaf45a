"""Splits of one's own, groups, repeats and inner folds: nothing that belongs together is parted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.nodules import nodule_cohort
from lungnet.datasets.splits import draw_splits, inner_folds
from lungnet.datasets.store_cohort import store_cohort
from lungnet.errors import ChoiceError, InputError
from lungnet.run_folder import TEST, TRAIN, VALIDATION

slow = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cohort(n=60, seed=0, n_sites=6):
    """`n` patients of 1 to 3 rows, half of them labeled 1, at sites of several patients each."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"p{i:03}", i % 2, f"site-{i % n_sites}", str(i % 10))
        for i in range(n)
        for _ in range(rng.integers(1, 4))
    ]
    table = pd.DataFrame(rows, columns=["patient_id", "label", "site", "fold"])
    table["series_uid"] = [f"s{row}" for row in range(len(table))]
    table["pixel_hash"] = [f"h{row}" for row in range(len(table))]
    return table


def config(**data):
    return DataConfig(path="x", **data)


def held_out(table, splits, column="patient_id"):
    return [set(table.loc[split == TEST, column]) for split in splits]


def is_whole(table, split, column):
    return split.groupby(table[column]).nunique().eq(1).all()


@slow
@given(
    seed=st.integers(0, 999), n_sites=st.integers(8, 30), folds=st.integers(2, 5), data=st.data()
)
def test_whatever_ties_rows_together_keeps_them_on_one_side(seed, n_sites, folds, data):
    table = cohort(seed=seed, n_sites=n_sites)
    rows = st.integers(0, len(table) - 1)
    for column in ("pixel_hash", "series_uid"):
        for one, other in data.draw(st.lists(st.tuples(rows, rows), max_size=6)):
            table.loc[one, column] = table.loc[other, column]
    setting = data.draw(st.sampled_from([{}, {"group_column": "site"}]))
    try:
        splits = draw_splits(table, config(folds=folds, split={"validation": 0.3}, **setting), seed)
    except InputError:  # a side of few large groups may hold one label only
        assert setting
        return
    columns = ["patient_id", "pixel_hash", "series_uid", *setting.values()]
    assert all(is_whole(table, split, column) for split in splits for column in columns)
    assert sum(split.eq(TEST) for split in splits).eq(1).all()


def test_patients_with_the_same_pixels_are_told(caplog):
    table = cohort()
    draw_splits(table, config(), 1)
    assert not caplog.text
    table.loc[table["patient_id"].isin(["p000", "p031"]), "pixel_hash"] = "same"
    (split,) = draw_splits(table, config(), 1)
    assert is_whole(table, split, "pixel_hash")
    assert "2 patients share a series or the same pixels" in caplog.text
    assert "p000, p031" in caplog.text


@slow
@given(seed=st.integers(0, 999), repeats=st.integers(2, 4))
def test_each_repeat_holds_everybody_out_once_in_other_folds(seed, repeats):
    table = cohort(seed=seed)
    once = draw_splits(table, config(folds=3), seed)
    splits = draw_splits(table, config(folds=3, repeats=repeats), seed)
    assert len(splits) == 3 * repeats
    assert all(a.equals(b) for a, b in zip(once, splits, strict=False))
    draws = [held_out(table, splits[i : i + 3]) for i in range(0, len(splits), 3)]
    for draw in draws:
        assert sorted(patient for fold in draw for patient in fold) == sorted(
            table["patient_id"].unique()
        )
    assert all(set(map(frozenset, draws[0])) != set(map(frozenset, draw)) for draw in draws[1:])


def test_one_group_after_another_is_held_out_whole(caplog):
    caplog.set_level("INFO", "lungnet")
    table = cohort()
    splits = draw_splits(table, config(group_column="site", leave_one_group_out=True), 1)
    assert held_out(table, splits, "site") == [{f"site-{i}"} for i in range(6)]
    assert "fold 2 holds out site site-2: 10 patients" in caplog.text
    for split in splits:
        assert is_whole(table, split, "patient_id")
        assert table.loc[split == VALIDATION, "site"].nunique() > 1


def test_two_sites_are_enough_to_leave_one_out():
    table = cohort(n_sites=2).assign(label=lambda t: t["patient_id"].str[1:].astype(int) // 2 % 2)
    splits = draw_splits(table, config(group_column="site", leave_one_group_out=True), 1)
    assert len(splits) == 2
    assert set(splits[0]) == {TRAIN, VALIDATION, TEST}


def test_a_patient_of_two_sites_joins_them():
    table = cohort()
    table.loc[table["patient_id"] == "p001", "site"] = "site-0"
    table = pd.concat([table, table[table["patient_id"] == "p001"].assign(site="site-1")])
    table = table.drop(columns=["series_uid", "pixel_hash"]).reset_index(drop=True)
    splits = draw_splits(table, config(group_column="site", leave_one_group_out=True), 1)
    assert held_out(table, splits, "site")[0] == {"site-0", "site-1"}
    assert len(splits) == 5


def test_a_share_of_groups_is_held_out_whole():
    table = cohort(n_sites=9)
    (split,) = draw_splits(table, config(group_column="site", split={"validation": 0.2}), 3)
    assert set(split) == {TRAIN, VALIDATION, TEST}
    assert is_whole(table, split, "site")


def test_folds_of_a_column_are_held_out_as_given_and_validation_is_drawn():
    table = cohort()
    splits = draw_splits(table, config(split_column="fold", split={"validation": 0.2}), 1)
    assert held_out(table, splits, "fold") == [{str(i)} for i in range(10)]
    for split in splits:
        assert is_whole(table, split, "patient_id")
        share = table.loc[split == VALIDATION, "patient_id"].nunique() / 54
        assert 0.15 < share < 0.25


def test_an_official_test_set_is_held_out(tmp_path):
    table = cohort()
    file = tmp_path / "split.csv"
    official = {f"p{i:03}": "test" if i < 20 else "Train" for i in range(60)}
    file.write_text("patient_id,split\n" + "".join(f"{p}, {s}\n" for p, s in official.items()))
    (split,) = draw_splits(table, config(split_file=str(file)), 1)
    assert held_out(table, [split]) == [{f"p{i:03}" for i in range(20)}]
    assert (split == VALIDATION).any()
    (split,) = draw_splits(table, config(split_file=str(file), split={"validation": 0}), 1)
    assert set(split) == {TRAIN, TEST}


def test_given_validation_rows_are_taken_and_none_are_drawn():
    sides = ["train", "val", "test"]
    table = cohort().assign(side=lambda t: [sides[int(p[1:]) // 2 % 3] for p in t["patient_id"]])
    (split,) = draw_splits(table, config(split_column="side"), 1)
    assert split.equals(table["side"].replace("val", VALIDATION).rename(split.name))


def test_a_file_may_name_series_and_any_column(tmp_path):
    table = cohort()
    file = tmp_path / "folds.csv"
    lines = [f"{row.series_uid},{int(row.fold) // 5 + 1}.0" for row in table.itertuples()]
    file.write_text("\ufeffseries_uid,subset\n" + "\n".join([*lines, "other,1", ""]))
    splits = draw_splits(table, config(split_file=str(file), split_column="subset", folds=2), 1)
    assert held_out(table, splits, "fold") == [set("01234"), set("56789")]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("patient_id", r"the same patient on two sides of the split: patient p000, series s0 is"),
        ("series_uid", r"the same series on two sides of the split: patient p\d+, series s0 is in"),
        ("source_series_uid", r"the same scanned series on two sides"),
        ("pixel_hash", r"the same pixels on two sides .* is in fold 0, patient .* in fold 1"),
        ("site", r"site 'site-0' on two sides of the split"),
    ],
)
def test_a_leak_of_a_given_split_is_refused_or_moved(column, words, caplog):
    table = cohort(n_sites=10).assign(source_series_uid=lambda t: t["series_uid"])
    table["site"] = table["fold"].map("site-{}".format)
    zeros, ones = (np.flatnonzero(table["fold"] == fold) for fold in "01")
    if column == "patient_id":
        table.loc[zeros[-1], "patient_id"], leaking = table.loc[ones[0], "patient_id"], ones[0]
        words = words.replace("p000, series s0", r"p\d+, series s\d+")
    else:
        table.loc[ones[0], column], leaking = table.loc[zeros[0], column], ones[0]
    settings_ = {"split_column": "fold", "group_column": "site"}
    with pytest.raises(InputError, match=words) as caught:
        draw_splits(table, config(**settings_), 1)
    assert "column fold: " in str(caught.value)
    assert "set data.split_leaks to move" in str(caught.value)
    splits = draw_splits(table, config(**settings_, split_leaks="move"), 1)
    assert is_whole(table, splits[0], column)
    assert is_whole(table, splits[0], "patient_id")
    assert sum(split.eq(TEST) for split in splits).eq(1).all()
    assert "moved to the side that holds most" in caplog.text
    assert table.loc[leaking, "patient_id"]


def test_rows_move_to_where_most_are_and_of_equals_to_the_held_out():
    table = cohort().drop(columns=["series_uid", "pixel_hash"])
    more = [("p000", "5"), ("p000", "5"), ("p000", "5"), ("p000", "5"), ("p003", "1")]
    extra = pd.DataFrame(more, columns=["patient_id", "fold"]).assign(label=[0, 0, 0, 0, 1])
    table = pd.concat([table[table["patient_id"] != "p003"], extra], ignore_index=True)
    table.loc[len(table)] = {"patient_id": "p003", "fold": "3", "label": 1}
    splits = draw_splits(table, config(split_column="fold", split_leaks="move"), 1)
    assert "p000" in held_out(table, splits)[5]
    assert "p003" in held_out(table, splits)[1]
    table["side"] = np.where(table["fold"].isin(["3", "4"]), "test", "train")
    (split,) = draw_splits(table, config(split_column="side", split_leaks="move"), 1)
    assert split[table["patient_id"] == "p003"].eq(TEST).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        (b"patient_id,split\n\xff,test\n", "line 2: byte 0xff is not UTF-8"),
        ("", "the file is empty; expected a CSV with patient_id and split or fold"),
        ("patient,split\np000,test\n", "found the columns patient, split; expected patient_id or"),
        ("patient_id,side\np000,test\n", "expected patient_id or series_uid, and split or fold"),
        ("patient_id,split,fold\np000,test,1\n", r"split or fold \(data.split_column says which\)"),
        ("patient_id,split\np000,test\n", "59 of 60 patient_ids of the cohort have no line"),
        ("patient_id,split\np000,test,1\np001,test,1\n", "line 2 has 3 cells, its header 2"),
        (
            "patient_id,split\np000,test\n\np000,train\n",
            r"split.csv:4: patient_id p000 is in 'train' here and in 'test' in line 2",
        ),
        ("ALL,holdout", "column split: 'holdout' for patient p000; expected train, validation or"),
        ("ALL,-1", "'-1' for patient p000"),
        ("ALL,1.5", "'1.5' for patient p000"),
        ("ALL,", "'' for patient p000"),
        ("ALL,4", "every row of the cohort is in fold 4; expected at least 2"),
        ("ALL,train", "no row of the cohort is in test"),
        ("ALL,test", "no row of the cohort is in train"),
    ],
)
def test_a_split_file_that_cannot_be_is_refused_in_one_line(tmp_path, text, words):
    file = tmp_path / "split.csv"
    if text is not None:
        if str(text).startswith("ALL"):
            side = text.partition(",")[2]
            text = "patient_id,split\n" + "".join(f"p{i:03},{side}\n" for i in range(60))
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as caught:
        draw_splits(cohort(), config(split_file=str(file)), 1)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "settings_", "words"),
    [
        (
            {"fold": "train"},
            {"split_column": "fold", "folds": 5},
            "no row of the cohort is in test",
        ),
        ({}, {"split_column": "label"}, "fold 0: train has the label 1 alone"),
        ({"site": ""}, {"group_column": "site", "folds": 2}, "rows have no value, such as patient"),
        ({"site": "a"}, {"group_column": "site", "folds": 2}, "leave 1 groups; at least 3"),
        (
            {"site": "a"},
            {"group_column": "site", "leave_one_group_out": True},
            "leave one group; expected at least 2",
        ),
    ],
)
def test_splits_that_leave_a_side_without_a_label_or_group_are_refused(changes, settings_, words):
    with pytest.raises(InputError, match=words):
        draw_splits(cohort().assign(**changes), config(**settings_), 1)


@pytest.mark.parametrize(
    ("settings_", "key", "words"),
    [
        ({"split_column": "fold", "folds": 5}, "data.folds", "gives 10 folds: leave it out"),
        ({"split_column": "half", "folds": 2}, "data.folds", "gives one split: leave it out"),
        ({"split_column": "subset"}, "data.split_column", "'subset'; no such column"),
        ({"group_column": "scanner", "folds": 2}, "data.group_column", "'scanner'; no such column"),
    ],
)
def test_settings_that_the_cohort_contradicts_name_their_key(settings_, key, words):
    table = cohort().assign(half=lambda t: np.where(t["fold"] > "4", "train", "test"))
    with pytest.raises(ChoiceError, match=words) as caught:
        draw_splits(table, config(**settings_), 1)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"repeats": 2}, "it needs folds"),
        ({"repeats": 2, "folds": 2, "split_column": "fold"}, "no split of your own"),
        ({"split_leaks": "move"}, "does nothing without split_file or split_column"),
        ({"leave_one_group_out": True}, "needs group_column"),
        ({"leave_one_group_out": True, "group_column": "a", "folds": 3}, "leave out folds"),
        ({"leave_one_group_out": True, "group_column": "a", "split_column": "b"}, "split_column"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings_, words):
    with pytest.raises(ValidationError, match=words):
        config(**settings_)


@slow
@given(seed=st.integers(0, 999), n_folds=st.integers(2, 5), by_site=st.booleans())
def test_inner_folds_judge_every_training_row_once_and_never_the_held_out(seed, n_folds, by_site):
    table = cohort(seed=seed, n_sites=12)
    outer = draw_splits(table, config(folds=3), seed)[0] == TRAIN
    column = "site" if by_site else None
    judging = inner_folds(table, outer, n_folds, seed, column)
    assert len(judging) == n_folds
    assert sum(judging).eq(outer.astype(int)).all()
    for held in judging:
        rows = table[outer].assign(held=held)
        assert rows.groupby(column or "patient_id")["held"].nunique().eq(1).all()
    again = inner_folds(table, outer, n_folds, seed, column)
    assert all(a.equals(b) for a, b in zip(judging, again, strict=True))


def test_inner_folds_of_too_few_are_refused():
    table = cohort(6)
    with pytest.raises(InputError, match="cannot be divided into 7 folds"):
        inner_folds(table, pd.Series(True, index=table.index), 7, 1)


def test_an_npz_gives_its_columns_series_and_pixels_to_the_split(nodule_file):
    images = np.random.default_rng(1).integers(-1000, 300, (6, 12, 14), np.int16)
    images[2, 2:10, 3:11] = images[0, 2:10, 3:11]
    path = nodule_file(
        images=images, fold=np.arange(6, dtype=np.int8), series_uid=np.array(list("uuvwxy"))
    )
    data = DataConfig(kind="nodules", path=str(path), split_column="fold", group_column="label")
    table = nodule_cohort(
        path, InputConfig(kind="nodule", size=(8, 8)), columns=data.cohort_columns().values()
    ).table
    assert table["fold"].tolist() == [0, 1, 2, 3]
    assert table["source_series_uid"].tolist() == ["u", "u", "v", "w"]
    assert table["series_uid"].is_unique
    same = table["pixel_hash"] == table["pixel_hash"][0]
    assert same.tolist() == [True, False, True, False]
    with pytest.raises(InputError, match="`site` is missing"):
        nodule_cohort(path, InputConfig(kind="nodule", size=(8, 8)), columns=["site"])


def test_a_store_gives_the_columns_of_its_labels_and_the_same_pixels_the_same_hash(store_of):
    # The scans of the fixture are noise of the length of their name: two are the same.
    store, labels = store_of({"1.2.3": 0, "1.2.4": 1, "1.2.30": 1})
    table = labels.read_text().splitlines()
    lines = [f"{line},{side}" for line, side in zip(table, ["part", *"012"], strict=True)]
    labels.write_text("\n".join(lines))
    data = {"path": str(store.path), "labels": str(labels)}
    shown = InputConfig(kind="bag", size=(8, 8, 8))

    def table_of(**settings_):
        return store_cohort(DataConfig(**data, **settings_), shown, PreparationConfig()).table

    read = table_of(split_column="part", group_column="manufacturer").set_index("series_uid")
    assert read.loc[["1.2.3", "1.2.4", "1.2.30"], "part"].tolist() == ["0", "1", "2"]
    assert read["manufacturer"].eq("lungnet phantom").all()
    hashes = read["pixel_hash"]
    assert hashes["1.2.3"] == hashes["1.2.4"] != hashes["1.2.30"]
    with pytest.raises(ChoiceError, match=r"data\.group_column is 'kernal'; did you mean kernel"):
        table_of(group_column="kernal")


@pytest.mark.real_data
def test_the_ten_folds_of_luna16_are_those_of_its_npz(shared_data):
    path = shared_data / "nodules" / "luna1004_slices.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    data = DataConfig(kind="nodules", path=str(path), split_column="fold")
    table = nodule_cohort(
        path, InputConfig(kind="nodule", size=(32, 32)), columns=data.cohort_columns().values()
    ).table
    splits = draw_splits(table, data, 7)
    assert held_out(table, splits, "fold") == [{str(fold)} for fold in range(10)]
    assert all(is_whole(table, split, "source_series_uid") for split in splits)
