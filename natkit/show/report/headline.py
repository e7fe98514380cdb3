"""The three numbers of page one, chosen by what the summary holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from natkit.facts.base import absent
from natkit.facts.data import Severity
from natkit.facts.summary import Summary
from natkit.show.report.story import control, need
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, shorten


@dataclass(frozen=True)
class Number:
    """A number as page one says it: ``value`` is its text, ``number`` what the text says."""

    label: str
    value: str
    number: float | str
    note: str


def numbers(facts: Summary, words: Words) -> list[Number]:
    """The three numbers of page one."""
    found = [*_scored(facts, words), *_rarest(facts, words), *_data(facts, words)]
    found += [*_clusters(facts, words), *_seconds(facts, words)]
    return found[:3]


def _number(key: str, words: Words, value: str, number: float | str, note: dict, **label) -> Number:
    said = words(f"number.{key}", **label)
    return Number(said, value, number, words(f"number.{key}_note", **note))


def _scored(facts: Summary, words: Words) -> Iterator[Number]:
    evidence = facts.evidence
    if absent(evidence):
        return
    mine = evidence.ours(evidence.decides).score
    note = {"interval": words.interval(mine), "chance": f"{evidence.chance:.2g}"}
    name = metric(words, evidence)
    yield _number("ours", words, words.score(mine.value), mine.value, note, metric=name)
    gap = facts.judged.difference
    if gap:
        note = {"interval": words.interval(gap, signed=True), "n": gap.n}
        name = control(words, facts.judged.control)
        yield _number("lead", words, words.signed(gap.value), gap.value, note, control=name)


def _rarest(facts: Summary, words: Words) -> Iterator[Number]:
    if absent(facts.evidence) and facts.evidence.counts:
        row = min(facts.evidence.counts, key=lambda r: r.test)
        note = {"name": shorten(row.class_, 20), "need": need(facts)}
        yield _number("rarest", words, f"{row.test:,}", row.test, note)


def _data(facts: Summary, words: Words) -> Iterator[Number]:
    if absent(facts.data):
        return
    counts, found = facts.data.counts, facts.data.findings
    note = {"listed": counts.listed, "quarantined": counts.quarantined}
    yield _number("kept", words, f"{counts.kept:,}", counts.kept, note)
    kinds = {rank: len({f.rule for f in found if f.severity is rank}) for rank in Severity}
    problems = kinds[Severity.PROBLEM]
    note = {"looked_for": len(facts.data.looked_for), "warnings": kinds[Severity.WARNING]}
    yield _number("problems", words, f"{problems:,}", problems, note)


def _clusters(facts: Summary, words: Words) -> Iterator[Number]:
    if not absent(facts.map):
        note, n = {"trust": f"{facts.map.trustworthiness:.2f}"}, len(facts.map.clusters)
        yield _number("clusters", words, f"{n:,}", n, note)


def _seconds(facts: Summary, words: Words) -> Iterator[Number]:
    run = facts.training
    if not absent(run):
        note = {"images": run.images, "epochs": run.epochs}
        note["device"] = words.name("device", run.device)
        said = words.duration(run.seconds)
        yield _number("seconds", words, said, said, note)  # with its unit
