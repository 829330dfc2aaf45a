"""Labels and series: matched by what the file names, and what is left over is counted."""

import pytest

from lungnet.errors import LabelsError
from lungnet.intake import Pseudonyms
from lungnet.store.labels import SeriesIds, read_labels

SCANS = [
    SeriesIds("a", "1.2.3", "19990102"),
    SeriesIds("a", "1.2.4", "20010102"),
    SeriesIds("b", "1.2.5", "19990102"),
]


@pytest.fixture
def read(tmp_path):
    def reader(text, name="labels.csv"):
        path = tmp_path / name
        path.write_text(text)
        return read_labels(path)

    return reader


def matched(labels, scans=SCANS):
    return [row and row.label for row in labels.resolved(scans).matched(scans)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("patient_id,label\na,1\nb,0\n", [1, 1, 0]),
        ("id,cancer\na,1\nb,0\n", [1, 1, 0]),
        ("series_uid,label\n1.2.4,1\n1.2.5,0\n", [None, 1, 0]),
        ("id,cancer\n1.2.4,1\n1.2.5,0\n", [None, 1, 0]),
        ("id,StudyDate,cancer\n1.2.4,20010102,1\n1.2.5,20010102,0\n", [None, 1, 0]),
        ("patient_id,study_date,label\na,1999-01-02,0\na,20010102,1\n", [0, 1, None]),
        ("patient_id,series_uid,label\na,1.2.3,0\na,1.2.4,1\nb,1.2.5,1\n", [0, 1, 1]),
    ],
)
def test_a_series_has_the_label_of_what_the_file_names(read, text, expected):
    assert matched(read(text)) == expected


def test_pseudonyms_match_as_the_ids_do(read):
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    scans = [
        SeriesIds(pseudonyms.patient(p), pseudonyms.uid(u), pseudonyms.date(d)) for p, u, d in SCANS
    ]
    for text in (
        "id,cancer\n1.2.4,1\n1.2.5,0\n",
        "series_uid,label\n1.2.4,1\n1.2.5,0\n",
        "patient_id,study_date,label\na,20010102,1\nb,19990102,0\n",
    ):
        assert matched(read(text).renamed(pseudonyms), scans) == [None, 1, 0]


def test_a_volume_file_is_named_by_its_series(read):
    scans = [SeriesIds("1.2.3", "1.2.3.ab12cd34"), SeriesIds("1.2.4", "1.2.4.12ab34cd")]
    assert matched(read("patient_id,series_uid,label\na,1.2.3,0\na,1.2.4,1\n"), scans) == [0, 1]


def test_what_is_left_over_is_counted(read, caplog):
    assert matched(read("id,cancer\na,0\nx,1\n")) == [0, 0, None]
    assert "1 of 2 patients have no label" in caplog.text
    assert "1 of 2 labels belong to no patient here" in caplog.text
    caplog.clear()
    matched(read("series_uid,label\n1.2.3,0\n1.2.9,1\n"))
    assert "2 of 3 series have no label" in caplog.text
    assert "1 of 2 labels belong to no series here" in caplog.text


@pytest.mark.parametrize(
    ("text", "scans", "said"),
    [
        (
            "id,cancer\nx,1\n",
            SCANS,
            (
                "none of the 2 patients has a label: the file speaks of 'x', the scans of 'a'; "
                "expected the same ids"
            ),
        ),
        ("patient_id,label\n1.2.3,1\n", SCANS, "these are series: name that column series_uid"),
        (
            "patient_id,study_date,label\na,20200101,1\n",
            SCANS,
            "the file speaks of 'a', '20200101', the scans of 'a', '19990102'; the dates differ",
        ),
        (
            "patient_id,study_date,label\na,20200101,1\n",
            [SeriesIds("a", "1.2.3")],
            "the scans name no study date",
        ),
        ("series_uid,label\nx,1\n", SCANS, "none of the 3 series has a label"),
    ],
)
def test_a_file_that_fits_no_scan_says_why(read, text, scans, said):
    labels = read(text)
    with pytest.raises(LabelsError) as refused:
        matched(labels, scans)
    assert said in str(refused.value)
    assert "labels.csv" in str(refused.value)


@pytest.mark.parametrize("changed", ["1", "01", "0001.0"])
def test_ids_that_lost_their_zeros_are_named(read, changed):
    scans = [SeriesIds("0001", "1.2.3"), SeriesIds("1002", "1.2.4")]
    with pytest.raises(LabelsError) as refused:
        matched(read(f"id,cancer\n1002,1\n{changed},0\n"), scans)
    said = f"labels.csv:3: the id {changed!r} is '0001' in the scans: a spreadsheet or program took"
    assert said in str(refused.value)


def test_ids_that_differ_by_more_than_zeros_are_other_patients(read):
    scans = [SeriesIds("0001", "1.2.3"), SeriesIds("1", "1.2.4"), SeriesIds("p1", "1.2.5")]
    assert matched(read("id,cancer\n0001,1\n1,0\np01,1\n"), scans) == [1, 0, None]


@pytest.mark.real_data
def test_the_fields_zeros_are_named_with_their_count(shared_data):
    folder = shared_data / "field" / "tables"
    right = read_labels(folder / "numids_right.csv")
    scans = [SeriesIds(row.ids.patient_id, f"1.2.{i}") for i, row in enumerate(right.rows)]
    assert None not in matched(right, scans)
    with pytest.raises(LabelsError, match=r":2: the id '1' is '0001' .*\(12 ids differ so\)"):
        matched(read_labels(folder / "numids_excel.csv"), scans)


@pytest.mark.real_data
def test_the_fields_series_in_a_column_id_are_matched(shared_data):
    labels = read_labels(shared_data / "field" / "tables" / "by_series_uid.csv")
    scans = [SeriesIds("p", row.ids.series_uid, "20200101") for row in labels.rows]
    assert matched(labels, scans) == [row.label for row in labels.rows]


def test_two_files_of_one_store_are_merged_and_must_agree(read):
    first = read("patient_id,label,sex\na,1,F\nb,0,M\n")
    second = read("patient_id,label,age\nb,0,61\nc,1,70\n", "second.csv")
    merged = first.merged(second)
    cells = {key[0]: (row.label, merged.cells_of(row)) for key, row in merged.by_key.items()}
    assert cells == {
        "a": (1, {"age": "", "sex": "F"}),
        "b": (0, {"age": "61", "sex": "M"}),
        "c": (1, {"age": "70", "sex": ""}),
    }
    with pytest.raises(LabelsError, match=r"second.csv: b has the label 1 here and 0 in .*labels"):
        first.merged(read("patient_id,label\nb,1\n", "second.csv"))
    with pytest.raises(
        LabelsError, match=r"gives labels by series, .* by patient; expected the sam"
    ):
        first.merged(read("series_uid,label\n1.2.3,1\n", "second.csv"))
