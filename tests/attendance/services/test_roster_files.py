"""Roster files as spreadsheets of all kinds write them, and the ones that cannot be read."""

import pytest

from attendance.services.errors import BadRoster
from attendance.services.roster_files import MAX_ROWS, FileRow, read_roster_file

PLAIN = "School id,Name,E-mail\n1,Ada Lovelace,ada@school.example\n2,Björn Ägren,\n"
ROWS = [
    {"name": "Ada Lovelace", "school_id": "1", "email": "ada@school.example"},
    {"name": "Björn Ägren", "school_id": "2", "email": ""},
]


def read(data: bytes | str, filename: str = "roster.csv") -> list[FileRow]:
    return read_roster_file(data.encode() if isinstance(data, str) else data, filename=filename).rows


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("cp1252"),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
        ("\n\n" + PLAIN.replace("\n", "\n\n")).encode(),
    ],
)
def test_every_spelling_of_the_same_roster_reads_alike(data: bytes) -> None:
    assert [row.fields for row in read(data)] == ROWS


def test_guessed_encoding_is_named() -> None:
    assert read_roster_file(PLAIN.encode("cp1252"), filename="r.csv").encoding == "cp1252"


def test_delimiter_inside_a_quoted_name_belongs_to_the_name() -> None:
    (row,) = read('name;school id\n"Lovelace; Ada, Countess ""of"" L.";1\n')
    assert row.name == 'Lovelace; Ada, Countess "of" L.'


def test_line_numbers_are_those_of_the_file() -> None:
    assert [row.line for row in read("sep=,\nname\n\nAda\nBen\n")] == [4, 5]


def test_unknown_headings_are_named_and_left_out() -> None:
    roster = read_roster_file(b"Name,Shoe size,Student ID\nAda,38,7\n", filename="r.csv")
    assert (roster.unused, roster.columns) == (["Shoe size"], ["name", "school_id"])
    assert roster.rows[0].fields == {"name": "Ada", "school_id": "7"}


def test_short_line_has_empty_cells() -> None:
    (row,) = read("name,school id,email\nAda\n")
    assert (row.fields, row.errors) == ({"name": "Ada", "school_id": None, "email": ""}, ())


@pytest.mark.parametrize(
    ("line", "word"),
    [("7,,", "needs a name"), (f"7,{'x' * 201},", "longer than"), ("7,Ada,not-an-address", "not an e-mail address")],
)
def test_row_that_does_not_hold_says_why(line: str, word: str) -> None:
    good, bad = read(f"school id,name,email\n1,Ben,\n{line}\n")
    assert good.errors == ()
    assert len(bad.errors) == 1
    assert word in bad.errors[0]


def test_double_id_is_an_error_in_each_of_its_rows() -> None:
    rows = read("school id,name\n1,Ada\n2,Ben\n1,Cem\n")
    assert [row.errors for row in rows] == [
        ("The school id 1 stands in lines 2, 4.",),
        (),
        ("The school id 1 stands in lines 2, 4.",),
    ]


def test_control_characters_are_dropped_and_text_composed() -> None:
    (row,) = read("name\nJose\u0301\x07 \u00a0Diaz\n")
    assert row.name == "José Diaz"


@pytest.mark.parametrize(
    ("data", "filename", "word"),
    [
        (b"", "r.csv", "empty"),
        (b" \n \n", "r.csv", "empty"),
        (b"school id,mail\n1,a@b.example\n", "r.csv", 'column "name"'),
        (b"name\nAda\x00Ben\n", "r.csv", "not text"),
        (b"name\nAda \x81\x8d\n", "r.csv", "not text"),
        (b"\xff\xfen\x00a\x00m", "r.csv", "not text"),
        (b'name\n"Ada\nBen\n', "r.csv", "quotation mark"),
        (b"name\n" + b"x" * 140_000 + b"\n", "r.csv", "too long"),
        (b"name\nAda\n", "r.pdf", "kind of file"),
        (b"\xd0\xcf\x11\xe0 old Excel", "r.csv", "kind of file"),
        (b"name\n" + b"Ada\n" * (MAX_ROWS + 1), "r.csv", f"more than {MAX_ROWS} rows"),
        (b"name\n" + b"Ada\n" * 1_500_000, "r.csv", "larger than"),
    ],
)
def test_file_that_cannot_be_read_says_why(data: bytes, filename: str, word: str) -> None:
    with pytest.raises(BadRoster) as refused:
        read(data, filename)
    assert word in str(refused.value)
