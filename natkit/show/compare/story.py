"""What a comparison of runs says: sentences and table cells, chosen by its numbers alone."""

from collections.abc import Callable
from functools import partial

from natkit.facts.base import Absent, absent
from natkit.facts.map import Measure
from natkit.facts.numbers import Range
from natkit.facts.runs import (
    MONEY,
    Comparison,
    Differs,
    Images,
    Kind,
    Lone,
    Moved,
    Movement,
    Pair,
    Side,
)
from natkit.facts.verdict import Verdict
from natkit.show.blocks.across import rungs
from natkit.show.report.story import names
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, quoted, shorten

MOVED = (Movement.BETTER, Movement.WORSE)
MEASURES = tuple(Measure)


def run(name: str, words: Words) -> str:
    """A run's name as readers see it."""
    return quoted(words, name, 36)


def deciding(facts: Comparison) -> list[tuple[str, Moved]]:
    """Name and row of our score, of every run that was compared."""
    return [(pair.name, pair.ours) for pair in facts.pairs if pair.ours]


def mark(facts: Comparison) -> Movement:
    """The standing of the whole: the worst of those that moved, or else "alone" or "none"."""
    told = {row.standing for _, row in deciding(facts)}
    gravest = (Movement.WORSE, Movement.BETTER, Movement.ALONE)
    return next((standing for standing in gravest if standing in told), Movement.NONE)


def title(facts: Comparison, words: Words) -> str:
    """What moved, in one sentence."""
    found = deciding(facts)
    if not found:
        return words("runs.title.apart", n=len(facts.runs))
    evidence = facts.first.facts.evidence
    asked = {"metric": metric(words, evidence), "label": quoted(words, evidence.label, 24)}
    if len(found) == 1:
        row = found[0][1]
        ends = {"before": words.score(row.before.value), "after": words.score(row.after.value)}
        return words(f"runs.title.{row.standing}", **asked, **ends)
    moved = sum(row.standing in MOVED for _, row in found)
    asked |= {"first": run(facts.first.name, words), "n": len(found)}
    if not any(row.standing is not Movement.NONE for _, row in found):
        return words("runs.title.several_none", **asked)
    return words("runs.title.several", moved=moved, **asked)


def lead(facts: Comparison, words: Words) -> list[str]:
    """The difference, what else moved, what could not be compared, and the verdicts."""
    first, found = run(facts.first.name, words), deciding(facts)
    said = []
    if len(found) == 1:
        said.append(_difference(*found[0], facts, words))
    for standing in Movement if len(found) > 1 else ():
        if hit := [run(name, words) for name, row in found if row.standing is standing]:
            said.append(words(f"runs.lead.{standing}", names=names(hit, words)))
    said += _images(facts, words)
    if facts.others:
        said.append(_others(facts, words))
    if apart := [run(pair.name, words) for pair in facts.pairs if pair.why]:
        said.append(words("runs.lead.uncompared", first=first, names=names(apart, words)))
    if len(facts.runs) <= 3:  # of more, the table tells it
        said.append(_verdicts(facts, words))
    return said


def _difference(name: str, row: Moved, facts: Comparison, words: Words) -> str:
    first = facts.first
    new = next(each for each in facts.runs if each.name == name)
    return words(
        "runs.lead.difference",
        before=run(first.name, words),
        after=run(name, words),
        gap=words.with_interval(row.difference, signed=True),
        old=first.facts.evidence.n_test,
        new=new.facts.evidence.n_test,
    )


def _others(facts: Comparison, words: Words) -> str:
    rows = [row for pair in facts.pairs for row in pair.rows if row.kind is not Kind.OURS]
    moved = [row for row in rows if row.standing in MOVED]
    if not moved:
        return words("runs.lead.others_none", m=len(rows))
    if len(facts.pairs) > 1:
        return words("runs.lead.others_many", m=len(rows), k=len(moved))
    told = [f"{words(f'runs.mark.{r.standing}')} {name_of(r, facts, words)}" for r in moved]
    said = words("format.join").join(told)
    return words("runs.lead.others", m=len(rows), k=len(moved), names=said)


def _images(facts: Comparison, words: Words) -> list[str]:
    return [words(f"runs.lead.{kind}") for kind in Images if kind in facts.compared_images]


def _verdicts(facts: Comparison, words: Words) -> str:
    said = [
        words("format.colon", name=run(r.name, words), text=_decision(r.facts.verdict, words))
        for r in facts.runs
    ]
    return words("runs.lead.verdict", verdicts=words("format.join").join(said))


def _decision(verdict: Verdict | Absent, words: Words) -> str:
    if absent(verdict):
        return words("absent.section.verdict").rstrip(".。")
    sign = words(f"verdict.{verdict.ground}.mark")
    return f"{sign} {words.name('decision', verdict.decision)}"


