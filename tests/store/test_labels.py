"""Labels: both forms, further columns, and every way in which a file can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungnet.errors import LabelsError
from lungnet.store.labels import Labels, labels_text, read_labels


@pytest.fixture
def write(tmp_path):
    def writer(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return writer


@pytest.mark.parametrize(
    "text",
    [
        "id,cancer\na,0\nb,1\n",
        "patient_id,label\r\na,0\r\nb,1\r\n",
        "\ufeffid,cancer\n a , 0.0\n\nb,1.0",
    ],
)
def test_kaggles_and_our_form_are_read(write, text):
    assert dict(read_labels(write(text)).label) == {"a": 0, "b": 1}


def test_further_columns_are_kept_but_for_those_that_may_identify(write):
    labels = read_labels(
        write('patient_id,label,sex,Patient Name,birth_date,site\na,0,F,Doe^Jane,1950,"x, y"\n')
    )
    assert labels.columns == {"sex": {"a": "F"}, "site": {"a": "x, y"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("id,cancer\n", "no patients"),
        (
            "id,label\na,1\n",
            ":1: found the columns id, label; expected `patient_id,label` or `id,cancer`",
        ),
        ("patient_id\na\n", ":1: found the columns patient_id"),
        ("id,cancer,cancer\na,0,0\n", ":1: column 'cancer' is there twice"),
        ("id,cancer\na,0\nb,1\na,1\n", ":4: id a is there twice, first in line 2"),
        ("id,cancer\na,\n", ":2: cancer is '', expected 0 or 1"),
        ("id,cancer\na,0\nb,2\n", ":3: cancer is '2', expected 0 or 1"),
        ("id,cancer\na,yes\n", "'yes', expected 0 or 1"),
        ("id,cancer\n,1\n", ":2: the id is empty"),
        ("id,cancer\na\n", ":2: 1 columns, the header has 2"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(write, text, said):
    path = write(text)
    with pytest.raises(LabelsError) as raised:
        read_labels(path)
    assert str(path) in str(raised.value)
    assert said in str(raised.value)


def test_a_missing_file_and_one_that_is_no_text_are_told(tmp_path, write):
    with pytest.raises(LabelsError, match="no such file"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(LabelsError, match="UTF-8"):
        read_labels(write("id,cancer\nä,1\n", "latin-1"))


def test_patients_without_label_are_counted_and_none_at_all_is_an_error(write, caplog):
    labels = read_labels(write("id,cancer\na,0\nb,1\n"))
    assert labels.matched({"a", "c"}) == {"a": 0}
    assert "1 of 2 patients have no label" in caplog.text
    assert "1 of 2 labels belong to no patient" in caplog.text
    with pytest.raises(LabelsError, match="none of the 1 patients"):
        labels.matched({"c"})


ids = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc", "Zs", "Zl", "Zp"]
    ),
    min_size=1,
    max_size=8,
)


@given(st.dictionaries(ids, st.tuples(st.integers(0, 1), ids), min_size=1, max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    labels = Labels(
        path, {k: v[0] for k, v in table.items()}, {"site": {k: v[1] for k, v in table.items()}}
    )
    path.write_text(labels_text(labels), encoding="utf-8")
    again = read_labels(path)
    assert dict(again.label) == dict(labels.label)
    assert again.columns == labels.columns
