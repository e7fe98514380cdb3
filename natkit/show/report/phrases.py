"""What will be asked in the meeting, and what this run's numbers answer."""

from natkit.facts.base import Absent, absent
from natkit.facts.cost import Cost
from natkit.facts.data import Data
from natkit.facts.evidence import Metric
from natkit.facts.summary import Summary
from natkit.show.report import faults, story
from natkit.show.words import money, titles
from natkit.show.words.catalogue import Words


def phrases(facts: Summary, words: Words) -> list[tuple[str, str]]:
    """Questions with their answers, each made of sentences that the report proves elsewhere."""
    answers = {
        "works": _works(facts, words),
        "sure": _sure(facts, words),
        "weakest": [] if absent(facts.evidence) else [story.weakest(facts.evidence, words)],
        "labels": _labels(facts, words),
        "data": _data(facts.data, words),
        "pays": _pays(facts.cost, words),
        "line": _line(facts.cost, words),
        "wrong": story.limits(facts, words)[:2],
        "need": story.next_steps(facts, words)[:2],
    }
    said = ((name, [text for text in texts if text]) for name, texts in answers.items())
    return [(words(f"ask.{name}"), words("format.space").join(t)) for name, t in said if t]


def _works(facts: Summary, words: Words) -> list[str]:
    said = [story.verdict(facts, words).title]
    evidence = facts.evidence
    against = facts.judged.control
    if absent(evidence) or evidence.metric is not Metric.AUROC or not against:
        return said
    probe = evidence.decides
    rival = next(row for row in evidence.rivals(probe) if row.name == against)
    pairs = {
        "ours": round(evidence.ours(probe).score.value * 100),
        "theirs": round(rival.score.value * 100),
        "control": story.control(words, rival.name),
    }
    return [*said, words("ask.pairs", **pairs)]


def _sure(facts: Summary, words: Words) -> list[str]:
    gap = facts.judged.difference
    if not gap:
        return []
    held = {"interval": words.interval(gap, signed=True), "n": gap.n}
    held["control"] = story.control(words, facts.judged.control)
    return [words("ask.range", **held)]


def _labels(facts: Summary, words: Words) -> list[str]:
    if not facts.curve:
        return []
    return [words("format.sentence_end", text=titles.curve(facts.curve, words))]


def _data(data: Data | Absent, words: Words) -> list[str]:
    if absent(data):
        return [_why("data", data, words)]
    counts, found = data.counts, faults.findings(data.findings, words)
    if not found:
        rules = story.rules(data.looked_for, words)
        return [words("data.clean", listed=counts.listed, rules=rules)]
    kinds = len({row.name for row in found})
    told = {key: getattr(counts, key) for key in ("listed", "quarantined", "kept")}
    return [words("data.found", kinds=kinds, **told)]


def _pays(cost: Cost | Absent, words: Words) -> list[str]:
    if absent(cost):
        return [_why("cost", cost, words)]
    said = money.lead(cost, words)
    return [words("cost.made_up"), *said] if said and cost.prices.made_up else said


def _line(cost: Cost | Absent, words: Words) -> list[str]:
    """What the first stage of the plan asks for; nothing if there is no plan."""
    if absent(cost) or absent(cost.plan):
        return []
    return [money.plan(cost, words)[0][1]]


def _why(part: str, section: Absent, words: Words) -> str:
    key = f"absent.code.{absent(section)}"
    return words(key) if key in words else words("absent.code.unknown", code=absent(section))
