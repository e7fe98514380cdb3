"""Findings to a spreadsheet for those who inspect, and their decisions back into the audit."""

from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

from openpyxl import Workbook
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from data_prep.deciding.audited import Audit
from data_prep.deciding.seen import in_words
from data_prep.scanning.tables import read_table
from natkit.core.errors import InputError
from natkit.core.files import unplain, writing
from natkit.core.progress import progress
from natkit.data.images import thumbnail
from natkit.data.workbooks import add_row, dress, edited, place, save, shown

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
DONE = {  # what happens if nobody decides; in English the rule's own word
    "en": {},
    "ja": {
        **WORDS["ja"],
        "kept together": "同じ区分に固定",
        "reported": "報告のみ（要判断）",
    },
}
BESIDE = {
    "en": "{kept} was changed by somebody and stays as it is; the findings of today stand in {new}. "
    "data_prep.apply(audit, file) reads what was decided in either.",
    "ja": "{kept}は記入済みのため変更せず、今回の検出事項は{new}に書き出しました。"
    "記入内容はdata_prep.apply(audit, file)で読み込めます。",
}
SIDE = 84  # pixels of a thumbnail
PICTURES = 500  # thumbnails at most, about 4 kB each; more make a workbook slow


def to_xlsx(audit: Audit, file: str | Path, lang: str = "en") -> Path:
    """Write the findings about single images as a workbook with thumbnails, one row each.

    The column *decision* offers keep, quarantine and mend; :func:`apply` reads it back. Nothing
    that a table or a file name holds can become a formula.

    Parameters
    ----------
    file
        Written anew if it is there as natkit wrote it. What somebody has changed since is never overwritten: the
        workbook is then written beside it under the next free name (``findings-2.xlsx``), which is said.
    lang
        "en" or "ja".

    Returns
    -------
    Path of what was written.
    """
    wanted, file = Path(file), _free(Path(file))
    if file != wanted:
        print(BESIDE[lang].format(kept=wanted.name, new=file.name))
    book = Workbook()
    sheet = book.active
    sheet.title = {"en": "findings", "ja": "検出事項"}[lang]
    sheet.append(HEADINGS[lang])
    rows = list(_rows(audit, lang))
    for number, row in enumerate(progress(rows, "write the workbook", len(rows)), start=2):
        add_row(sheet, [None, *row])
        if number < PICTURES + 2 and (picture := thumbnail(audit.scan.root / row[0], SIDE)):
            place(sheet, picture, number, SIDE)
    _dress(sheet, len(rows), lang)
    sheet.column_dimensions["A"].hidden = audit.scan.signals is not None  # no pictures of these
    if len(audit.losses):
        _by_class(book, audit, lang)
    with writing(file) as part:
        save(book, part)
    return file


def _by_class(book: Workbook, audit: Audit, lang: str) -> None:
    """A second sheet: set aside by class and group with its bounds, and how many wait for a decision."""
    title, *head = LOSSES[lang]
    sheet = book.create_sheet(title)
    sheet.append(head)
    for row in audit.losses.itertuples(index=False):
        add_row(sheet, row)
    for row in sheet.iter_rows(min_row=2, min_col=5, max_col=7):
        for cell in row:
            cell.number_format = "0.0%"
    dress(sheet, (20, 24, *[14] * (len(head) - 2)), "A2")


def _free(file: Path) -> Path:
    """``file``, or the next name beside it where nothing of a person's stands."""
    names = (file.with_stem(f"{file.stem}-{n}") for n in count(2))
    return next(path for path in chain([file], names) if not edited(path))


def _rows(audit: Audit, lang: str) -> Iterator[tuple[str, ...]]:
    for finding in audit.findings:
        rule = audit.rules[finding.rule]
        details = finding.details or ({},) * len(finding.paths)
        actions = audit.actions(finding)
        for path, facts, action in zip(finding.paths, details, actions, strict=True):
            seen, done = in_words(facts, lang), DONE[lang].get(action, action)
            yield path, rule.code, rule.name[lang], rule.why[lang], seen, done, "", "", ""


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
    as_is = str if Path(file).suffix.lower() == ".xlsx" else unplain  # a CSV file has its guard
    paths = {shown(path): path for path in audit.scan.table["path"]}
    for row in decided.itertuples(index=False):
        word = str(row.decision).strip()
        if word not in codes:
            raise InputError(
                f"{file} decides {word!r} about {row.path}; a decision is one of "
                f"{', '.join(WORDS['en'].values())}. Take one of these, or leave the cell empty."
            )
        path, by, note = (as_is(str(value)) for value in (row.path, row.by, row.note))
        audit = audit.decide(codes[word], [paths.get(path, unplain(path))], row.rule, by, note)
    return audit
