"""Roster files read into rows: CSV as programs of all kinds write it, and Excel. Nothing here touches the database."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from attendance.services.errors import BadRoster, InvalidValue
from attendance.services.names import clean_text
from attendance.services.rosters import STUDENT_FIELDS, clean_student_fields
from attendance.services.spreadsheets import xlsx_lines

MAX_ROWS: Final = 2_000
MAX_BYTES: Final = 5 * 1024 * 1024
_DELIMITERS: Final = ",;\t|"
_COLUMNS: Final = {
    "name": {"name", "student", "student name", "full name", "fullname"},
    "sort_key": {"sorted as", "sort key", "sortkey", "sort name"},
    "preferred_name": {"preferred name", "preferred", "known as", "preferredname"},
    "pronunciation": {"pronunciation", "pronounced"},
    "school_id": {"school id", "id", "student id", "schoolid", "studentid", "sourcedid", "number"},
    "email": {"email", "e-mail", "mail", "e-mail address", "email address"},
}


@dataclass(frozen=True, slots=True)
class FileRow:
    """A line of a roster file.

    Attributes:
        line: its number in the file, the header being 1.
        fields: the student's fields that the file has a column for, cleaned.
        errors: sentences that say what is wrong with it; such a row is never applied.
    """

    line: int
    fields: dict[str, str | None]
    errors: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The student's name as the file has it."""
        return self.fields.get("name") or ""

    @property
    def school_id(self) -> str | None:
        """The student's id at the school, if the file has one."""
        return self.fields.get("school_id")


@dataclass(frozen=True, slots=True)
class RosterFile:
    """A roster file that was read.

    Attributes:
        rows: its lines, empty ones left out.
        columns: the student's fields that it has a column for.
        unused: headings that mean nothing here.
        encoding: how its bytes were read; anything but Unicode is a guess worth a look.
    """

    rows: list[FileRow]
    columns: list[str]
    unused: list[str]
    encoding: str


@dataclass(slots=True)
class _Header:
    places: dict[str, int] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


def read_roster_file(data: bytes, *, filename: str) -> RosterFile:
    """Read a roster file.

    Args:
        data: its bytes.
        filename: tells the kind by its ending.

    Raises:
        BadRoster: a kind that is not read, bytes that are no text, no column for the name, too many rows.
    """
    if not data.strip():
        raise BadRoster(_("The file is empty."))
    if len(data) > MAX_BYTES:
        raise BadRoster(_("The file is larger than %(n)d MB.") % {"n": MAX_BYTES // 1024**2})
    lines, encoding = _lines(data, filename.lower())
    first = next(lines, None)
    if first is None:
        raise BadRoster(_("The file is empty."))
    header = _read_header(first[1])
    rows = list(_rows(lines, header))
    return RosterFile(rows=_with_double_ids(rows), columns=list(header.places), unused=header.unused, encoding=encoding)


def _lines(data: bytes, filename: str) -> tuple[Iterator[tuple[int, list[str]]], str]:
    """Open a file by its kind; a wrong ending is not believed."""
    zipped, old_excel = data.startswith(b"PK\x03\x04"), data.startswith(b"\xd0\xcf\x11\xe0")
    if filename.endswith(".xlsx") and zipped:
        return xlsx_lines(data, max_rows=MAX_ROWS + 100), "xlsx"
    if zipped or old_excel or not filename.endswith((".csv", ".txt", ".tsv")):
        raise BadRoster(_("Save the roster as .xlsx or CSV: this kind of file is not read."))
    text, encoding = decode(data)
    return _csv_lines(text), encoding


def decode(data: bytes) -> tuple[str, str]:
    """Read bytes as text: by the byte order mark, else as UTF-8, else as what Windows writes in the West.

    Returns:
        the text and the name of the encoding.

    Raises:
        BadRoster: the bytes are no text.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _decode_as(data, encoding), encoding
    if b"\x00" in data[:200]:
        encoding = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
        return _decode_as(data, encoding), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _decode_as(data, "cp1252"), "cp1252"


def _decode_as(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadRoster(_("This file is not text that can be read. Save it as CSV UTF-8.")) from error
    if "\x00" in text:
        raise BadRoster(_("This file is not text that can be read. Save it as CSV UTF-8."))
    return text


def _csv_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each line that is not empty, with its number."""
    start, first_line = 1, text.partition("\n")[0].rstrip("\r")
    if first_line.lower().startswith("sep=") and len(first_line) == 5:
        text, start, delimiters = text.partition("\n")[2], 2, first_line[4]
    else:
        delimiters = _DELIMITERS
    delimiter = _best_delimiter(text, delimiters)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start + reader.line_num - 1, cells
    except csv.Error as error:
        raise BadRoster(
            _("Line %(line)d cannot be read: a quotation mark is not closed, or a cell is too long.")
            % {"line": start + reader.line_num - 1}
        ) from error


def _best_delimiter(text: str, delimiters: str) -> str:
    """Choose the sign that makes most sense of the header: most known columns, then most columns."""
    header = text.lstrip("\r\n").partition("\n")[0].rstrip("\r")

    def sense(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip().strip('"') for cell in header.split(delimiter)]
        return sum(_field_of(cell) is not None for cell in cells), len(cells)

    return max(delimiters, key=sense)


def _field_of(heading: str) -> str | None:
    plain = clean_text(heading).casefold().replace("_", " ")
    return next((name for name, headings in _COLUMNS.items() if plain in headings), None)


def _read_header(cells: Sequence[str]) -> _Header:
    header = _Header()
    for place, cell in enumerate(cells):
        name = _field_of(cell)
        if name is not None and name not in header.places:
            header.places[name] = place
        elif cell.strip():
            header.unused.append(clean_text(cell)[:60])
    if "name" not in header.places:
        raise BadRoster(
            _(
                'The first line needs a column "name"; "school id", "sorted as", "preferred name", "pronunciation" and '
                '"e-mail" may stand beside it. Found: %(found)s'
            )
            % {"found": ", ".join(header.unused[:10]) or "-"}
        )
    return header


def _rows(lines: Iterable[tuple[int, list[str]]], header: _Header) -> Iterator[FileRow]:
    for count, (line, cells) in enumerate(lines, start=1):
        if count > MAX_ROWS:
            raise BadRoster(_("The file has more than %(n)d rows.") % {"n": MAX_ROWS})
        raw = {name: cells[place] if place < len(cells) else "" for name, place in header.places.items()}
        yield _row(line, raw)


def _row(line: int, raw: dict[str, str]) -> FileRow:
    errors: list[str] = []
    fields: dict[str, str | None] = {}
    for name in STUDENT_FIELDS:
        if name in raw:
            try:
                fields |= clean_student_fields({name: raw[name]})
            except InvalidValue as error:
                errors.append(str(error))
                fields[name] = clean_text(raw[name])[:60]
    return FileRow(line=line, fields=fields, errors=tuple(errors))


def _with_double_ids(rows: list[FileRow]) -> list[FileRow]:
    """Refuse every row whose school id stands in another row too: nobody can say which one is right."""
    lines: dict[str, list[int]] = {}
    for row in rows:
        if row.school_id:
            lines.setdefault(row.school_id, []).append(row.line)
    return [
        row
        if len(lines.get(row.school_id or "", ())) < 2
        else FileRow(
            line=row.line,
            fields=row.fields,
            errors=(
                *row.errors,
                _("The school id %(id)s stands in lines %(lines)s.")
                % {"id": row.school_id, "lines": ", ".join(map(str, lines[row.school_id or ""][:10]))},
            ),
        )
        for row in rows
    ]
