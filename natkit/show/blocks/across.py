"""One chart across runs: a dot and its interval for each, and what the difference to the first one shows."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from natkit.facts.base import absent
from natkit.facts.evidence import Score
from natkit.facts.numbers import Range
from natkit.facts.runs import Comparison, Images, Run
from natkit.show.style import BLUE, GREY, INK, bare, headline, plain
from natkit.show.words import titles
from natkit.show.words.catalogue import Words


def drawn(facts: Comparison) -> list[Run]:
    """The runs with scores in the metric of the first one that has any: only these share an axis."""
    scored = [run for run in facts.runs if not absent(run.facts.evidence)]
    return [r for r in scored if r.facts.evidence.metric == scored[0].facts.evidence.metric]


def rungs(run: Run) -> tuple[Score, Score | None]:
    """Our score of a run, and its best control if it has one."""
    evidence = run.facts.evidence
    best, *_ = [*evidence.rivals(evidence.decides), None]
    return evidence.ours(evidence.decides), best


def scores(ax: Axes, facts: Comparison, title: str, words: Words) -> Axes:
    """Our score of each run, in the order given, filled; below it, hollow, that of its best control.

    ``facts`` is what :func:`natkit.runs.contrast.contrast` gave, ``title`` the finding. At the right
    stands the difference to the first run with its interval, or why there is none.
    """
    rows = drawn(facts)
    metric = titles.metric(words, rows[0].facts.evidence)
    ends = []
    for place, run in zip(range(len(rows))[::-1], rows, strict=True):
        ours, best = rungs(run)
        ends += [_rung(ax, place + 0.12, ours.score, words)]
        if best:
            ends += [_rung(ax, place - 0.2, best.score, words, hollow=True)]
        ax.text(1.03, place, against(facts, run, words), transform=ax.get_yaxis_transform(), va="center")  # fmt: skip
    ax.set_yticks(range(len(rows)), [_name(run, words) for run in rows[::-1]])
    start = np.floor(min(ends) * 20 - 0.4) / 20
    ax.set_xlim(start, 1.0)
    ax.set_ylim(-0.6, len(rows) - 0.3)
    bare(ax, "x")
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6))
    key = words("runs.chart.key", name=plain(words.name("name", rungs(rows[0])[0].name)))
    axis = words("runs.chart.axis", metric=metric, start=f"{start:g}")
    ax.set_xlabel("     ".join([axis, key, words("runs.chart.key_control")]))
    same = all(pair.images is Images.SAME for pair in facts.pairs)
    headline(ax, title, words("runs.chart.subtitle_same" if same else "runs.chart.subtitle"))
    return ax


def against(facts: Comparison, run: Run, words: Words) -> str:
    """What the chart says of a run's difference to the first, in two lines at most."""
    if run is facts.first:
        return words("runs.standing.first")
    pair = next(pair for pair in facts.pairs if pair.name == run.name)
    row = pair.ours
    if row is None:
        return words("runs.standing.apart")
    gap = words.with_interval(row.difference, signed=True)
    return f"{words(f'runs.standing.{row.standing}')}\n{gap}"


def _name(run: Run, words: Words) -> str:
    evidence = run.facts.evidence
    asked = words("runs.chart.row", label=plain(evidence.label, 18), n=evidence.n_test)
    return f"{plain(run.name, 26)}\n{asked}"


def _rung(ax: Axes, y: float, score: Range, words: Words, hollow: bool = False) -> float:
    """One score: its interval, its dot, its number; where its interval begins."""
    colour, face = (GREY, "white") if hollow else (BLUE, BLUE)
    ax.plot([score.low, score.high], [y, y], color=colour, linewidth=1.4 if hollow else 3,
            alpha=0.8 if hollow else 0.45, solid_capstyle="butt")  # fmt: skip
    ax.plot(score.value, y, "D" if hollow else "o", markersize=6 if hollow else 10, color=colour,
            markerfacecolor=face)  # fmt: skip
    room = score.high < 0.93  # to its right; else the number stands at its left
    ax.annotate(
        words.score(score.value), (score.high if room else score.low, y), (8 if room else -8, 0),
        textcoords="offset points", ha="left" if room else "right", va="center",
        color=GREY if hollow else INK, fontsize=10 if hollow else 12,
    )  # fmt: skip
    return score.low