def name_of(row: Moved | Lone, facts: Comparison, words: Words) -> str:
    """What a compared number is called."""
    told = {} if row.kind in MONEY else {
        "metric": metric(words, facts.first.facts.evidence)
    }  # fmt: skip
    name = row.name if row.kind is Kind.GROUP else words.name("name", row.name)
    return words(f"runs.kind.{row.kind}", name=shorten(name, 40), **told)


def number(row: Moved, part: str, facts: Comparison, words: Words) -> tuple[str, str]:
    """``before``, ``after`` or ``difference`` of a row and its interval, as its kind is written."""
    signed, kind = part == "difference", row.kind
    if kind is Kind.COST:
        form = partial(words.money, currency=facts.first.facts.cost.prices.currency)
        form = partial(_signed, form) if signed else form
    elif kind in MONEY:
        form = partial(_points, words=words) if signed else words.rate
    else:
        form = words.signed if signed or kind is Kind.LEAD else words.score
    return ranged(getattr(row, part), form, words)


def ranged(number: Range, form: Callable[[float], str], words: Words) -> tuple[str, str]:
    """The value and ``low to high``, each written by ``form``."""
    low, value, high = map(form, (number.low, number.value, number.high))
    return value, words("format.interval", low=low, high=high)


def _points(share: float, words: Words) -> str:
    return words("runs.points", value=f"{100 * share:+.1f}".replace("-", "−"))


def _signed(form: Callable[[float], str], value: float) -> str:
    return f"+{form(value)}" if value > 0 else form(value)


def pairs(facts: Comparison, words: Words) -> list[dict]:
    """A section for each later run: ``title, before, after, rows, why, notes``, all text."""
    first, found = facts.first.name, []
    for pair in facts.pairs:
        before, after = run(first, words), run(pair.name, words)
        rows = [
            {
                "name": name_of(row, facts, words),
                **{part: number(row, part, facts, words) for part in ("before", "after", "difference")},
                "standing": words(f"runs.standing.{row.standing}"),
                "moved": row.standing in MOVED,
            }
            for row in pair.rows
        ]  # fmt: skip
        found.append({
            "title": words("runs.against", before=shorten(first, 36), after=shorten(pair.name, 36)),
            "before": before, "after": after, "rows": rows, "notes": _notes(pair, facts, words),
            "why": [_why(reason, (before, after), words) for reason in pair.why],
        })  # fmt: skip
    return found


def _why(reason: Differs, both: tuple[str, str], words: Words) -> str:
    code, ends = reason.name, (reason.before, reason.after)
    if code == "no_scores":
        told = [
            words("format.colon", name=name, text=words(f"absent.code.{end}"))
            for name, end in zip(both, ends, strict=True)
            if end
        ]
        return words("runs.why.no_scores", reasons=words("format.space").join(told))
    if code == "metric":
        ends = [words(f"metric.{end}") for end in ends]
    elif code == "classes":
        ends = [names(end, words) for end in ends]
    elif code == "label":
        ends = [quoted(words, end) for end in ends]
    return words(f"runs.why.{code}", before=ends[0], after=ends[1])


def _notes(pair: Pair, facts: Comparison, words: Words) -> list[str]:
    said = []
    for side, name in ((Side.BEFORE, facts.first.name), (Side.AFTER, pair.name)):
        if rows := [row for row in pair.alone if row.run is side]:
            lacking = words("format.join").join(name_of(row, facts, words) for row in rows)
            said.append(words("runs.alone", run=shorten(name, 36), names=lacking))
    if pair.money == "prices":
        said.append(words("runs.money.prices"))
    elif pair.money:
        said.append(words("runs.money.absent", why=words(f"absent.code.{pair.money}")))
    if pair.settings:
        told = [
            words("runs.setting", name=shorten(row.name, 30),
                  before=_value(row.before, words), after=_value(row.after, words))
            for row in pair.settings
        ]  # fmt: skip
        said.append(words("runs.settings", settings=words("format.join").join(told)))
    return said


def _value(value: object, words: Words) -> str:
    return words("runs.unset") if value is None else shorten(value, 40)


def rules(facts: Comparison, words: Words) -> list[str]:
    """How it was compared, and what that does not show."""
    kinds, said = facts.compared_images, []
    if kinds:
        counts = {"deciding": facts.deciding, "others": facts.others}
        expected = words.amount(facts.expected)
        said = [words("runs.rule.interval"), words("runs.rule.holm", expected=expected, **counts)]
        said += [words(f"runs.rule.{kind}") for kind in Images if kind in kinds]
        said.append(words("runs.rule.none"))
    scored = [each for each in facts.runs if not absent(each.facts.evidence)]
    once = [each.name for each in scored if len(rungs(each)[0].trainings) == 1]
    if once:
        said.append(words("runs.rule.one_training", names=names([run(n, words) for n in once], words)))  # fmt: skip
    if any(row.kind is Kind.MISSED for pair in facts.pairs for row in pair.rows):
        said.append(words("runs.rule.trade"))
    return [*said, words("runs.rule.bare"), words("runs.rule.pooled")]
