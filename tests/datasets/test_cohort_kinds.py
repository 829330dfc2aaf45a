"""The table of cohort kinds: what holds for every row."""

import pytest

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.datasets.cohort_kinds import COHORT_KINDS, load_cohort
from lungnet.errors import ChoiceError, LungnetError

SIZES = {"bag": (8, 8, 8), "volume": (8, 8, 8), "nodule": (8, 8)}


@pytest.mark.parametrize("name", COHORT_KINDS)
def test_a_kind_says_what_it_feeds_and_what_a_reader_should_know(name):
    kind = COHORT_KINDS[name]
    assert kind.input_kinds <= set(SIZES)
    assert all(sentence.endswith(".") for sentence in kind.limits)
    assert kind.slices_caption


@pytest.mark.parametrize("name", COHORT_KINDS)
def test_a_kind_refuses_other_inputs_and_a_cohort_that_is_not_there(name, tmp_path):
    data = DataConfig(kind=name, path=str(tmp_path / "nowhere"))
    for input_kind, size in SIZES.items():
        config = InputConfig(kind=input_kind, size=size)
        feeds = input_kind in COHORT_KINDS[name].input_kinds
        with pytest.raises(LungnetError if feeds else ChoiceError) as caught:
            load_cohort(data, config, PreparationConfig())
        assert isinstance(caught.value, ChoiceError) is not feeds


def test_a_kind_that_is_none_names_the_nearest():
    config = InputConfig(kind="bag", size=(8, 8, 8))
    with pytest.raises(ChoiceError, match=r"data\.kind is 'stroe'; did you mean store\?"):
        load_cohort(DataConfig(kind="stroe", path="x"), config, PreparationConfig())
