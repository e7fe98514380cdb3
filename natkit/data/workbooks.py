"""Workbooks for people to fill in: how they look, that no text becomes a formula, whether one was changed."""

import hashlib
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.drawing.image import Image as Picture
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from natkit.core.files import RISKY
from natkit.data.images import png

BY = "natkit"
LONGEST = 32_000  # characters of a cell; more than Excel takes
SEAL = re.compile(rb"natkit ([0-9a-f]{64})")
ABOUT = "docProps/core.xml"  # where in a workbook its seal stands


def add_row(sheet: Worksheet, values: Iterable) -> None:
    """Add a row: numbers as numbers, every text as text, shown as it is and never reckoned with."""
    sheet.append([_cell(sheet, value) for value in values])


def _cell(sheet: Worksheet, value) -> Cell:
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    cell = WriteOnlyCell(sheet, shown(value) or None)
    if value:
        cell.data_type = "s"  # a text that begins with = would be a formula
        cell.quotePrefix = value.startswith(
            RISKY
        )  # and would become one when somebody edits the cell
    return cell


def shown(text: str) -> str:
    """``text`` as a cell holds it: what no workbook takes is a box."""
    text = ILLEGAL_CHARACTERS_RE.sub("□", text)
    return "".join(c if c not in "\ufffe\uffff" else "□" for c in text)[:LONGEST]


def save(book: Workbook, path: Path) -> None:
    """Write a workbook with a seal, by which :func:`edited` knows that nobody has changed it since."""
    about = book.properties
    about.title, about.creator, about.lastModifiedBy = BY, BY, BY
    about.created = datetime(2000, 1, 1)
    about.description = f"{BY} {'0' * 64}"
    book.save(path)
    with zipfile.ZipFile(path) as written:
        parts = {part: written.read(part) for part in written.namelist()}
    digest = _digest(parts).encode()
    parts[ABOUT] = SEAL.sub(BY.encode() + b" " + digest, parts[ABOUT])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as sealed:
        for part, content in parts.items():
            sealed.writestr(part, content)


def edited(path: Path) -> bool:
    """Whether a workbook is there that somebody else has saved, or that is none.

    One without a seal, of an earlier natkit, counts as ours as long as it names nobody else.
    """
    if not path.exists():
        return False
    try:
        with zipfile.ZipFile(path) as book:
            parts = {part: book.read(part) for part in book.namelist()}
        if f"lastModifiedBy>{BY}<".encode() not in parts[ABOUT]:
            return True
        found = SEAL.search(parts[ABOUT])
        return found is not None and found[1].decode() != _digest(parts)
    except Exception:  # whatever a broken file raises
        return True


def _digest(parts: dict[str, bytes]) -> str:
    """Of all that a workbook holds, but for the part that the seal stands in."""
    digest = hashlib.sha256()
    for part in sorted(set(parts) - {ABOUT}):
        digest.update(part.encode() + b"\0" + hashlib.sha256(parts[part]).digest())
    return digest.hexdigest()


def place(sheet: Worksheet, picture: Image.Image | None, number: int, side: int) -> None:
    """Make a row ``side`` pixels high, and put the picture into its first cell if there is one."""
    if picture is not None:
        sheet.add_image(Picture(png(picture)), f"A{number}")
    sheet.row_dimensions[number].height = side * 0.78


def dress(sheet: Worksheet, widths: Sequence[float], freeze: str) -> None:
    """Widths of the columns (characters), a bold head, wrapped text; what is before cell ``freeze`` stays in sight."""
    for number, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for row in sheet.iter_rows(min_row=2):
        for cell in row:
            cell.alignment = Alignment(vertical="top", wrap_text=True)
    sheet.freeze_panes = freeze
