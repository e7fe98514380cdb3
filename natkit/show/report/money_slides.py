"""Slides on money: what 1,000 parts cost, when it is paid back, and the staged plan; only if prices were given."""

from collections.abc import Callable

from natkit.facts.base import absent
from natkit.facts.cost import Cost
from natkit.facts.summary import Summary
from natkit.show import style
from natkit.show.report.deck import EDGE, END, FULL, TOP, Deck
from natkit.show.report.spoken import more, notes
from natkit.show.words import money
from natkit.show.words.catalogue import Words


def _paid(part: Callable) -> Callable:
    """A slide on money: only if prices were given."""

    def add(deck: Deck, facts: Summary, words: Words, drawn: dict, *_) -> None:
        if not absent(facts.cost):
            made_up = words("cost.made_up") if facts.cost.prices.made_up else ""
            part(deck, facts, words, drawn, made_up)

    return add


def _tested(cost: Cost) -> int | None:
    return None if absent(cost.point) else cost.point.n


@_paid
def _ways(deck: Deck, facts: Summary, words: Words, drawn: dict, made_up: str) -> None:
    cost = facts.cost
    if absent(cost.ways) or "cost_curve" not in drawn:
        return
    method = [made_up, words("chart.cost.read"), *money.point(cost, words), *money.how(cost, words)]
    slide = deck.slide(money.curve(cost, words), notes(facts, words, _tested(cost), *method))
    slide.chart(drawn["cost_curve"], (EDGE, TOP, 7.2, 3.25))
    lead = [*filter(None, [made_up]), *money.lead(cost, words)]
    slide.text((EDGE + 7.5, TOP + 0.1, FULL - 7.5, 3.1), lead, (15, 14, 13, 12, 11), between=8)
    head = [
        words(f"table.{key}")
        for key in ("way", "missed_defects", "false_alarms", "cost", "reading")
    ]
    rows = [list(vars(row).values()) for row in money.ways(cost, words)]
    box = (EDGE, TOP + 3.35, FULL, END - TOP - 3.35)
    slide.text((box[0], box[1], FULL, 0.28), [words("cost.ways")], (13, 12), bold=True)
    box = (box[0], box[1] + 0.28, FULL, box[3] - 0.28)
    slide.table(box, head, rows, (3, 1.4, 1.4, 3, 2), (1, 2, 3), 11, more(words), strong=0)


@_paid
def _payback(deck: Deck, facts: Summary, words: Words, drawn: dict, made_up: str) -> None:
    cost = facts.cost
    if absent(cost.project):
        return
    lead = [] if absent(cost.saving) else [money.payback(cost, words)]
    total = words.money(cost.project.total, cost.prices.currency)
    title = lead[0] if lead else words("format.colon", name=words("cost.project"), text=total)
    said = notes(
        facts, words, _tested(cost), made_up, *money.lead(cost, words), words("cost.given")
    )
    slide = deck.slide(title, said)
    head = [words(f"table.{key}") for key in ("item", "count", "price", "amount")]
    rows = [list(vars(row).values()) for row in money.project(cost, words)]
    left = 0.0
    if "payback" in drawn:
        left = 6.9
        slide.chart(drawn["payback"], (EDGE, TOP, left - 0.2, END - TOP - 0.5))
    box = (EDGE + left, TOP + 0.1, FULL - left, 0.35)
    slide.text(box, [words("cost.project")], (16,), bold=True)
    box = (box[0], TOP + 0.55, box[2], 3.4)
    slide.table(
        box, head, rows, (1.9, 0.9, 1.2, 1.7), (1, 2, 3), 12, more(words), strong=len(rows) - 1
    )
    if made_up:
        slide.text((EDGE, END - 0.35, FULL, 0.35), [made_up], (13, 12, 11), style.VERMILLION)


@_paid
def _plan(deck: Deck, facts: Summary, words: Words, drawn: dict, made_up: str) -> None:
    cost = facts.cost
    if absent(cost.plan):
        return
    plan = cost.plan
    none = plan.defects[0]
    title = words("slide.plan", allowed=words.rate(plan.allowed), none=none)
    slide = deck.slide(title, notes(facts, words, none, made_up, words("cost.plan")))
    wide = (FULL - 0.8) / 3
    for i, (stage, text) in enumerate(money.plan(cost, words)):
        left = EDGE + i * (wide + 0.4)
        slide.text(
            (left, TOP + 0.1, wide, 0.4),
            [f"{i + 1}  {stage}"],
            (20, 18, 16, 14),
            style.BLUE,
            bold=True,
        )
        slide.rule(TOP + 0.55, left=left, width=wide)
        slide.text((left, TOP + 0.7, wide, END - TOP - 1.2), [text], (16, 15, 14, 13, 12))
    if made_up:
        slide.text((EDGE, END - 0.35, FULL, 0.35), [made_up], (13, 12, 11), style.VERMILLION)


ALL = (_ways, _payback, _plan)
