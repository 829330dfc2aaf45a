"""What readers said: ratings 1 to 5 as 0..1, attributes as 0..1, and how far readers differ."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from lungnet.config.data import DataConfig
from lungnet.config.model import ATTRIBUTES, InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort import RATING_SHARES
from lungnet.datasets.cohort_kinds import load_cohort
from lungnet.datasets.nodules import nodule_cohort
from lungnet.errors import ChoiceError, InputError

SHOWN = InputConfig(kind="nodule", size=(8, 8))
# Labels of the file: 0, 1, 0, 1, -1, 0; the last two nodules are left out.
RATINGS = np.array(
    [[1, 2, 0, 0], [5, 4, 4, 3], [0, 0, 0, 0], [2, 2, 1, 0], [3, 3, 0, 0], [1, 1, 1, 1]], np.int8
)


def attribute_rows(rows, seed=0):
    rng = np.random.default_rng(seed)
    columns = {
        name: rng.integers(low, high + 1, len(rows)).astype(float)
        for name, (low, high) in ATTRIBUTES.items()
    }
    return pd.DataFrame({"row": list(rows), **columns})


@pytest.fixture
def attributes_csv(tmp_path):
    """`attributes_csv(table)`: the path of a CSV of it."""

    def write(table):
        path = tmp_path / "attributes.csv"
        table.to_csv(path, index=False)
        return path

    return write


def test_the_mean_rating_is_a_share_and_never_contradicts_the_label(nodule_file, caplog):
    caplog.set_level("INFO", "lungnet")
    table = nodule_cohort(nodule_file(malignancy_ratings=RATINGS), SHOWN).table
    # Row 2 has no rating; the mean of row 3 says benign where the label says malignant.
    assert_allclose(table["rating"], [0.125, 0.75, np.nan, np.nan])
    assert table["readers"].tolist() == [2, 4, 0, 3]
    assert "1 labels differ from the readers' mean rating; the label stands" in caplog.text


def test_the_shares_of_the_ratings_are_known_where_their_mean_is(nodule_file):
    table = nodule_cohort(nodule_file(malignancy_ratings=RATINGS), SHOWN).table
    shares = table[list(RATING_SHARES)]
    assert_allclose(shares.iloc[0], [0.5, 0.5, 0, 0, 0])
    assert_allclose(shares.iloc[1], [0, 0, 0.25, 0.5, 0.25])
    assert shares.iloc[2:].isna().all(axis=None)  # nobody rated, or against the label


def test_without_ratings_nothing_is_known_of_readers(nodule_file):
    cohort = nodule_cohort(nodule_file(), SHOWN)
    assert cohort.table[["rating", *RATING_SHARES]].isna().all(axis=None)
    assert (cohort.table["readers"] == 0).all()
    assert cohort.label_noise == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.where(RATINGS == 5, 6, RATINGS), "malignancy_ratings has 6; expected 1 to 5, or 0"),
        (np.where(RATINGS == 5, -1, RATINGS), "malignancy_ratings has -1"),
        (np.where(RATINGS == 5, 4.5, RATINGS), r"malignancy_ratings has 4\.5"),
        (np.where(RATINGS == 5, np.nan, RATINGS), "malignancy_ratings has nan"),
        (RATINGS[:5], r"malignancy_ratings has shape \(5, 4\); expected \(6, 4\)"),
        (RATINGS[:, 0], "malignancy_ratings has shape"),
        (RATINGS.astype("U1"), "malignancy_ratings is <U1; expected numbers"),
    ],
)
def test_ratings_that_are_none_are_refused(nodule_file, given, words):
    with pytest.raises(InputError, match=words) as caught:
        nodule_cohort(nodule_file(malignancy_ratings=given), SHOWN)
    assert "\n" not in str(caught.value)


def test_the_label_noise_is_each_readers_rating_held_against_the_others(nodule_file):
    rng = np.random.default_rng(0)
    ratings = np.clip(rng.integers(1, 6, (60, 1)) + rng.integers(-1, 2, (60, 4)), 1, 5)
    ratings[rng.random((60, 4)) < 0.2] = 0
    images = rng.integers(-1000, 300, (60, 12, 14), np.int16)
    path = nodule_file(
        images=images,
        label=np.arange(60) % 2,
        patient_id=np.arange(60),
        diameter_mm=None,
        malignancy_ratings=ratings,
    )
    told = nodule_cohort(path, SHOWN).label_noise
    own, others = [], []
    for row in ratings:
        given = [(reader, rating) for reader, rating in enumerate(row) if rating]
        for reader, rating in given:
            rest = [other for who, other in given if who != reader]
            if rest and np.mean(rest) != 3:
                own.append(rating)
                others.append(np.mean(rest) > 3)
    auc = roc_auc_score(others, own)
    strays = np.mean((np.array(own) > 3) != np.array(others))
    assert f"an AUC of {auc:.3f} ({len(own):,} ratings)" in told
    assert f"in {strays:.0%}." in told


def test_too_few_ratings_or_readers_who_are_alone_say_nothing_of_noise(nodule_file):
    assert nodule_cohort(nodule_file(malignancy_ratings=RATINGS), SHOWN).label_noise == ""
    alone = np.pad(RATINGS[:, :1], ((0, 0), (0, 3)))
    assert nodule_cohort(nodule_file(malignancy_ratings=alone), SHOWN).label_noise == ""


def test_attributes_of_a_csv_are_shares_by_row_whatever_their_order(nodule_file, attributes_csv):
    known = attribute_rows([3, 0, 5, 1])
    cohort = nodule_cohort(nodule_file(), SHOWN, attributes_csv(known))
    assert list(ATTRIBUTES) == [name for name in cohort.table if name in ATTRIBUTES]
    by_row = known.set_index("row")
    for name, (low, high) in ATTRIBUTES.items():
        expected = [(by_row[name].get(row, np.nan) - low) / (high - low) for row in range(4)]
        assert_allclose(cohort.table[name], expected)
        assert cohort.table[name].dropna().between(0, 1).all()


def test_attributes_in_the_npz_are_the_same_as_in_a_csv(nodule_file, attributes_csv):
    known = attribute_rows(range(6))
    by_csv = nodule_cohort(nodule_file(), SHOWN, attributes_csv(known)).table
    stored = known[list(ATTRIBUTES)].to_numpy()
    by_npz = nodule_cohort(nodule_file(attributes=stored), SHOWN).table
    pd.testing.assert_frame_equal(by_csv, by_npz)


def test_the_configuration_names_the_csv_of_attributes(nodule_file, attributes_csv):
    csv = attributes_csv(attribute_rows(range(6)))
    data = DataConfig(kind="nodules", path=str(nodule_file()), attributes=str(csv))
    cohort = load_cohort(data, SHOWN, PreparationConfig())
    assert cohort.table[list(ATTRIBUTES)].notna().all(axis=None)


def test_attributes_of_a_store_are_refused(tmp_path):
    data = DataConfig(kind="store", path=str(tmp_path), attributes="a.csv")
    with pytest.raises(ChoiceError, match=r"data\.attributes are of nodules") as caught:
        load_cohort(data, InputConfig(kind="bag", size=(8, 8, 8)), PreparationConfig())
    assert caught.value.key == "data.attributes"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda t: t.drop(columns="margin"), "expected the columns row, subtlety"),
        (lambda t: t.assign(margin="spiky"), "expected the columns row, .* with numbers"),
        (lambda t: t.assign(row=[0, 1, 1]), "row 1 stands twice"),
        (lambda t: t.assign(row=[0, 1, 6]), "row 6 stands twice or is none of the npz's 6"),
        (lambda t: t.assign(row=[0, 1, -1]), "row -1 stands twice or is none"),
        (lambda t: t.assign(row=[0, 1, 1.5]), r"row 1\.5 stands twice or is none"),
        (lambda t: t.assign(row=[0, 1, np.nan]), "row nan stands twice or is none"),
        (lambda t: t.assign(texture=[1, 5, 6]), "texture of row 2 is 6; expected 1 to 5"),
        (lambda t: t.assign(internal_structure=[1, 5, 1]), "internal_structure of row 1 is 5"),
        (lambda t: t.assign(margin=[0, 1, 1]), "margin of row 0 is 0; expected 1 to 5"),
    ],
)
def test_a_csv_of_attributes_with_a_fault_is_refused(nodule_file, attributes_csv, changed, words):
    csv = attributes_csv(changed(attribute_rows([0, 1, 2])))
    with pytest.raises(InputError, match=words) as caught:
        nodule_cohort(nodule_file(), SHOWN, csv)
    assert str(csv) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_csv_that_is_none_is_told(nodule_file, tmp_path):
    with pytest.raises(InputError, match="No such file or directory; expected a CSV"):
        nodule_cohort(nodule_file(), SHOWN, tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("empty.csv", "binary.csv"):
        with pytest.raises(InputError, match="expected the columns row") as caught:
            nodule_cohort(nodule_file(), SHOWN, tmp_path / name)
        assert "\n" not in str(caught.value)


def test_attributes_of_another_shape_in_the_npz_are_refused(nodule_file):
    with pytest.raises(InputError, match=r"attributes has shape \(6, 7\); expected \(6, 8\)"):
        nodule_cohort(nodule_file(attributes=np.ones((6, 7))), SHOWN)


def test_the_folds_of_others_come_along(nodule_file):
    cohort = nodule_cohort(nodule_file(fold=np.array([2, 0, 1, 1, 0, 0])), SHOWN)
    assert_array_equal(cohort.table["fold"], [2, 0, 1, 1])


@pytest.mark.real_data
def test_the_shared_ratings_and_attributes_are_read(shared_data):
    folder = shared_data / "nodules"
    cohort = nodule_cohort(
        folder / "luna1004_slices.npz",
        InputConfig(kind="nodule", size=(32, 32)),
        folder / "luna1004_attributes.csv",
    )
    assert cohort.table["readers"].between(1, 4).mean() > 0.9
    assert cohort.table[list(ATTRIBUTES)].notna().mean().min() > 0.9
    assert "ranks the others' opinion with an AUC of 0." in cohort.label_noise
