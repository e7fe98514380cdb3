"""Charts of the cleaning: how many findings of each kind, and how many planted faults were found."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from natkit.core.shortcuts import Source
from natkit.facts.data import Counts, Finding, Planted, Severity
from natkit.show.style import (
    BLUE,
    GREY,
    INK,
    VERMILLION,
    bare,
    headline,
    plain,
    whole_numbers,
)
from natkit.show.words import titles
from natkit.show.words.catalogue import Words

OVER_GRID = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind words on a grid


def finding_counts(
    ax: Axes,
    findings: Sequence[Finding | dict],
    words: Words,
    counts: Counts | dict | None = None,
) -> Axes:
    """Images per finding, in the order given (worst first); problems in vermillion.

    Up to 16 rows are drawn, those on single images before those on the data set as a whole; the
    table below the chart holds all. ``counts`` ("listed", "quarantined") go in the title.
    """
    findings = Finding.each(findings)
    counts = Counts.of(counts) if counts else None
    rows = sorted(findings, key=lambda row: row.whole)[:16]
    y = np.arange(len(rows))[::-1]
    colours = [VERMILLION if f.severity is Severity.PROBLEM else GREY for f in rows]
    sizes = [0 if f.whole else f.count for f in rows]
    ax.barh(y, sizes, color=colours, height=0.62)
    names = [
        words("severity." + row.severity + ".mark") + "  " + _finding_name(row, words)
        for row in rows
    ]
    ax.set_yticks(y, names)
    for place, f, size in zip(y, rows, sizes, strict=True):
        text = words("data.whole_set") if f.whole else f"{size:,}"
        ax.annotate(
            text, (size, place), (6, 0), textcoords="offset points", va="center",
            color=GREY if f.whole else INK, bbox=OVER_GRID,
        )  # fmt: skip
    bare(ax, "x")
    whole_numbers(ax, max(sizes, default=1))
    ax.set_ylim(-0.7, max(len(rows), 1) - 0.3)
    ax.set_xlabel(f"{words('chart.findings.axis')}      {words('data.legend')}")
    subtitle = words("chart.findings.subtitle_plain")
    if counts:
        subtitle = words("chart.findings.subtitle", listed=counts.listed)
    headline(ax, titles.findings(findings, counts, words), subtitle)
    return ax


def _finding_name(finding: Finding, words: Words) -> str:
    name = words.name("rule", finding.rule)
    column = plain(finding.evidence.get("column") or "", 16)
    if finding.rule == "shortcut" and Source(finding.evidence["source"]).measured:
        column = titles.source(words, finding.evidence)
    return words("format.colon", name=name, text=column) if column else name


def found_planted(ax: Axes, planted: Sequence[Planted | dict], words: Words) -> Axes:
    """Found against planted, kind by kind; kinds not looked for yet stand at the top, hatched."""
    rows = sorted(Planted.each(planted), key=lambda r: (r.looked_for, -r.missed, -r.planted))
    y = np.arange(len(rows))[::-1]
    for place, row in zip(y, rows, strict=True):
        hollow = {"facecolor": "white", "hatch": "////", "linewidth": 0.8, "height": 0.62}
        if row.looked_for:
            ax.barh(place, row.found, color=BLUE, height=0.62)
            if row.missed:
                ax.barh(place, row.missed, left=row.found, edgecolor=VERMILLION, **hollow)
            mark = "○" if not row.missed else "△" if row.found else "×"
            text = words("chart.planted.value", found=row.found, planted=row.planted)
        else:
            ax.barh(place, row.planted, edgecolor=GREY, **hollow)
            mark, text = "–", words("chart.planted.not_looked_for")
        ax.annotate(
            f"{mark}  {text}", (row.planted, place), (6, 0), textcoords="offset points",
            va="center", color=INK if row.looked_for else GREY, bbox=OVER_GRID,
        )  # fmt: skip
    ax.set_yticks(y, [plain(words.name("planted", row.kind)) for row in rows])
    bare(ax, "x")
    whole_numbers(ax, max((row.planted for row in rows), default=1) * 1.1)
    ax.set_ylim(-0.7, max(len(rows), 1) - 0.3)
    ax.set_xlabel(words("chart.planted.axis"))
    unseen = sum(not row.looked_for for row in rows)
    subtitle = words("chart.planted.subtitle_all", kinds=len(rows))
    if unseen:
        subtitle = words("chart.planted.subtitle", kinds=len(rows), unseen=unseen)
    headline(ax, titles.planted(rows, words), subtitle)
    return ax
