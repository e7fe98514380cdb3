"""How the workbooks look that inspectors fill in: pictures in the first column, a bold head that stays in sight."""

from collections.abc import Sequence

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.drawing.image import Image as Picture
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from natkit.images import png


def shown(cell: object) -> object:
    """What a cell can hold: text without the control characters that a workbook refuses."""
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", cell) if isinstance(cell, str) else cell


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
