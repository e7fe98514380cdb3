"""Several runs in one: what each says of itself, and what has moved against the first.

Only summaries are read. Numbers with an interval are compared; counts, times, the map's honesty and the
payback have none, and are shown side by side.
"""

from collections.abc import Mapping
from dataclasses import replace

from natkit.core.errors import InputError
from natkit.core.stats import holm
from natkit.evidence.summary import check
from natkit.facts.base import Absent, absent
from natkit.facts.cost import Cost
from natkit.facts.evidence import EvidenceFacts
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
    Run,
    Side,
)
from natkit.facts.summary import Summary
from natkit.facts.training import Training
from natkit.runs.moved import ALPHA, chance, difference
from natkit.runs.read import numbers


def contrast(summaries: Mapping[str, dict], same_line: bool = False) -> Comparison:
    """Compare every run with the first.

    Scores, leads over controls and groups are compared only between runs that ask the same question
    (label, classes, metric) of the same test images (data hash and number), or of images that the user
    says are of one line; errors and cost only at the same prices and facts of the line. There is no
    pooled score. The rule is that of :func:`natkit.runs.moved.difference`; what is marked as moved holds
    after Holm's correction, made for the deciding scores over the runs and for all other numbers together.

    Parameters
    ----------
    summaries
        By name, two or more, the first being what the others are compared with.
    same_line
        Other test images are comparable all the same: before and after cleaning, last month and now.

    Raises
    ------
    InputError
        If there are fewer than two runs, one does not fit the schema, or two are one and the same.
    """
    if len(summaries) < 2:
        raise InputError(
            f"A comparison needs two runs or more, but got {len(summaries)}. Give another results folder."
        )
    for facts in summaries.values():
        check(facts)
    _differ(summaries)
    runs = tuple(Run(name, Summary.of(facts)) for name, facts in summaries.items())
    pairs = [_pair(runs[0].facts, run, same_line) for run in runs[1:]]
    rows = [row for pair in pairs for row in pair.rows]
    deciding = [row for row in rows if row.kind is Kind.OURS]
    others = [row for row in rows if row.kind is not Kind.OURS]
    judged = {row: _judged(row, p) for some in (deciding, others) for row, p in _corrected(some)}
    return Comparison(
        runs=runs,
        pairs=tuple(replace(pair, rows=tuple(judged[row] for row in pair.rows)) for pair in pairs),
        deciding=len(deciding),
        others=len(others),
        expected=ALPHA * len(others),
    )


def _differ(summaries: Mapping[str, dict]) -> None:
    seen: dict[str, dict] = {}
    for name, facts in summaries.items():
        for other, known in seen.items():  # a repeated training takes another time
            if all(facts[part] == known[part] for part in ("data", "training", "evidence")):
                raise InputError(
                    f"{other!r} and {name!r} are the same run. Give two runs that differ."
                )
        seen[name] = facts


def _pair(before: Summary, run: Run, same_line: bool) -> Pair:
    after, same = run.facts, _same_images(before, run.facts)
    why = _why_not(before.evidence, after.evidence)
    if not why and not same and not same_line:
        why = [Differs("images", *(_hash(facts)[:12] for facts in (before, after)))]
    rows, alone, money = [], [], None
    if not why:
        money = _why_no_money(before.cost, after.cost)
        old, new = (_comparable(facts, money) for facts in (before, after))
        rows = [_row(key, old[key], new[key]) for key in old if key in new]
        lone = [(key, Side.BEFORE) for key in old if key not in new]
        lone += [(key, Side.AFTER) for key in new if key not in old]
        alone = [Lone(*key, side) for key, side in lone]
    return Pair(
        name=run.name,
        images=Images.SAME if same else Images.OTHER,
        why=tuple(why),
        rows=tuple(rows),
        alone=tuple(alone),
        money=money,
        settings=tuple(_settings(before.training, after.training)),
    )


def _comparable(facts: Summary, no_money: str | None) -> dict[tuple[Kind, str], Range]:
    return {key: x for key, x in numbers(facts).items() if not (no_money and key[0] in MONEY)}


def _hash(facts: Summary) -> str:
    return "" if absent(facts.data) else facts.data.hash


def _same_images(before: Summary, after: Summary) -> bool:
    """The manifest holds images, labels and splits: one hash, and as many of them scored, is one test set."""
    for facts in (before, after):
        if absent(facts.data) or absent(facts.evidence):
            return False
    told = [(facts.data.hash, facts.evidence.n_test) for facts in (before, after)]
    return told[0] == told[1]


def _why_not(before: EvidenceFacts | Absent, after: EvidenceFacts | Absent) -> list[Differs]:
    reasons = absent(before), absent(after)
    if any(reasons):
        return [Differs("no_scores", *reasons)]
    asked = [
        {"label": facts.label, "metric": facts.metric, "classes": sorted(facts.classes)}
        for facts in (before, after)
    ]
    return _differences(*asked)


def _differences(before: dict, after: dict) -> list[Differs]:
    names = {**before, **after}
    rows = [Differs(name, before.get(name), after.get(name)) for name in names]
    return [row for row in rows if row.before != row.after]


def _why_no_money(before: Cost | Absent, after: Cost | Absent) -> str | None:
    for cost in (before, after):
        if why := absent(cost):
            return why
    alike = before.prices == after.prices and before.line == after.line
    return None if alike else "prices"


def _row(key: tuple[Kind, str], before: Range, after: Range) -> Moved:
    gap = difference(before, after)
    ends = [Range(number.value, number.low, number.high) for number in (before, after)]
    return Moved(*key, *ends, gap, p=chance(gap), holm=1.0, standing=Movement.NONE)


def _corrected(rows: list[Moved]) -> list[tuple[Moved, float]]:
    """The rows that are corrected together, each with its p after Holm's correction."""
    return list(zip(rows, holm([row.p for row in rows]).tolist(), strict=True))


def _judged(row: Moved, p: float) -> Moved:
    risen = (row.difference.value > 0) != (row.kind in MONEY)
    standing = Movement.BETTER if risen else Movement.WORSE
    if p >= ALPHA:
        standing = Movement.ALONE if row.p < ALPHA else Movement.NONE
    return replace(row, holm=p, standing=standing)


def _settings(before: Training | Absent, after: Training | Absent) -> list[Differs]:
    """What differs between two trainings; nothing where one is not known."""
    if absent(before) or absent(after):
        return []
    names = ("backbone", "matching", "views", "epochs", "seed", "device")
    told = [{name: getattr(run, name) for name in names} | run.params for run in (before, after)]
    return _differences(*told)
