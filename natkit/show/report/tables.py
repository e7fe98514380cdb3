"""The summary as a workbook: one sheet a question, numbers as numbers, every text as text."""

from collections.abc import Iterable
from pathlib import Path

from openpyxl import Workbook

from natkit.data import workbooks
from natkit.data.workbooks import add_row, dress, edited
from natkit.facts.base import absent
from natkit.facts.numbers import Range
from natkit.facts.summary import Summary
from natkit.show.report import faults, story
from natkit.show.report.headline import numbers
from natkit.show.words import money, titles
from natkit.show.words.catalogue import Words

__all__ = ["edited", "save", "write"]

FILE = "report.xlsx"
INTERVAL = ("low", "high", "n")


def write(path: Path, facts: Summary, words: Words) -> None:
    """Write the sheets that the summary has numbers for; the first is the decision.

    Raises InputError if the summary claims what its own intervals do not show.
    """
    said = {
        "decision": _decision, "findings": _findings, "losses": _losses, "ledger": _ledger, "scores": _scores,
        "differences": _differences, "groups": _groups, "curve": _curve, "money": _money,
    }  # fmt: skip
    found = {name: rows_of(facts, words) for name, rows_of in said.items()}
    save(path, [(words(f"sheet.{name}"), *sheet) for name, sheet in found.items() if sheet])


def save(path: Path, sheets: Iterable[tuple[str, list[str], tuple, Iterable]]) -> None:
    """Write a workbook that :func:`edited` knows as ours: ``title, head, widths, rows`` of each sheet."""
    book = Workbook()
    book.remove(book.active)
    for title, head, widths, rows in sheets:
        sheet = book.create_sheet(title)
        for row in (head, *rows):
            add_row(sheet, row)
        for line in sheet.iter_rows(min_row=2):
            for cell in line:
                if isinstance(cell.value, float):
                    cell.number_format = "0.000" if abs(cell.value) < 100 else "#,##0"
        dress(sheet, widths, "A2")
    workbooks.save(book, path)


def _head(words: Words, *keys: str, **values) -> list[str]:
    return [words(f"table.{key}", **values) for key in keys]


def _number(number: Range | None) -> list:
    return [getattr(number, key, None) for key in ("value", *INTERVAL)]


def _decision(facts: Summary, words: Words) -> tuple:
    said = story.verdict(facts, words)
    rows = [(words("page.verdict"), said.decision, said.title), ("", "", said.lead)]
    rows += [(n.label, n.number, n.note) for n in numbers(facts, words)]
    rows += [(words("page.next"), "", step) for step in story.next_steps(facts, words)]
    rows += [(words("page.not_shown"), "", limit) for limit in story.limits(facts, words)]
    rows += [(words("risks.notes"), "", reason) for reason in story.reasons(facts, words)]
    code = facts.data_hash or words("provenance.unknown")
    rows.append((words("provenance.data_hash"), "", code))
    return _head(words, "name", "value", "content"), (34, 16, 100), rows


def _findings(facts: Summary, words: Words) -> tuple | None:
    data = facts.data
    if absent(data):
        return None
    ranked = sorted(data.findings, key=lambda f: story.RANK.index(f.severity))
    rows = [
        (row.severity, row.name, f.count, f.share, row.action, row.why, row.detail,
         "\n".join(f.examples))
        for row, f in zip(faults.findings(data.findings, words), ranked, strict=True)
    ]  # fmt: skip
    head = _head(
        words, "severity", "finding", "images", "share", "done", "content", "evidence", "examples"
    )
    return head, (12, 28, 10, 10, 18, 50, 50, 50), rows


def _losses(facts: Summary, words: Words) -> tuple | None:
    rows = () if absent(facts.data) else facts.data.losses
    if not rows:
        return None
    table = [
        (row.column, row.value, row.n, row.aside, *_number(row.share)[:3], row.mended, row.held)
        for row in rows
    ]  # fmt: skip
    head = _head(words, "column", "value", "images", "aside", "share", "low", "high", "mended")
    return head + _head(words, "held"), (24, 24, 10, 10, 10, 12, 12, 10, 12), table


