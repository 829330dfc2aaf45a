"""Tables of delimited text: what spreadsheets and programs write is read as the same cells."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungnet import delimited
from lungnet.delimited import likely_column, read_table
from lungnet.errors import InputError, LabelsError

PLAIN = "id,cancer\n0001,1\nb,0\n"
CELLS = (("0001", "1"), ("b", "0"))


@pytest.fixture
def read(tmp_path):
    def reader(data):
        path = tmp_path / "t.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_table(path, LabelsError, "a CSV")

    return reader


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.removesuffix("\n"),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.replace(",", "\t").encode("utf-16-be"),
        '"id","cancer"\n"0001","1"\n"b","0"\n',
        'id,cancer\n="0001",1\n"=""b""",0\n',
        " id , cancer\n\n0001 ,\u00a01\n  \nb,0\n\n",
        "id,cancer,,\n0001,1,,\nb,0,,\n",
        "id,cancer\n0001,1,,\nb,0\n",
    ],
)
def test_one_table_in_many_forms_gives_the_same_cells(read, data):
    table = read(data)
    named = [i for i, name in enumerate(table.header) if name]
    assert tuple(table.header[i] for i in named) == ("id", "cancer")
    assert tuple(tuple(row[i] for i in named) for row in table.rows) == CELLS


def test_a_row_bears_the_line_where_it_begins(read):
    table = read('\nid,note\n\na,"two\nlines"\nb,x\n')
    assert (table.header_line, table.lines) == (2, (4, 6))
    assert table.rows[0] == ("a", "two\nlines")


def test_the_delimiter_is_the_one_that_header_and_rows_agree_on(read):
    assert read("id,label,a;b;c;d\nx,1,y\n").delimiter == ","
    assert read("id;label;x,y\na;1;0,5\n").delimiter == ";"
    assert read("id\na\n").rows == (("a",),)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "the file is empty; expected a CSV"),
        ("\n , \n", "the file is empty"),
        ("id,cancer\na\n", "line 2 has 1 cells, its header 2"),
        ("id;cancer\na;1\nb;1;0,5\n", "line 3 has 3 cells, its header 2; expected as many, and"),
        ('id,cancer\na,1\nb,"1\n', "line 3: unexpected end of data"),
        ('id,cancer\n"a"b,1\n', "line 2: "),
        ("id,id\na,1\n", "line 1: column 'id' stands twice"),
        (b"id,cancer\n\xe4,1\n", "line 2: byte 0xe4 is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfei\x00d\x00\n\x00a", "line 2: byte 0x61 is not UTF-16"),
        (PLAIN.encode("utf-16-le"), "line 1: a NUL character"),
        (b"PK\x03\x04xl/workbook.xml", "a spreadsheet's own format"),
        ("id,cancer\n" + "a" * 200_000 + ",1\n", "line 2: field larger than field limit"),
    ],
)
def test_what_is_no_table_gets_one_line_that_names_where(read, data, words):
    with pytest.raises(LabelsError) as refused:
        read(data)
    assert words in str(refused.value)
    assert "t.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_too_long_is_refused_before_it_is_read(read, monkeypatch):
    monkeypatch.setattr(delimited, "LARGEST_BYTES", 10)
    with pytest.raises(InputError, match="at most 10 bytes"):
        read(PLAIN)


@pytest.mark.parametrize(
    ("name", "header", "likely"),
    [
        ("patient_id", ["ID", "target"], "ID"),
        ("patient_id", ["PatientID", "x"], "PatientID"),
        ("patient_id", ["Patient ID", "x"], "Patient ID"),
        ("patient_id", ["subject-id", "x"], "subject-id"),
        ("patient_id", ["patiend_id"], "patiend_id"),
        ("label", ["ID", "target"], "target"),
        ("label", ["Cancer"], "Cancer"),
        ("label", ["lable"], "lable"),
        ("series_uid", ["seriesuid", "coordX"], "seriesuid"),
        ("probability", ["prob_0", "prob_1"], "prob_1"),
        ("label", ["age", "sex"], None),
    ],
)
def test_the_likely_column_is_named(name, header, likely):
    assert likely_column(name, header) == likely


names = st.text(st.sampled_from("abcdefgh_"), min_size=1, max_size=5)
cells = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=6)


@given(
    header=st.lists(names, min_size=2, max_size=4, unique=True),
    data=st.data(),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_a_writer_writes_is_read_back(tmp_path_factory, header, data, delimiter, encoding):
    row = st.lists(cells.filter(lambda cell: cell[:1] != "="), min_size=len(header))
    rows = data.draw(st.lists(row.map(lambda cells: cells[: len(header)]), max_size=4))
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(text.getvalue().removeprefix("\ufeff").encode(encoding))
    table = read_table(path, LabelsError, "a CSV")
    assert table.header == tuple(header)
    stripped = [tuple(cell.strip() for cell in row) for row in rows]
    assert list(table.rows) == [row for row in stripped if any(row)]
