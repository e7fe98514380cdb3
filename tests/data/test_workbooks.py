"""Workbooks: every text comes back as it was and is never reckoned with; a change by anybody is seen."""

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill

from natkit.data.workbooks import add_row, edited, save

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"]), max_size=12)
RISKY = st.builds(str.__add__, st.sampled_from(["=", "+", "-", "@", "'=", "'", "#N/A"]), TEXT)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXT | RISKY | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9), min_size=1))
def test_what_is_written_is_read_back_and_is_no_formula(tmp_path_factory, values):
    file = tmp_path_factory.mktemp("book") / "a.xlsx"
    book = Workbook()
    add_row(book.active, values)
    save(book, file)
    cells = openpyxl.load_workbook(file).active[1]
    for value, cell in zip(values, cells, strict=False):  # empty ones at the end are not stored
        if isinstance(value, str):
            assert (cell.value or "") == value
        else:
            assert cell.value == pytest.approx(value)
    assert all(cell.data_type in ("s", "n") for cell in cells)
    for cell in cells:
        if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@")):
            assert cell.quotePrefix


@pytest.fixture
def file(tmp_path):
    book = Workbook()
    add_row(book.active, ["=1+1", 3, 0.5])
    save(book, tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def test_pandas_reads_the_text_and_the_numbers(file):
    row = pd.read_excel(file, header=None).iloc[0].tolist()
    assert row == ["=1+1", 3, 0.5]


def test_a_workbook_as_it_was_written_is_nobody_elses(file, tmp_path):
    assert not edited(file)
    assert not edited(tmp_path / "absent.xlsx")


CHANGES = {
    "a value": lambda sheet: sheet.cell(1, 2, 4),
    "a row": lambda sheet: sheet.append(["more"]),
    "a colour": lambda sheet: setattr(sheet["A1"], "fill", PatternFill("solid", "FFFF00")),
    "a comment": lambda sheet: setattr(sheet["A1"], "comment", Comment("see here", "Sato")),
    "a sheet": lambda sheet: sheet.parent.create_sheet("mine"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_somebody_changes_is_seen(what, file):
    """Also where the program leaves the name of the author as it is."""
    book = openpyxl.load_workbook(file)
    CHANGES[what](book.active)
    book.save(file)
    assert edited(file)


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_workbook_is_somebodys(content, tmp_path):
    (tmp_path / "a.xlsx").write_bytes(content)
    assert edited(tmp_path / "a.xlsx")


def test_a_workbook_of_an_earlier_natkit_is_ours(tmp_path):
    book = Workbook()
    book.properties.lastModifiedBy = "natkit"
    book.save(tmp_path / "a.xlsx")
    assert not edited(tmp_path / "a.xlsx")
    book.properties.lastModifiedBy = "Sato"
    book.save(tmp_path / "a.xlsx")
    assert edited(tmp_path / "a.xlsx")
