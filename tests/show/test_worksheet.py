"""Laws of the sheet: what is filled in counts, what is empty says nothing, what is wrong leaves nothing behind."""

import shutil

import openpyxl
import pandas as pd
import pytest

import natkit
from natkit.core.errors import InputError
from natkit.show.worksheet import COLUMNS, from_sheet, to_sheet

both = pytest.mark.parametrize("lang", ["en", "ja"])
LABEL, TAG, ASIDE, BY = 6, 7, 8, 9  # columns of the sheet


@pytest.fixture
def images(prepared_line, tmp_path):
    shutil.copytree(prepared_line, tmp_path / "all")
    return natkit.load(tmp_path / "all" / "prepared")


def suggested(images):
    rows = [(int(images.ids[4]), 0.83, "1", 9), (int(images.ids[2]), 0.5, "=0", 4)]
    return pd.DataFrame(rows, columns=["id", "uncertainty", "guess", "stands_for"])


@both
def test_there_and_back(images, tmp_path, lang):
    file = to_sheet(images, suggested(images), tmp_path / "next.xlsx", lang)
    book = openpyxl.load_workbook(file)
    sheet = book.active
    assert sheet.max_row == 3
    assert len(sheet._images) == 2
    assert sheet.cell(2, 2).value == images.ids[4]
    assert "83" in sheet.cell(2, 4).value
    assert (sheet.cell(3, 5).value, sheet.cell(3, 5).data_type) == ("=0", "s")
    sheet.cell(2, LABEL).value, sheet.cell(2, BY).value = 1, "佐藤"
    sheet.cell(3, TAG).value, sheet.cell(3, ASIDE).value = (
        "scratch?",
        {"en": "yes", "ja": "はい"}[lang],
    )
    book.save(file)
    rows = from_sheet(images, file).table.set_index("id")
    assert rows.at[images.ids[4], "defect"] == 1
    assert rows.at[images.ids[2], "tag_by_eye"] == "scratch?"
    assert rows.at[images.ids[2], "set_aside_by_eye"]
    before = images.table.set_index("id")["defect"]
    assert rows["defect"].drop(images.ids[4]).equals(before.drop(images.ids[4]))
    assert natkit.load(images.prepared.folder).prepared.ledger["by"].iloc[-3] == "佐藤"


@both
def test_the_same_as_csv(images, tmp_path, lang):
    file = to_sheet(images, images.ids[:3].tolist(), tmp_path / "next.csv", lang)
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert len(table.columns) == len(COLUMNS) - 1
    table.iloc[1, LABEL - 2], table.iloc[2, TAG - 2] = "0", "'=x"  # as natkit writes a formula
    table.to_csv(file, index=False)
    after = from_sheet(images, file)
    assert after.table.set_index("id").at[images.ids[1], "defect"] == 0
    assert (after.prepared.ledger["rule"] == "label").sum() == 1
    assert after.table.set_index("id").at[images.ids[2], "tag_by_eye"] == "=x"


def test_an_empty_sheet_says_nothing(images, tmp_path):
    ledger = images.prepared.ledger
    file = to_sheet(images, suggested(images), tmp_path / "next.xlsx")
    assert from_sheet(images, file).prepared.ledger.equals(ledger)


def test_a_list_offers_the_labels(images, tmp_path):
    book = openpyxl.load_workbook(to_sheet(images, suggested(images), tmp_path / "next.xlsx"))
    offered = {str(v.sqref): v.formula1 for v in book.active.data_validations.dataValidation}
    assert offered == {"F2:F3": '"0,1"', "H2:H3": '"yes"'}


def test_one_wrong_row_leaves_nothing_behind(images, tmp_path):
    ledger = (images.prepared.folder / "ledger.csv").read_bytes()
    file = to_sheet(images, images.ids[:3].tolist(), tmp_path / "next.csv")
    for column, value, match in (
        ("label", "bad", "'defect' holds 0, 1"),
        ("id", "99999", "no image with the id 99999"),
        ("id", "x", "ids are numbers"),
        ("set aside", "perhaps", "says 'perhaps' in the column set aside"),
    ):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.loc[0, "label"] = "1"
        table.loc[2, "label"] = "1"
        table.loc[2, column] = value
        table.to_csv(tmp_path / "wrong.csv", index=False)
        with pytest.raises(InputError, match=match):
            from_sheet(images, tmp_path / "wrong.csv")
        assert (images.prepared.folder / "ledger.csv").read_bytes() == ledger


def test_bad_input_is_named(images, tmp_path):
    file = to_sheet(images, [int(images.ids[0])], tmp_path / "next.csv")
    with pytest.raises(InputError, match="somebody may have filled it in"):
        to_sheet(images, [0], file)
    with pytest.raises(InputError, match="no .xlsx or .csv"):
        to_sheet(images, [0], tmp_path / "next.pdf")
    with pytest.raises(InputError, match="no image with the id 4242"):
        to_sheet(images, [4242], tmp_path / "other.csv")
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(
        InputError, match="lacks the columns id, label, tag, set_aside, by; it has x, y"
    ):
        from_sheet(images, tmp_path / "a.csv")
    (tmp_path / "a.xlsx").write_text("no workbook")
    with pytest.raises(InputError, match="can't be read"):
        from_sheet(images, tmp_path / "a.xlsx")
