"""What the report says of the findings: what was seen, what was done, what is left, what they may hide."""

from collections.abc import Sequence
from dataclasses import dataclass

from natkit.facts.base import Absent, absent
from natkit.facts.data import Action, Data, Finding
from natkit.facts.numbers import Range
from natkit.show.report.story import RANK, group, names
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import quoted, shorten, source

DEALT_WITH = (Action.QUARANTINED, Action.MENDED, Action.KEPT_TOGETHER)


@dataclass(frozen=True)
class Row:
    """A finding as a table says it, all text."""

    mark: str
    severity: str
    name: str
    why: str
    count: str
    share: str
    action: str
    detail: str
    examples: list[str]


def findings(found: Sequence[Finding], words: Words) -> list[Row]:
    """Rows of the table of findings, problems first."""
    ranked = sorted(found, key=lambda f: RANK.index(f.severity))
    return [
        Row(
            mark=words(f"severity.{f.severity}.mark"),
            severity=words.name("severity", f.severity),
            name=words.name("rule", f.rule),
            why=words.fits(f"rule.{f.rule}.why") or "",
            count=words("data.whole_set") if f.whole else f"{f.count:,}",
            share="" if f.whole else words.percent(f.share),
            action=words.name("action", f.action),
            detail=_detail(f, words),
            examples=[shorten(path, 60) for path in f.examples[:3]],
        )
        for f in ranked
    ]


def _detail(finding: Finding, words: Words) -> str:
    values = {}
    for key, value in finding.evidence.items():
        if key == "reasons":
            parts = [(_reason(words, reason), f"{n:,}") for reason, n in value.items()]
            said = [words("format.colon", name=a, text=b) for a, b in parts]
            value = words("format.join").join(said)
        elif key == "cleaning":
            name = "data.all_rules" if value == "all_rules" else f"rule.{value}.name"
            value = quoted(words, words(name) if name in words else value)
        elif isinstance(value, dict) and key in ("share", "others"):
            value = shared(Range.of(value), words)
        elif isinstance(value, dict):
            value = words.with_interval(Range.of(value)) if "value" in value else ""
        elif isinstance(value, float):
            value = f"{value:.1f}"
        elif isinstance(value, str):
            known = f"statistic.{value}" in words and key in ("most", "from")
            value = words(f"statistic.{value}") if known else quoted(words, value)
        values[key] = value
    values["source"] = source(words, finding.evidence)
    return words.fits(f"rule.{finding.rule}.detail", **values) or ""


def _reason(words: Words, reason: str) -> str:
    """A status, with the name of what it speaks of, such as "other_format HEIC"; an unknown one as it is."""
    code, _, kind = reason.partition(" ")
    return words.fits(f"status.{code}", kind=shorten(kind, 30)) or shorten(reason, 30)


def shared(number: Range, words: Words) -> str:
    """A share with its interval, in percent."""
    value, low, high = map(words.percent, (number.value, number.low, number.high))
    interval = words("format.interval", low=low, high=high)
    return words("format.with_interval", value=value, interval=interval)


def losses(data: Data, words: Words) -> list[dict]:
    """Rows of what cleaning takes from each class and group; none if it takes nothing."""
    rows = data.losses
    if not any(row.aside or row.mended or row.held for row in rows):
        return []
    return [vars(row) | {"name": group(row), "share": shared(row.share, words)} for row in rows]


def dealt_with(data: Data, words: Words) -> str:
    """Which findings were mended and which are left to the reader."""
    sides: dict[bool, list[str]] = {True: [], False: []}
    for f in data.findings:
        name = words.name("rule", f.rule)
        side = sides[f.action not in DEALT_WITH]
        if name not in side:
            side.append(name)
    mended, left = (names(sides[key], words) or "–" for key in (False, True))
    return words("data.done", mended=mended, left=left)


def hidden(data: Data | Absent, words: Words) -> list[str]:
    """What may make scores look better than they are: findings on the data set as a whole."""
    if absent(data):
        return []
    rules = ("shortcut", "group_imbalance", "class_imbalance")
    rows = [f for f in data.findings if f.rule in rules]
    said = [(words.name("rule", f.rule), _detail(f, words)) for f in rows]
    return [words("format.colon", name=name, text=text) if text else name for name, text in said]
