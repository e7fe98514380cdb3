"""Findings to a spreadsheet for those who inspect, and their decisions back into the audit."""

import json
from collections.abc import Iterator
from pathlib import Path

from openpyxl import Workbook
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from data_prep.auditing import Audit
from data_prep.tables import read_table
from natkit.errors import InputError
from natkit.files import plain, unplain, writing
from natkit.images import thumbnail
from natkit.progress import progress
from natkit.workbooks import dress, place, shown

COLUMNS = ("picture", "path", "rule", "name", "why", "evidence", "action", "decision", "by", "note")
HEADINGS = {
    "en": COLUMNS,
    "ja": ("画像", "パス", "ルール", "検出事項", "理由", "根拠", "処置", "判断", "担当者", "メモ"),
}
WIDTHS = (13, 34, 16, 22, 44, 30, 14, 14, 14, 30)
WORDS = {
    "en": {"kept": "keep", "quarantined": "quarantine", "mended": "mend"},
    "ja": {"kept": "残す", "quarantined": "隔離", "mended": "修復"},
}
LOSSES = {  # the second sheet: what cleaning takes from each class and group
    "en": ("by class", "column", "value", "images", "set aside", "share", "low (95%)", "high (95%)", "mended",
           "held back for you"),
    "ja": ("クラス別", "列", "値", "枚数", "隔離", "割合", "下限（95%）", "上限（95%）", "修復", "保留（要判断）"),
}  # fmt: skip
SIDE = 84  # pixels of a thumbnail
PICTURES = 500  # thumbnails at most, about 4 kB each; more make a workbook slow


def to_xlsx(audit: Audit, file: str | Path, lang: str = "en") -> Path:
    """Write the findings about single images as a workbook with thumbnails, one row each.

    The column *decision* offers keep, quarantine and mend; :func:`apply` reads it back. Nothing
    that a table or a file name holds can become a formula.

    Parameters
    ----------
    file
        Must not exist: what an inspector has filled in is never overwritten.
    lang
        "en" or "ja".

    Raises
    ------
    InputError
        If the file exists.
    """
    file = Path(file)
    if file.exists():
        raise InputError(
            f"{file} exists, and somebody may have filled it in. Give another name, or move it away."
        )
    book = Workbook()
    sheet = book.active
    sheet.title = {"en": "findings", "ja": "検出事項"}[lang]
    sheet.append(HEADINGS[lang])
    rows = list(_rows(audit, lang))
    for number, row in enumerate(progress(rows, "write the workbook", len(rows)), start=2):
        sheet.append([None, *(shown(plain(cell)) for cell in row)])
        if number < PICTURES + 2 and (picture := thumbnail(audit.scan.root / row[0], SIDE)):
            place(sheet, picture, number, SIDE)
    _dress(sheet, len(rows), lang)
    sheet.column_dimensions["A"].hidden = audit.scan.signals is not None  # no pictures of these
    if len(audit.losses):
        _by_class(book, audit, lang)
    with writing(file) as part:
        book.save(part)
    return file


def _by_class(book: Workbook, audit: Audit, lang: str) -> None:
    """A second sheet: set aside by class and group with its bounds, and how many wait for a decision."""
    title, *head = LOSSES[lang]
    sheet = book.create_sheet(title)
    sheet.append(head)
    for column, value, *numbers in audit.losses.itertuples(index=False):
        sheet.append([plain(column), plain(value), *numbers])
    for row in sheet.iter_rows(min_row=2, min_col=5, max_col=7):
        for cell in row:
            cell.number_format = "0.0%"
    dress(sheet, (20, 24, *[14] * (len(head) - 2)), "A2")


def _rows(audit: Audit, lang: str) -> Iterator[tuple[str, ...]]:
    for finding in audit.findings:
        rule = audit.rules[finding.rule]
        details = finding.details or ({},) * len(finding.paths)
        actions = audit.actions(finding)
        for path, facts, action in zip(finding.paths, details, actions, strict=True):
            evidence = json.dumps(facts, ensure_ascii=False)
            yield path, rule.code, rule.name[lang], rule.why[lang], evidence, action, "", "", ""


def _dress(sheet: Worksheet, n: int, lang: str) -> None:
    dress(sheet, WIDTHS, "C2")
    if n:
        choice = DataValidation("list", formula1=f'"{",".join(WORDS[lang].values())}"')
        sheet.add_data_validation(choice)
        choice.add(f"H2:H{n + 1}")


def apply(audit: Audit, file: str | Path) -> Audit:
    """A new audit with the decisions that people filled into a workbook (or a CSV of the same columns).

    Raises
    ------
    InputError
        If the file lacks the columns path, rule and decision (or their Japanese names), names what
        the audit did not find, or holds a decision that is none of those offered.
    """
    table = read_table(file, may_be_empty=True)
    table = table.rename(columns=dict(zip(HEADINGS["ja"], COLUMNS, strict=True)))
    missing = [c for c in ("path", "rule", "decision") if c not in table.columns]
    if missing:
        raise InputError(
            f"{file} lacks the columns {', '.join(missing)}; it has {', '.join(table.columns)}. "
            "Fill in a workbook that to_xlsx() wrote."
        )
    codes = {word: code for words in WORDS.values() for code, word in words.items()}
    codes |= {code: code for code in WORDS["en"]}
    for column in ("by", "note"):
        table[column] = table[column].astype(object).fillna("") if column in table else ""
    decided = table[table["decision"].notna()]
    for row in decided.itertuples(index=False):
        word = str(row.decision).strip()
        if word not in codes:
            raise InputError(
                f"{file} decides {word!r} about {row.path}; a decision is one of "
                f"{', '.join(WORDS['en'].values())}. Take one of these, or leave the cell empty."
            )
        by, note = unplain(str(row.by)), unplain(str(row.note))
        audit = audit.decide(codes[word], [unplain(str(row.path))], row.rule, by, note)
    return audit
