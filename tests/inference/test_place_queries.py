"""Places come as text or as rows; what is none is told in a line each, and the rest goes on."""

import math

import pytest

from lungnet.errors import InputError, UsageError
from lungnet.inference import PlaceQueries, PlaceQuery, parse_place, read_places


@pytest.mark.parametrize("text", ["-56.4,86.39,-115.8", " -56.4, 86.39 ,-115.8"])
def test_three_numbers_are_a_place(text):
    assert parse_place(text) == parse_place("-56.4,86.39,-115.8")
    assert parse_place(text).centre_mm == (-56.4, 86.39, -115.8)


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "1,2,x", "1,2,nan", "1,2,inf", "1;2;3"])
def test_what_is_no_place_is_wrong_usage(text):
    with pytest.raises(UsageError, match=r"is no place; expected x,y,z in the patient's \(LPS\)"):
        parse_place(text)


def test_rows_that_name_no_place_are_told_one_by_one_and_left_out(tmp_path, caplog):
    path = tmp_path / "places.csv"
    path.write_text(
        "\ufeffseries_uid,x_mm,y_mm,z_mm,diameter_mm,note\n"
        "1.2,1,2,3,4.5,good\n"
        ",-1,-2,-3,,anywhere\n"
        ",1,,3,4,no y\n"
        ",1,2\n"
        ",1,2,nan,4,nan\n"
        ",1,2,3,-4,diameter below 0\n"
        ",1,2,3,large,diameter in words\n",
        encoding="utf-8",
    )
    with caplog.at_level("WARNING", "lungnet"):
        queries, left_out = read_places(path)
    assert left_out == 3
    assert queries[0] == PlaceQuery((1.0, 2.0, 3.0), 4.5, "1.2")
    assert [query.centre_mm for query in queries[1:]] == [
        (-1.0, -2.0, -3.0),
        *[(1.0, 2.0, 3.0)] * 2,
    ]
    assert all(math.isnan(query.diameter_mm) for query in queries[1:])
    assert caplog.messages[0] == (
        f"{path}: line 5 has 3 cells, its header 6; expected as many, and quotes around a cell "
        "that holds a comma; the row is left out"
    )
    messages = [record.getMessage().removeprefix(f"{path}: ") for record in caplog.records[1:]]
    assert messages == [
        "line 4: y_mm is ''; expected millimetres; the row is left out",
        "line 6: z_mm is 'nan'; expected millimetres; the row is left out",
        "line 7: diameter_mm is '-4'; expected a number above 0; taken as missing",
        "line 8: diameter_mm is 'large'; expected a number above 0; taken as missing",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"x_mm,y_mm\n1,2\n", "column z_mm is missing"),
        (b"", "the file is empty"),
        (b"x_mm,y_mm,z_mm\n", "holds no place"),
        (b"x_mm,y_mm,z_mm\na,b,c\n", "holds no place"),
        (b'x_mm,y_mm,z_mm\n"1,2,3\n', "every quote closed"),
        (b"x_mm\xff", "is not UTF-8"),
        (None, "no such file or directory"),
    ],
)
def test_a_file_without_places_is_refused_in_a_line(tmp_path, text, words):
    path = tmp_path / "places.csv"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(InputError, match=words):
        read_places(path)


def test_a_place_of_a_series_is_asked_about_in_that_series_only():
    queries = PlaceQueries((PlaceQuery((1, 2, 3)), PlaceQuery((4, 5, 6), series_uid="1.2")))
    assert len(queries.of_series("1.2")) == 2
    assert [query.centre_mm for query in queries.of_series("1.3")] == [(1, 2, 3)]
    assert queries.unmatched(["1.3"]) == 1
    assert not queries.is_empty
    assert PlaceQueries().is_empty
    assert not PlaceQueries(candidates_from=0.0).is_empty


def test_a_table_of_a_spreadsheet_with_decimal_commas_is_read(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("x_mm;y_mm;z_mm;diameter_mm\n-56,4;86,39;-115,8;7,5\n")
    assert read_places(path) == ((PlaceQuery((-56.4, 86.39, -115.8), 7.5),), 0)
