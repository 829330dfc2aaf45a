"""What outputs are held to: labels mixed with ratings, the unknown as NaN, numbers as numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lungnet.config.model import ATTRIBUTES, InputConfig
from lungnet.datasets.cohort import RATING_SHARES
from lungnet.datasets.targets import cohort_targets, scalar_columns
from lungnet.errors import ChoiceError

TABLE = pd.DataFrame(
    {
        "label": [0, 1, 1, 0],
        "diameter_mm": [4.0, np.nan, 12.5, 0.0],
        "rating": [0.25, 0.75, np.nan, 0.5],
        "age": ["61", "", " ", "70.5"],
        "sex": ["M", "F", None, "F"],
    }
)


def shown(*scalars, size=(8, 8)):
    return InputConfig(kind="nodule", size=size, scalars=scalars)


@settings(deadline=None)
@given(st.floats(0, 1))
def test_the_target_is_the_label_and_a_share_of_the_rating(share):
    targets = cohort_targets(TABLE, shown(), (), share)
    expected = [share * 0.25, 1 - share + share * 0.75, 1, share * 0.5]
    assert targets.numbers.keys() == {"logit"}
    assert_allclose(targets.numbers["logit"][:, 0], expected, atol=1e-6)
    without = cohort_targets(TABLE[["label", "diameter_mm"]], shown(), (), share)
    assert_array_equal(without.numbers["logit"][:, 0], TABLE["label"])


def test_a_diameter_is_its_logarithm_and_unknown_where_it_is_no_length():
    targets = cohort_targets(TABLE, shown(), ("diameter",), 0.0)
    expected = [[np.log(4)], [np.nan], [np.log(12.5)], [np.nan]]
    assert_allclose(targets.numbers["diameter"], expected, rtol=1e-6)


def test_attributes_that_a_cohort_does_not_know_are_nan_throughout():
    targets = cohort_targets(TABLE, shown(), ("attributes",), 0.0)
    assert targets.numbers["attributes"].shape == (4, len(ATTRIBUTES))
    assert np.isnan(targets.numbers["attributes"]).all()
    known = TABLE.assign(margin=[0.0, 0.5, 1.0, np.nan])
    values = cohort_targets(known, shown(), ("attributes",), 0.0).numbers["attributes"]
    assert_array_equal(values[:, list(ATTRIBUTES).index("margin")], known["margin"])


def test_the_readers_shares_are_the_targets_of_the_ratings():
    shares = pd.DataFrame(np.eye(5)[:4], columns=list(RATING_SHARES))
    shares.iloc[2] = np.nan
    targets = cohort_targets(pd.concat([TABLE, shares], axis=1), shown(), ("ratings",), 0.0)
    assert_array_equal(targets.numbers["ratings"], shares)
    assert targets.shapes(shown())["ratings"] == (5,)
    with pytest.raises(ChoiceError, match="the cohort has none; expected logit") as caught:
        cohort_targets(TABLE, shown(), ("ratings",), 0.0)
    assert caught.value.key == "model.output"


def test_a_samples_targets_have_the_shapes_that_are_promised():
    targets = cohort_targets(TABLE, shown(), ("attributes", "outline", "diameter"), 0.0)
    outline = np.ones((8, 8), np.float32)
    known, unknown = targets.of(0, outline, (8, 8)), targets.of(0, None, (8, 8))
    shapes = targets.shapes(shown())
    for sample in (known, unknown):
        assert {name: value.shape for name, value in sample.items()} == shapes
        assert all(value.dtype == np.float32 for value in sample.values())
    assert_array_equal(known["outline"], outline)
    assert np.isnan(unknown["outline"]).all()
    assert "outline" not in cohort_targets(TABLE, shown(), (), 0.0).of(0, outline, (8, 8))


def test_scalars_are_columns_of_numbers_in_their_order():
    values = scalar_columns(TABLE, shown("age", "diameter_mm"))
    assert values.dtype == np.float32
    assert_array_equal(values, [[61, 4], [np.nan, np.nan], [np.nan, 12.5], [70.5, 0]])
    assert scalar_columns(TABLE, shown()) is None


@pytest.mark.parametrize(
    ("scalar", "words"),
    [
        ("volume_ml", "volume_ml is no column of the cohort; found diameter_mm, label, rating"),
        ("sex", "sex is 'M' for sample 0; expected a number, or nothing where it is missing"),
        (
            {"column": "diameter_mm", "log": True},
            r"diameter_mm is .*0\.0.* for sample 3; expected a number above 0",
        ),
    ],
)
def test_what_is_no_number_is_told_with_its_sample(scalar, words):
    with pytest.raises(ChoiceError, match=words) as caught:
        scalar_columns(TABLE, shown(scalar))
    assert caught.value.key == "input.scalars"
    assert "\n" not in str(caught.value)


def test_an_infinite_number_is_told_as_none():
    table = TABLE.assign(age=["61", "inf", "70", "50"])
    with pytest.raises(ChoiceError, match="age is 'inf' for sample 1"):
        scalar_columns(table, shown("age"))


@pytest.mark.parametrize("column", ["label", "rating", "margin", "fold", "rating_share_4"])
def test_what_tells_the_answer_does_not_stand_beside_the_image(column):
    known = TABLE.assign(margin=[0.0, 0.5, 1.0, np.nan], fold=[0, 1, 2, 3], rating_share_4=0.5)
    with pytest.raises(ChoiceError, match=f"{column} tells the answer"):
        scalar_columns(known, shown(column))
