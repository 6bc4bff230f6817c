"""Workbooks: read like CSV, and the ones that are made to hurt."""

import io
import zipfile
from collections.abc import Sequence

import pytest
import xlsxwriter

from attendance.services.errors import BadRoster
from attendance.services.roster_files import MAX_ROWS, read_roster_file
from attendance.services.spreadsheets import LONGEST_CELL, MAX_PARTS, MAX_UNPACKED_BYTES, xlsx_lines


def workbook(*rows: Sequence[object], first_row: int = 0) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate(rows, start=first_row):
            sheet.write_row(number, 0, cells)
    return buffer.getvalue()


def repacked(data: bytes, **changed: bytes) -> bytes:
    """The same workbook with other bytes in the parts named ``sheet`` (the sheet) or by their path."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, changed.get(part.filename.rpartition("/")[2].partition(".")[0], old.read(part)))
    return out.getvalue()


ROSTER = workbook(["School id", "Name"], [7, "Ada Lovelace"], [], ["B-8", "Björn Ägren"])


def test_workbook_reads_like_csv() -> None:
    roster = read_roster_file(ROSTER, filename="Roster.XLSX")
    assert [(row.line, row.fields) for row in roster.rows] == [
        (2, {"name": "Ada Lovelace", "school_id": "7"}),
        (4, {"name": "Björn Ägren", "school_id": "B-8"}),
    ]
    assert roster.encoding == "xlsx"


def test_lines_above_the_header_may_be_empty() -> None:
    roster = read_roster_file(workbook(["Name"], ["Ada"], first_row=3), filename="r.xlsx")
    assert [(row.line, row.name) for row in roster.rows] == [(5, "Ada")]


def test_formula_gives_its_value_and_is_never_run() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "name")
        sheet.write_formula(1, 0, '=CONCATENATE("A","da")', value="Ada")
    assert [row.name for row in read_roster_file(buffer.getvalue(), filename="r.xlsx").rows] == ["Ada"]


def test_too_many_rows_are_refused() -> None:
    rows = [["name"], *([f"Student {n}"] for n in range(MAX_ROWS + 1))]
    with pytest.raises(BadRoster, match=f"more than {MAX_ROWS} rows"):
        read_roster_file(workbook(*rows), filename="r.xlsx")


def test_row_far_down_does_not_fill_the_memory() -> None:
    far = ROSTER_SHEET.replace(b'<row r="4"', b'<row r="1000000"').replace(b'"A4"', b'"A1000000"')
    data = repacked(ROSTER, sheet1=far.replace(b'"B4"', b'"B1000000"'))
    assert [line for line, _cells in xlsx_lines(data, max_rows=50)] == [1, 2]


with zipfile.ZipFile(io.BytesIO(ROSTER)) as _archive:
    ROSTER_SHEET = _archive.read("xl/worksheets/sheet1.xml")

ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&x;</t></si></sst>'
)
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&b;</t></si></sst>'
)


def many_parts() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(MAX_PARTS + 1):
            archive.writestr(f"part{number}", b"")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (ROSTER[:200], "cannot be read"),
        (b"PK\x03\x04 and nothing more", "cannot be read"),
        (repacked(ROSTER, sheet1=b"<broken"), "cannot be read"),
        (repacked(ROSTER, workbook=b"<broken"), "cannot be read"),
        (repacked(ROSTER, sharedStrings=ENTITY), "cannot be read"),
        (repacked(ROSTER, sharedStrings=LAUGHS), "cannot be read"),
        (repacked(ROSTER, sheet1=ENTITY), "cannot be read"),
        (repacked(ROSTER, sheet1=b" " * (MAX_UNPACKED_BYTES + 1)), "too large when unpacked"),
        (many_parts(), "too large when unpacked"),
    ],
    ids=["cut", "no zip", "sheet", "book", "external entity", "laughs", "entity in sheet", "bomb", "many parts"],
)
def test_workbook_that_cannot_be_trusted_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(BadRoster, match=word):
        read_roster_file(data, filename="r.xlsx")


@pytest.mark.parametrize("filename", ["r.csv", "r.xls", "r"])
def test_workbook_under_another_ending_is_refused(filename: str) -> None:
    with pytest.raises(BadRoster, match="kind of file"):
        read_roster_file(ROSTER, filename=filename)


def test_cell_longer_than_excels_own_is_refused_before_it_is_looked_at() -> None:
    cell = b'<c r="A2" t="inlineStr"><is><t>' + b"a" * (LONGEST_CELL + 1) + b"</t></is></c>"
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c></row><row r="2">' + cell + b"</row>"
        b"</sheetData></worksheet>"
    )
    with pytest.raises(BadRoster):
        read_roster_file(repacked(workbook(["name"]), sheet1=sheet), filename="roster.xlsx")
