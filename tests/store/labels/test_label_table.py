"""Labels files: every form, further columns, and every way in which a file can be wrong."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungnet.config.data import DataConfig
from lungnet.datasets.splits import draw_splits
from lungnet.errors import LabelsError
from lungnet.store.labels import LabelRow, Labels, SeriesIds, labels_text, read_labels
from lungnet.store.labels.labels import BY_DATE, BY_PATIENT, BY_SERIES

UIDS = "1.2.3", "1.2.4", "1.2.5"


@pytest.fixture
def write(tmp_path):
    def writer(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return writer


def labels_of(labels):
    return {", ".join(key): row.label for key, row in labels.by_key.items()}


def columns_of(labels):
    return {", ".join(key): labels.cells_of(row) for key, row in labels.by_key.items()}


@pytest.mark.parametrize(
    "text",
    [
        "id,cancer\na,0\nb,1\n",
        "patient_id,label\r\na,0\r\nb,1\r\n",
        "\ufeffid,cancer\n a , 0.0\n\nb,1.0",
        "PatientID;label\na;0\nb;1\n",
        'id\tlabel\n"a"\t0\n"b"\t1\n',
        "id,patient_id,cancer\n1,a,0\n2,b,1\n",
        "patient_id,cancer\na,0\nb,1\na,0\n",
    ],
)
def test_labels_by_patient_are_read_in_every_form(write, text):
    labels = read_labels(write(text))
    assert labels.unit == BY_PATIENT
    assert labels_of(labels) == {"a": 0, "b": 1}


@pytest.mark.parametrize("names", ["patient_id,study_date", "PatientID,StudyDate"])
def test_labels_by_patient_and_date_are_read_with_either_form_of_date(write, names):
    labels = read_labels(write(f"{names},label\na,19990102,0\na,2001-01-02,1\n"))
    assert labels.unit == BY_DATE
    assert labels_of(labels) == {"a, 19990102": 0, "a, 20010102": 1}
    assert labels.summary() == "2 labels of 2 pairs of patient and date of 1 patients"


@pytest.mark.parametrize("name", ["series_uid", "SeriesInstanceUID"])
def test_labels_by_series_are_read_and_dates_beside_them_are_not(write, name):
    text = f"patient_id,{name},StudyDate,label\na,1.2.3,1/2/99,0\na,1.2.4,,1\n"
    labels = read_labels(write(text))
    assert labels.unit == BY_SERIES
    assert labels_of(labels) == {"1.2.3": 0, "1.2.4": 1}
    assert labels.columns == ()
    assert {row.ids.patient_id for row in labels.rows} == {"a"}


def test_a_series_of_a_nodule_list_is_positive_where_any_of_its_nodules_is(write):
    text = (
        "PatientID,SeriesInstanceUID,CoordX,AnnotationID,label,Gender\n"
        "a,1.2.3,4.5,a_1,0,Male\na,1.2.3,-7,a_2,1,Male\nb,1.2.4,1,b_1,0,Female\n"
    )
    labels = read_labels(write(text))
    assert labels_of(labels) == {"1.2.3": 1, "1.2.4": 0}
    assert columns_of(labels) == {"1.2.3": {"Gender": "Male"}, "1.2.4": {"Gender": "Female"}}
    assert labels.summary() == (
        "3 labels of 2 series of 2 patients; a line per nodule: a series is positive where any of "
        "its nodules is"
    )


def test_lines_that_repeat_are_counted_and_what_differs_between_them_is_left_out(write):
    labels = read_labels(write("id,cancer,sex,age\na,1,F,61\na,1,F,63\nb,0,M,50\n"))
    assert columns_of(labels) == {"a": {"sex": "F"}, "b": {"sex": "M"}}
    assert labels.summary() == "3 labels of 2 patients; 1 lines repeat an earlier one"


def test_further_columns_are_kept_but_for_those_that_may_identify(write):
    labels = read_labels(
        write('patient_id,label,sex,Patient Name,birth_date,site\na,0,F,Doe^Jane,1950,"x, y"\n')
    )
    assert columns_of(labels) == {"a": {"sex": "F", "site": "x, y"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("id,cancer\n", "no patients"),
        (
            "ID,target\na,1\n",
            ":1: found the columns ID, target; expected `patient_id,label` or `id,cancer`",
        ),
        ("ID,target\na,1\n", "among them; rename ID to patient_id and target to label?"),
        ("PatientID,target\na,1\n", "among them; rename target to label?"),
        ("Patient Id,label\na,1\n", "among them; rename Patient Id to patient_id?"),
        ("seriesuid,label\n1.2.3,1\n", "among them; rename seriesuid to series_uid?"),
        ("lung,label\n1.2.3,1\n", "or `patient_id,study_date,label`) among them"),
        ("patient_id\na\n", ":1: found the columns patient_id"),
        ("id,cancer,label\na,0,0\n", ":1: the columns label and cancer may both be the label"),
        ("id,cancer,cancer\na,0,0\n", "line 1: column 'cancer' stands twice"),
        (
            "id,cancer\na,0\nb,1\na,1\n",
            (
                ":4: a has the label 1 here and 0 in line 2; expected one label for a patient: "
                "delete the line that is wrong, or tell scans apart by a column series_uid"
            ),
        ),
        (
            "series_uid,label\n1.2.3,0\n\n1.2.3,1\n",
            ":4: 1.2.3 has the label 1 here and 0 in line 2; expected one label for a series",
        ),
        (
            "patient_id,study_date,label\na,19990102,0\na,1999-01-02,1\n",
            ":3: a, 19990102 has the label 1 here and 0 in line 2",
        ),
        ("patient_id,study_date,label\na,1/2/1999,0\n", ":2: study_date is '1/2/1999', expected a"),
        ("patient_id,StudyDate,label\na,19991332,0\n", "expected a date as 19990131 or 1999-01-31"),
        ("patient_id,study_date,label\na,,0\n", ":2: the study_date is empty"),
        ("id,cancer\na,\n", ":2: cancer is '', expected 0 or 1"),
        ("id,cancer\na,NaN\n", "expected 0 or 1; delete the line where it is not known"),
        ("id,cancer\na,0\nb,2\n", ":3: cancer is '2', expected 0 or 1"),
        ("id,cancer\na,yes\n", "'yes', expected 0 or 1"),
        ("id,cancer\n,1\n", ":2: the id is empty"),
        ("series_uid,patient_id,label\n,a,1\n", ":2: the series_uid is empty"),
        ("id,cancer\n1.23457E+17,1\n", ":2: the id is '1.23457E+17': a spreadsheet rounded it"),
        ("id,cancer\na\n", "line 2 has 1 cells, its header 2"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(write, text, said):
    path = write(text)
    with pytest.raises(LabelsError) as raised:
        read_labels(path)
    assert str(path) in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_and_one_that_is_no_text_are_told(tmp_path, write):
    with pytest.raises(LabelsError, match="no such file"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(LabelsError, match="line 2: byte 0xe4 is not UTF-8"):
        read_labels(write("id,cancer\nä,1\n", "latin-1"))


ids = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc", "Zs", "Zl", "Zp"]
    ),
    min_size=1,
    max_size=8,
).filter(lambda text: not text.startswith("="))


@pytest.mark.parametrize("unit", [BY_PATIENT, BY_DATE, BY_SERIES])
@given(table=st.dictionaries(ids, st.tuples(st.integers(0, 1), ids), min_size=1, max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory, unit, table):
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    rows = tuple(
        LabelRow(
            0,
            SeriesIds(
                "p" if unit == BY_SERIES else key,
                key if unit == BY_SERIES else "",
                "19990102" if unit == BY_DATE else "",
            ),
            label,
            (site,),
        )
        for key, (label, site) in table.items()
    )
    labels = Labels(path, unit, rows, ("site",))
    path.write_text(labels_text(labels), encoding="utf-8")
    again = read_labels(path)
    assert again.unit == unit
    assert labels_of(again) == labels_of(labels)
    assert columns_of(again) == columns_of(labels)
    assert {row.ids for row in again.rows} == {row.ids for row in labels.rows}


@pytest.mark.real_data
def test_every_table_from_the_field_is_read_rightly_or_refused_with_the_mend(shared_data):
    folder = shared_data / "field" / "tables"
    plain = labels_of(read_labels(folder / "bom.csv"))
    assert (len(plain), sum(plain.values())) == (24, 11)
    for name in ("crlf.csv", "float.csv", "patientid.csv", "semicolon.csv", "tab.tsv"):
        assert labels_of(read_labels(folder / name)) == plain, name
    by_series = labels_of(read_labels(folder / "per_scan.csv"))
    assert labels_of(read_labels(folder / "luna25_form.csv")) == by_series
    assert (len(by_series), sum(by_series.values())) == (12, 3)
    for name, mend in {
        "dup_conflict.csv": ":26: 70aea0d21c144aae5820374a19fe8726 has the label 1 here and 0 in "
        "line 2; expected one label for a patient",
        "nan.csv": ":2: cancer is 'NaN', expected 0 or 1; delete the line",
    }.items():
        with pytest.raises(LabelsError) as refused:
            read_labels(folder / name)
        assert mend in str(refused.value)


@pytest.mark.real_data
def test_luna25s_list_is_read_whole_and_no_patient_stands_on_two_sides_of_ten_folds(shared_data):
    (path,) = (shared_data / "luna25").glob("*.csv")
    labels = read_labels(path)
    assert labels.summary().startswith("6,163 labels of 4,069 series of 2,120 patients; a line per")
    assert labels.columns == ("Age_at_StudyDate", "Gender")
    samples = [(row.ids.patient_id, row.ids.series_uid, row.label) for row in labels.rows]
    table = pd.DataFrame(samples, columns=["patient_id", "series_uid", "label"])
    of_series = table.groupby("series_uid")["label"].max()
    assert {key[0]: row.label for key, row in labels.by_key.items()} == of_series.to_dict()
    series = table.drop_duplicates("series_uid").reset_index(drop=True)
    for samples in (table, series):
        folds = draw_splits(samples, DataConfig(path="x", folds=10), seed=7)
        assert len(folds) == 10
        held_out = [set(samples["patient_id"][fold == "test"]) for fold in folds]
        assert sum(map(len, held_out)) == len(set.union(*held_out)) == 2120
        for fold in folds:
            sides = samples.assign(side=fold).groupby("patient_id")["side"].nunique()
            assert sides.max() == 1