def _ledger(facts: Summary, words: Words) -> tuple | None:
    """Every decision on an image; a summary written before it carried them has none."""
    told = None if absent(facts.data) else facts.data.ledger
    if not told or not told.rows:
        return None
    rows = [
        (row.time, row.path, words.name("rule", row.rule), words.name("action", row.action),
         row.by, row.evidence)
        for row in told.rows
    ]  # fmt: skip
    if more := told.total - len(rows):
        rows.append((words("format.and_more", n=more), "ledger.csv", "", "", "", ""))
    head = [*_head(words, "time", "image", "finding", "done", "by", "evidence")]
    return head, (26, 40, 28, 18, 16, 60), rows


def _scores(facts: Summary, words: Words) -> tuple | None:
    evidence = facts.evidence
    if absent(evidence):
        return None
    metric = titles.metric(words, evidence)
    also = list(evidence.scores[0].also)
    head = _head(words, "method", "role", "probe")
    head += [words("table.score", metric=metric), *_head(words, *INTERVAL)]
    for name in also:
        head += [words(f"table.{name}"), *_head(words, "low", "high")]
    head += [*_head(words, "val", metric=metric), *_head(words, "layer", "setting")]
    rows = []
    for s in evidence.scores:
        row = [
            words.name("name", s.name),
            words.name("role", s.role),
            words.name("probe", s.probe),
        ]
        row += _number(s.score)
        for name in also:
            row += _number(s.also.get(name))[:3]
        setting = ", ".join(f"{key} = {value:g}" for key, value in s.setting.items())
        rows.append([*row, s.val_score, s.layer, setting])
    return head, (30, 14, 18, *[14] * (len(head) - 3)), rows


def _differences(facts: Summary, words: Words) -> tuple | None:
    evidence = facts.evidence
    if absent(evidence):
        return None
    head = _head(words, "control", "probe", "difference", metric=titles.metric(words, evidence))
    head += _head(words, *INTERVAL, "reading")
    rows = [
        [words.name("name", d.control), words.name("probe", d.probe), *_number(d.score),
         words(f"reading.{titles.standing([d.score])}")]
        for d in evidence.differences
    ]  # fmt: skip
    return head, (34, 20, 24, 12, 12, 10, 20), rows


def _groups(facts: Summary, words: Words) -> tuple | None:
    evidence = facts.evidence
    if absent(evidence) or not (evidence.groups or evidence.held_out):
        return None
    head = _head(
        words,
        "evidence",
        "column",
        "value",
        "images",
        "score",
        metric=titles.metric(words, evidence),
    )
    rows: list = []
    for part in ("groups", "held_out"):
        for g in getattr(evidence, part) or ():
            score = _number(g.score)[:3]
            few = "" if g.score else words("evidence.group_too_few")
            rows.append([words(f"evidence.{part}"), g.column, g.value, g.n, *score, few])
    return head + _head(words, "low", "high", "reading"), (40, 24, 24, 10, 20, 12, 12, 20), rows


def _curve(facts: Summary, words: Words) -> tuple | None:
    curve = facts.curve
    if not curve:
        return None
    rows = [
        (words.name("name", line.name), *row)
        for line in curve.lines
        for row in zip(line.budgets, line.median, line.low, line.high, strict=True)
    ]
    return _head(words, "method", "labels", "median", "low", "high"), (34, 12, 12, 12, 12), rows


def _money(facts: Summary, words: Words) -> tuple | None:
    cost = facts.cost
    if absent(cost):
        return None
    rows: list[Iterable] = []
    if cost.prices.made_up:
        rows.append((words("cost.made_up"),))
    if not absent(cost.ways):
        for row in cost.ways:
            rows.append((words("cost.ways"), words(f"way.{row.way}"), *_number(row.cost)[:3]))
    if not absent(cost.saving):
        rows.append((words("cost.part.saving"), "", *_number(cost.saving)[:3]))
    if not absent(cost.project):
        rows += [
            (words("cost.project"), words(f"price.{kind}"), getattr(cost.project, kind).cost)
            for kind in money.COUNTS
        ]
        rows.append((words("cost.project"), words("cost.total"), cost.project.total))
    rows += [(words("cost.prices"), name, value) for name, _, value in money.given(cost, words)]
    rows += [(words("page.missing"), text) for text in money.lacking(cost, words)]
    head = _head(words, "content", "item", "amount", "low", "high")
    return [f"{head[0]} ({cost.prices.currency})", *head[1:]], (34, 40, 16, 16, 16), rows
