"""One seed, named streams: each is a function of the names, and no two are alike."""

from hypothesis import given
from hypothesis import strategies as st

from lungnet.seeds import derive, stream


def test_a_stream_is_a_function_of_seed_and_names_on_every_machine():
    assert derive(7, "order", 3) == 1744714780786333158 == derive(7, "order", 3)
    assert stream(7, "order", 3).random() == stream(7, "order", 3).random()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**31), st.sampled_from(["order", "augmentation"]), st.integers(0, 99)
        ),
        max_size=30,
        unique=True,
    )
)
def test_other_names_give_other_streams(keys):
    seeds = {derive(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)
