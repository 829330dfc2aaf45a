"""One or all series of each labeled patient: what is a sample, and what is left out and told."""

import logging

import pandas as pd
import pytest

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.splits import draw_splits
from lungnet.datasets.view import straight
from lungnet.errors import ChoiceError, InputError
from lungnet.store import Store, labeled_series

PATIENTS = {"1.2.3": "a", "1.2.4": "a", "1.2.5": "b", "1.2.6": "c"}
INPUT = InputConfig(kind="bag", size=(8, 8, 8))


@pytest.fixture
def store(store_of):
    return store_of(dict.fromkeys(PATIENTS, None), patients=PATIENTS, known=False)[0]


@pytest.fixture
def data(store, tmp_path):
    def config(text, series="all"):
        path = tmp_path / "given.csv"
        path.write_text(text)
        return DataConfig(path=str(store.path), labels=str(path), series=series)

    return config


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, "lungnet")
    return caplog


def samples(cohort):
    return cohort.table[["patient_id", "series_uid", "label"]].to_numpy().tolist()


def test_one_series_of_each_patient_or_all_are_samples_and_the_rest_is_counted(data, told):
    text = "patient_id,label\na,1\nb,0\n"
    chosen = load_cohort(data(text, "chosen"), INPUT, PreparationConfig())
    assert samples(chosen) == [["a", "1.2.3", 1], ["b", "1.2.5", 0]]
    assert (
        "2 series of 2 patients are samples; left out: 1 without a label, 1 beside a chosen one"
    ) in told.text
    every = load_cohort(data(text), INPUT, PreparationConfig())
    assert samples(every) == [["a", "1.2.3", 1], ["a", "1.2.4", 1], ["b", "1.2.5", 0]]
    assert "3 series of 2 patients are samples; left out: 1 without a label, 0 fur" in told.text
    assert every.read(1, straight(3)).keys() == every.read(0, straight(3)).keys()


def test_each_series_has_the_label_of_its_own(data):
    text = "series_uid,label\n1.2.3,0\n1.2.4,1\n1.2.6,1\n"
    every = load_cohort(data(text), INPUT, PreparationConfig())
    assert samples(every) == [["a", "1.2.3", 0], ["a", "1.2.4", 1], ["c", "1.2.6", 1]]


def test_a_patient_whose_chosen_series_alone_has_no_label_is_told(data, store, told):
    labeled_series(store, data("series_uid,label\n1.2.4,1\n1.2.5,0\n", "chosen"))
    assert "1 patients are left out: their chosen series has no label" in told.text
    with pytest.raises(InputError, match="no patient's chosen series has a label, though others"):
        labeled_series(store, data("series_uid,label\n1.2.4,1\n", "chosen"))


def test_a_labels_file_that_names_series_says_who_is_one_patient(data, store, told):
    text = "patient_id,series_uid,label\np,1.2.3,0\np,1.2.5,1\nq,1.2.6,0\n"
    rows = labeled_series(store, data(text))
    assert list(rows["patient_id"]) == ["p", "p", "q"]
    assert "names another patient than the scans for 3 of 4 series" in told.text


def test_of_a_series_with_several_stacks_the_one_that_is_read_is_a_sample(tmp_path, told):
    stacks = [("k1", "x", "1", False), ("k2", "x", "2", True), ("k3", "y", "1", False)]
    manifest = pd.DataFrame(stacks, columns=["key", "series_uid", "stack", "chosen"])
    manifest = manifest.assign(patient_id="a", study_date="")
    spec = PreparationConfig()
    settings = {"preparation": spec.rules(), "preparation_hash": spec.preparation_hash()}
    store = Store(tmp_path, manifest, settings)
    (tmp_path / "l.csv").write_text("id,cancer\na,1\n")
    config = DataConfig(path=str(tmp_path), labels=str(tmp_path / "l.csv"), series="all")
    assert list(labeled_series(store, config)["key"]) == ["k2", "k3"]
    assert "1 further stacks of one series" in told.text


def test_all_series_of_a_patient_stand_on_one_side_of_every_split():
    patients = [f"p{i // 3}" for i in range(90)]
    labels = [int(i % 9 == 4) for i in range(90)]  # one series of three, of every third patient
    table = pd.DataFrame({"patient_id": patients, "label": labels})
    for config in (DataConfig(path="x", folds=5), DataConfig(path="x")):
        for split in draw_splits(table, config, seed=3):
            assert table.assign(side=split).groupby("patient_id")["side"].nunique().max() == 1


def test_all_series_mean_nothing_to_a_row_per_nodule(nodule_file):
    config = DataConfig(kind="nodules", path=str(nodule_file()), series="all")
    with pytest.raises(ChoiceError, match=r"data\.series does nothing with data\.kind nodules"):
        load_cohort(config, InputConfig(kind="nodule", size=(8, 8)), PreparationConfig())
