"""Which charts a summary gives, each drawn into ``figures/`` with an alternative text."""

from dataclasses import dataclass
from pathlib import Path

from natkit.facts.base import Absent, absent
from natkit.facts.cost import Cost
from natkit.facts.data import Data
from natkit.facts.evidence import Curve, EvidenceFacts, Role
from natkit.facts.map import MapFacts
from natkit.facts.summary import Summary
from natkit.facts.training import Training
from natkit.show import style
from natkit.show.blocks import figures
from natkit.show.blocks.idea import idea
from natkit.show.words import money, titles
from natkit.show.words.catalogue import Words


@dataclass(frozen=True)
class Chart:
    """A drawn chart and its alternative text."""

    path: Path
    alt: str


def draw(facts: Summary, folder: Path, words: Words) -> dict[str, Chart]:
    """Draw every chart that the summary has numbers for.

    Returns charts by name, of score_ladder, label_curve, finding_counts, found_planted,
    idea, training_curve, map_cluster, map_label, cost_curve, payback. The alternative text is made of the chart's own
    numbers.
    """
    charts = {}
    with figures.theme(words.lang):
        for name, (paint, alt, height) in _charts(facts, words).items():
            path = figures.figure(paint, folder / f"{name}.png", (style.SIZE[0], height))
            charts[name] = Chart(path, alt)
    return charts


def _charts(facts: Summary, words: Words) -> dict[str, tuple]:
    return {
        **_evidence(facts.evidence, words),
        **_data(facts.data, words),
        **_training(facts.training, words),
        **_map(facts.map, words),
        **_money(facts.cost, words),
    }


def _height(rows: int, each: float = 0.36) -> float:
    """Inches for a chart of ``rows`` bars, between a banner and 16:9."""
    return min(max(2.0 + each * rows, 2.6), style.SIZE[1])


def _alt(title: str, rows: list[str], words: Words) -> str:
    return words("format.space").join(
        words("format.sentence_end", text=part) for part in [title, *rows]
    )


def _evidence(evidence: EvidenceFacts | Absent, words: Words) -> dict:
    if absent(evidence):
        return {}
    learnt = [row for row in evidence.scores if row.role is not Role.FLOOR]
    rows = [
        words(
            "format.colon",
            name=f"{words.name('name', row.name)} ({words.name('probe', row.probe)})",
            text=words.with_interval(row.score),
        )
        for row in learnt
    ]
    methods = len({row.name for row in learnt})
    return _curve(evidence.curve, words) | {
        "score_ladder": (
            lambda ax: figures.score_ladder(ax, evidence, words),
            _alt(titles.ladder(evidence, words), rows, words),
            _height(methods, min(0.78, 2.6 / methods)),
        )
    }


def _curve(curve: Curve | None, words: Words) -> dict:
    if curve is None:
        return {}
    rows = [
        words(
            "format.colon",
            name=words.name("name", line.name),
            text=words("format.join").join(
                f"{budget:,} → {words.score(value)}"
                for budget, value in zip(line.budgets, line.median, strict=True)
            ),
        )
        for line in curve.lines
    ]
    title = titles.curve(curve, words)
    return {
        "label_curve": (
            lambda ax: figures.label_curve(ax, curve, words),
            _alt(title, rows, words),
            style.SIZE[1],
        )
    }


def _data(data: Data | Absent, words: Words) -> dict:
    if absent(data):
        return {}
    charts = {}
    found, counts, planted = data.findings, data.counts, data.planted
    if found:
        rows = [
            words(
                "format.colon",
                name=words.name("rule", f.rule),
                text=words("data.whole_set") if f.whole else f"{f.count:,}",
            )
            for f in found
        ]
        charts["finding_counts"] = (
            lambda ax: figures.finding_counts(ax, found, words, counts),
            _alt(titles.findings(found, counts, words), rows, words),
            _height(min(len(found), 12)),
        )
    if planted:
        rows = [
            f"{words.name('planted', row.kind)}: "
            + (
                words("chart.planted.value", found=row.found, planted=row.planted)
                if row.looked_for
                else words("chart.planted.not_looked_for")
            )
            for row in planted
        ]
        charts["found_planted"] = (
            lambda ax: figures.found_planted(ax, planted, words),
            _alt(titles.planted(planted, words), rows, words),
            _height(len(planted)),
        )
    return charts


def _training(run: Training | Absent, words: Words) -> dict:
    if absent(run):
        return {}
    charts = {"idea": (lambda ax: idea(ax, words), words("chart.idea.alt"), 4.0)}
    if not run.history:
        return charts
    history, last = run.history, run.history[-1]
    rows = [
        words(f"chart.training.{name}", value=words.score(getattr(last, name)))
        for name in ("agreement", "others")
    ]
    return charts | {
        "training_curve": (
            lambda ax: figures.training_curve(ax, history, words, run.images),
            _alt(titles.training(history, words), rows, words),
            4.4,
        )
    }


def _map(section: MapFacts | Absent, words: Words) -> dict:
    if absent(section):
        return {}
    trust = words("chart.map.trust", value=f"{section.trustworthiness:.2f}")
    charts = {
        "map_cluster": (
            lambda ax: figures.map_points(ax, section, words),
            _alt(titles.map_by_cluster(section, words), [trust], words),
            style.SIZE[1],
        )
    }
    if section.colour.column is not None:
        charts["map_label"] = (
            lambda ax: figures.map_points(ax, section, words, by="label"),
            _alt(titles.map_by_label(section, words), [trust], words),
            style.SIZE[1],
        )
    return charts


def _money(cost: Cost | Absent, words: Words) -> dict:
    charts = {}
    if absent(cost):
        return charts
    if not absent(cost.ways):
        rows = [
            words("format.colon", name=row.way, text=row.cost) for row in money.ways(cost, words)
        ]
        charts["cost_curve"] = (
            lambda ax: figures.cost_curve(ax, cost, words),
            _alt(money.curve(cost, words), rows, words),
            4.8,
        )
    if not absent(cost.saving) and not absent(cost.project):
        charts["payback"] = (
            lambda ax: figures.payback(ax, cost, words),
            _alt(money.payback(cost, words), money.lead(cost, words)[:1], words),
            4.4,
        )
    return charts
