"""The first sheet of an Excel workbook as lines of text, read without trusting it.

A workbook is a zip of XML: its unpacked size is limited before anything is unpacked, and defusedxml, which openpyxl
uses where it is installed, refuses entities.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import Any, Final

import openpyxl
from django.utils.translation import gettext as _

from attendance.services.errors import BadRoster

MAX_UNPACKED_BYTES: Final = 50 * 1024 * 1024
MAX_PARTS: Final = 500
MAX_COLUMNS: Final = 60
LONGEST_CELL: Final = 32_767
"""Excel's own limit; a cell of 40 MB, which zips to a few kilobytes, would keep a web thread busy for minutes."""

if not openpyxl.DEFUSEDXML:
    raise ImportError("defusedxml must be installed beside openpyxl: workbooks come from strangers.")


def xlsx_lines(data: bytes, *, max_rows: int) -> Iterator[tuple[int, list[str]]]:
    """Give the cells of each line that is not empty, with its number.

    Args:
        data: the workbook.
        max_rows: lines to look at; the rest is not read.

    Raises:
        BadRoster: no workbook, a broken one, or one that unpacks to too much.
    """
    _refuse_bomb(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own size is not to be believed
        rows = sheet.iter_rows(max_row=max_rows, max_col=MAX_COLUMNS, values_only=True)
        for line, values in enumerate(rows, start=1):
            cells = [_text(value) for value in values]
            if any(cell.strip() for cell in cells):
                yield line, cells
    except Exception as error:  # a broken workbook raises whatever its parsers happen to trip over
        raise BadRoster(_("This workbook cannot be read. Save it again as .xlsx, or as CSV.")) from error


def _refuse_bomb(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise BadRoster(_("This workbook cannot be read. Save it again as .xlsx, or as CSV.")) from error
    # zipfile never unpacks more of a part than its header states
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise BadRoster(_("This workbook is too large when unpacked. Save the roster alone as CSV."))


def _text(value: Any) -> str:
    """Put a cell into text; a school id that Excel keeps as the number 7.0 is 7."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = str(value)
    if len(text) > LONGEST_CELL:
        raise ValueError("A cell is longer than Excel's own cells can be.")
    return text
