"""The runs side by side: a table a section, a row a run, and why where there is nothing."""

from natkit.facts.base import absent
from natkit.facts.cost import Cost, WhyNoCost
from natkit.facts.data import Data, Severity
from natkit.facts.evidence import GroupScore
from natkit.facts.numbers import Range
from natkit.facts.runs import Comparison, Run
from natkit.facts.verdict import TargetKind
from natkit.show.blocks.across import rungs
from natkit.show.compare.story import MEASURES, ranged
from natkit.show.words import money
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, shorten


def side_by_side(facts: Comparison, words: Words) -> list[dict]:
    """``title, head, rows, note`` of each table; a row is ``name`` and ``cells``, or ``name`` and ``missing``."""
    parts = {
        "data": ("data", _data, ("started", "data", "hash", "listed", "kept", "quarantined", "mended",
                                 "problems", "warnings")),
        "training": ("training", _training, ("backbone", "matching", "views", "images", "epochs", "seed",
                                             "device", "seconds")),
        "evidence": ("evidence", _evidence, ("label", "test", "ours", "control", "lead", "worst")),
        "map": ("map", _map, ("clusters", *MEASURES)),
        "cost": ("cost", _cost, ("missed", "false_alarms", "cost", "payback")),
        "verdict": ("verdict", _verdict, ("decision", "comparison", "target")),
    }  # fmt: skip
    tables = []
    for title, (section, cells, columns) in parts.items():
        rows = []
        for run in facts.runs:
            why = absent(getattr(run.facts, section))
            told = {"missing": words(f"absent.code.{why}")} if why else {"cells": cells(run, words)}
            rows.append({"name": shorten(run.name, 36), **told})
        head = [_head(column, words) for column in columns]
        key = "page.verdict" if title == "verdict" else f"section.{title}"
        tables.append(
            {"title": words(key), "head": head, "rows": rows, "notes": _notes(title, facts, words)}
        )
    return tables


def _head(column: str, words: Words) -> str:
    for key in (f"runs.column.{column}", f"training.{column}", f"table.{column}"):
        if key in words:
            return words(key)
    raise KeyError(column)


def _notes(title: str, facts: Comparison, words: Words) -> list[str]:
    said = []
    if title == "map" and any(not absent(run.facts.map) for run in facts.runs):
        said.append(words("runs.note.map"))
    if title == "evidence" and any(_worst(run) for run in facts.runs):
        said.append(words("runs.note.worst"))
    made_up = [
        shorten(run.name, 36)
        for run in facts.runs
        if not absent(run.facts.cost) and run.facts.cost.prices.made_up
    ]
    if title == "cost" and made_up:
        said.append(words("runs.note.made_up", names=words("format.join").join(made_up)))
    return said


def _worst(run: Run) -> GroupScore | None:
    return None if absent(run.facts.evidence) else run.facts.evidence.worst


def _data(run: Run, words: Words) -> list[str]:
    data, counts = run.facts.data, run.facts.data.counts
    problems, warnings = (
        _rules(data, severity) for severity in (Severity.PROBLEM, Severity.WARNING)
    )
    told = (
        counts.listed,
        counts.kept,
        counts.quarantined,
        counts.mended,
        len(problems),
        len(warnings - problems),
    )
    started = words.date(run.started) if run.started else words("provenance.unknown")
    return [started, shorten(data.name, 40), data.hash[:12], *(f"{n:,}" for n in told)]


def _rules(data: Data, severity: Severity) -> set[str]:
    return {row.rule for row in data.findings if row.severity is severity}


def _training(run: Run, words: Words) -> list[str]:
    told = run.facts.training
    return [
        shorten(told.backbone, 40), shorten(words.name("matching", told.matching), 40), str(told.views),
        f"{told.images:,}", f"{told.epochs:,}", str(told.seed),
        shorten(words.name("device", told.device), 40), words.duration(told.seconds),
    ]  # fmt: skip


def _evidence(run: Run, words: Words) -> list[str]:
    evidence, (ours, best) = run.facts.evidence, rungs(run)
    leads = {row.control: row.score for row in evidence.leads(evidence.decides)}
    lead = leads.get(best.name) if best else None
    worst = evidence.worst
    return [
        f"{shorten(evidence.label, 30)} ({metric(words, evidence)})",
        f"{evidence.n_test:,}",
        words.with_interval(ours.score),
        _named(words.name("name", best.name), best.score, words) if best else "–",
        words.with_interval(lead, signed=True) if lead else "–",
        _named(f"{worst.column} = {worst.value or '–'}", worst.score, words) if worst else "–",
    ]  # fmt: skip


def _named(name: str, score: Range, words: Words) -> str:
    return words("format.colon", name=shorten(name, 30), text=words.with_interval(score))


def _map(run: Run, words: Words) -> list[str]:
    section = run.facts.map
    measured = {row.measure: row for row in section.honesty}
    said = [f"{len(section.clusters):,}"]
    for name in MEASURES:
        if row := measured.get(name):
            mark = "△" if row.flagged else "○"
            said.append(f"{mark} {row.value:.2f} / {row.control:.2f}")
        else:
            said.append("–")
    return said


def _cost(run: Run, words: Words) -> list[str]:
    cost, said = run.facts.cost, ["–", "–"]
    if not absent(cost.point):
        said = [_counted(share, words) for share in (cost.point.missed, cost.point.false_alarms)]
    spent = "–" if absent(cost.ways) else money.with_interval(cost, cost.ours, words)
    return [*said, spent, _payback(cost, words)]


def _counted(share: Range, words: Words) -> str:
    value, interval = ranged(share, words.rate, words)
    return words("format.with_interval", value=value, interval=interval)


def _payback(cost: Cost, words: Words) -> str:
    reason = absent(cost.payback)
    if reason is WhyNoCost.MISSING:
        names = [words(f"price.{field}") for field in cost.payback.missing]
        part = words("cost.part.payback")
        return words("cost.lacking", part=part, names=words("format.join").join(names))
    if f"cost.because.{reason}" in words:
        return words(f"cost.because.{reason}")
    return money.payback(cost, words)


def _verdict(run: Run, words: Words) -> list[str]:
    told = run.facts.verdict
    sign = words(f"verdict.{told.ground}.mark")
    agreed = told.target
    if agreed is None:
        target = "–"
    elif agreed.kind is TargetKind.SCORE:
        target = words.score(agreed.value)
    else:
        value = words.money(agreed.value, run.facts.cost.prices.currency)
        target = words("verdict.cost", value=value)
    against = words(f"reading.{told.comparison}") if told.comparison else "–"
    return [f"{sign} {words.name('decision', told.decision)}", against, target]
