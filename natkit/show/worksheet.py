"""Images to label on a sheet for those who inspect, and what they filled in back into the prepared folder."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.worksheet.datavalidation import DataValidation

from natkit.core.errors import InputError
from natkit.core.files import plain, unplain, writing
from natkit.data.images import ImageSet, thumbnail
from natkit.data.workbooks import add_row, dress, place, save, shown
from natkit.look.association import text
from natkit.show.words.catalogue import LANGUAGES, words

COLUMNS = {  # key of the heading: width
    "picture": 16, "id": 8, "file": 34, "why": 26, "guess": 12,
    "label": 14, "tag": 18, "set_aside": 12, "by": 14,
}  # fmt: skip
FILLED = ("label", "tag", "set_aside", "by")
SIDE, CHOICES = 96, 12  # pixels of a picture; most labels that are offered


def to_sheet(
    images: ImageSet,
    ids: Sequence[int] | pd.DataFrame,
    file: str | Path,
    lang: str = "en",
) -> Path:
    """Write images as ``.xlsx`` with thumbnails, or as ``.csv``; the last four columns are to be filled in.

    Parameters
    ----------
    ids
        Which images; or what :func:`natkit.look.suggest.label_next` gave, with its reasons.
    file
        Must not exist: what somebody has filled in is never overwritten.
    lang
        "en" or "ja".

    Raises
    ------
    InputError
        If the file exists, has another ending, or an image is not there.
    """
    file = Path(file)
    if file.suffix.lower() not in (".xlsx", ".csv"):
        raise InputError(f"{file.name} is no .xlsx or .csv. Give one of these endings.")
    if file.exists():
        raise InputError(
            f"{file} exists, and somebody may have filled it in. Give another name, or move it away."
        )
    if not isinstance(ids, pd.DataFrame):
        ids = pd.DataFrame(
            {"id": list(ids), "uncertainty": None, "guess": None, "stands_for": None}
        )
    rows = _rows(images, ids, lang)
    headings = [_heading(key, lang) for key in COLUMNS]
    with writing(file) as part:
        if file.suffix.lower() == ".csv":
            table = pd.DataFrame(rows, columns=headings).drop(columns=headings[0])
            table = table.map(lambda cell: plain(cell) if isinstance(cell, str) else cell)
            table.to_csv(
                part, index=False, encoding="utf-8-sig"
            )  # so that Excel reads the Japanese
        else:
            save(_book(images, rows, headings, lang), part)
    return file


def known_labels(images: ImageSet) -> list[str]:
    """The labels that there are, as text; empty if they are more than a person chooses from."""
    column = images.prepared.info["label"]
    found = [] if column is None else sorted({text(v) for v in images.table[column].dropna()})
    return found if len(found) <= CHOICES else []


def from_sheet(images: ImageSet, file: str | Path) -> ImageSet:
    """Keep what people filled into a sheet; what is empty says nothing.

    Returns
    -------
    ImageSet
        The prepared folder, read again.

    Raises
    ------
    InputError
        If the file is none of ours, names an image that is not there, or a label that can't be one; then
        nothing of it is kept.
    """
    file = Path(file)
    try:
        read = pd.read_csv if file.suffix.lower() == ".csv" else pd.read_excel
        table = read(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} can't be read ({error}). Give a sheet that to_sheet() wrote."
        ) from error
    known = {_heading(key, lang): key for lang in LANGUAGES for key in COLUMNS}
    table = table.rename(columns=known)
    missing = [key for key in ("id", *FILLED) if key not in table.columns]
    if missing:
        raise InputError(
            f"{file} lacks the columns {', '.join(missing)}; it has {', '.join(map(str, table.columns))}. "
            "Fill in a sheet that to_sheet() wrote."
        )
    bad = table.loc[~table["id"].str.fullmatch(r"\d+"), "id"]
    if len(bad):
        raise InputError(
            f"{file} has the id {bad.iloc[0]!r}; ids are numbers. Leave the column as it was."
        )
    if file.suffix.lower() == ".csv":  # which has its guard
        table = table.map(unplain)
    said = [_said(row, file) for row in table.to_dict("records")]
    return images.mark_all([one for one in said if one])


def _said(row: dict, file: Path) -> dict:
    """What one row says: arguments of ``ImageSet.mark``; empty if nothing."""
    out: dict = {}
    for key in ("label", "tag"):
        if value := row[key].strip():
            out[key] = value
    if (mark := row["set_aside"].strip()) != "":
        yes = {words(lang)("lab.yes") for lang in LANGUAGES} | {"True", "1"}
        if mark not in yes:
            raise InputError(
                f"{file} says {mark!r} in the column set aside of image {row['id']}; it takes "
                f"{words('en')('lab.yes')}, or nothing."
            )
        out["set_aside"] = True
    return out | {"ids": [int(row["id"])], "by": row["by"]} if out else {}


def _heading(key: str, lang: str) -> str:
    return words(lang)(f"lab.column_{key}" if key in FILLED else f"lab.{key}")


def _rows(images: ImageSet, ids: pd.DataFrame, lang: str) -> list[list]:
    vocabulary, table = words(lang), images.table.set_index("id")
    lost = [i for i in ids["id"] if i not in table.index]
    if lost:
        raise InputError(
            f"There is no image with the id {lost[0]}. Take ids of this prepared folder."
        )
    rows = []
    for row in ids.itertuples(index=False):
        why = guess = ""
        if not pd.isna(row.uncertainty):
            share, guess = vocabulary.percent(float(row.uncertainty)), str(row.guess)
            why = vocabulary("lab.uncertain", share=share, guess=guess)
        elif not pd.isna(row.stands_for):
            why = vocabulary("lab.stands_for", n=int(row.stands_for))
        rows.append(["", int(row.id), table.at[row.id, "path"], why, guess, "", "", "", ""])
    return rows


def _book(images: ImageSet, rows: list[list], headings: list[str], lang: str) -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.append(headings)
    paths = images.table.set_index("id")["path"]
    for number, row in enumerate(rows, start=2):
        add_row(sheet, row)
        place(sheet, thumbnail(images.prepared.file(paths[row[1]]), SIDE), number, SIDE)
    dress(sheet, list(COLUMNS.values()), "D2")
    _offer(sheet, "F", known_labels(images), len(rows))
    _offer(sheet, "H", [words(lang)("lab.yes")], len(rows))
    return book


def _offer(sheet, letter: str, choices: list[str], n: int) -> None:
    """A list to choose from; what a list in a cell can't hold is typed."""
    line = ",".join(map(shown, choices))
    if (
        n
        and choices
        and len(line) < 250
        and '"' not in line
        and line.count(",") == len(choices) - 1
    ):
        choice = DataValidation("list", formula1=f'"{line}"', allow_blank=True)
        choice.errorStyle = "warning"  # a new label is allowed
        sheet.add_data_validation(choice)
        choice.add(f"{letter}2:{letter}{n + 1}")
