"""Charts of the summary: numbers and an Axes go in, the Axes comes out.

The title of every chart is its finding, computed from the numbers; lines and bars are labelled
where they are; nothing is told by colour alone (○ △ ×, markers, dashes). Numbers are facts
(:mod:`natkit.facts`) or the same as plain dictionaries.
"""

from collections import Counter
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from natkit.facts.evidence import Curve, EvidenceFacts, Probe, Role
from natkit.facts.numbers import Range
from natkit.facts.training import Epoch
from natkit.facts.verdict import Standing
from natkit.show.blocks.findings import finding_counts, found_planted
from natkit.show.blocks.maps import map_new, map_points
from natkit.show.blocks.money import cost_curve, payback
from natkit.show.blocks.toy import circles, concentration
from natkit.show.style import (
    BLUE,
    GREY,
    HAIR,
    INK,
    MARKERS,
    PALETTE,
    bare,
    figure,
    headline,
    plain,
    save,
    show,
    theme,
)
from natkit.show.words import titles
from natkit.show.words.catalogue import Words

__all__ = [
    "PALETTE", "circles", "concentration", "cost_curve", "figure", "finding_counts", "found_planted", "label_curve",
    "map_new", "map_points", "payback", "save", "score_ladder", "show", "theme", "training_curve", "views",
]  # fmt: skip

MARKS = {Standing.AHEAD: "○", Standing.BEHIND: "×", Standing.UNDECIDED: "△"}


def training_curve(
    ax: Axes, history: Sequence[Epoch | dict], words: Words, images: int = 0
) -> Axes:
    """By epoch, how alike two views of one image are, and dashed those of different images."""
    history = Epoch.each(history)
    epochs = [row.epoch for row in history]
    for name, colour, dash in (("agreement", BLUE, "-"), ("others", GREY, "--")):
        values = [getattr(row, name) for row in history]
        if not values:
            continue
        ax.plot(
            epochs,
            values,
            dash,
            color=colour,
            linewidth=2.2,
            marker="o" if len(epochs) == 1 else None,
        )
        near = abs(history[-1].agreement - history[-1].others) < 0.08
        lift = (8 if name == "agreement" else -8) if near else 0
        ax.annotate(
            words(f"chart.training.{name}", value=words.score(values[-1])), (epochs[-1], values[-1]),
            (8, lift), textcoords="offset points", va="center", color=colour, annotation_clip=False,
        )  # fmt: skip
    bare(ax, "y")
    ax.set_ylim(min([0, *(row.others for row in history), *(row.agreement for row in history)]), 1)
    if epochs:
        ax.set_xlim(min(epochs) - 0.3, max(epochs) + 0.3)
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True, min_n_ticks=1))
    ax.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    ax.set_xlabel(words("chart.training.axis_x"))
    ax.set_ylabel(words("chart.training.axis_y"))
    subtitle = words("chart.training.subtitle", images=images, epochs=len(history))
    headline(ax, titles.training(history, words), subtitle)
    return ax


def views(ax: Axes, images: np.ndarray, views: np.ndarray, words: Words) -> Axes:
    """Each image at the left of its row, views of it at its right, all in thin frames.

    ``images`` (n, h, w, c) and ``views`` (n, k, h, w, c) in 0..1; NaN is drawn as paper. Of other than
    3 channels the first is shown.
    """
    (n, k, h, w, c), gap = views.shape, max(2, views.shape[3] // 12)
    panels = np.concatenate([images[:, None], views], axis=1)[..., : 3 if c == 3 else 1]
    panels = np.pad(panels, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=np.nan)
    sheet = panels.swapaxes(1, 2).reshape(n * (h + gap), (k + 1) * (w + gap), -1)[:-gap, :-gap]
    sheet = np.broadcast_to(np.nan_to_num(sheet, nan=1.0), (*sheet.shape[:2], 3))
    ax.imshow(np.clip(sheet, 0, 1))
    ax.set_anchor("NW")
    for left in range(k + 1):  # a white view on white paper is seen by its frame
        for top in range(n):
            corner = (left * (w + gap) - 0.5, top * (h + gap) - 0.5)
            ax.add_patch(Rectangle(corner, w, h, fill=False, edgecolor=HAIR, clip_on=False))
    ax.axvline(w + (gap - 1) / 2, color=INK, linewidth=1.2)
    middle = w + gap + (k * (w + gap) - gap) / 2
    ax.set_xticks([w / 2, middle], [words("chart.views.image"), words("chart.views.views")])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    headline(ax, _views_title(images, views, words), words("chart.views.subtitle", n=n, k=k))
    return ax


def _views_title(images: np.ndarray, views: np.ndarray, words: Words) -> str:
    """How far a pixel of a full view is from its image, and as a scale, how far another image is."""
    apart = np.abs(views - images[:, None])
    if np.nanmean(apart) < 1e-4:
        return words("chart.views.none")
    full = ~np.isnan(apart).any(axis=(0, 2, 3, 4))
    own = float(np.nanmean(apart[:, full] if full.any() else apart))
    if len(images) == 1:
        return words("chart.views.one", own=words.percent(own))
    between = np.abs(images[:, None] - images).sum() / (images.size * (len(images) - 1))
    return words("chart.views.title", own=words.percent(own), other=words.percent(float(between)))


def score_ladder(ax: Axes, evidence: EvidenceFacts | dict, words: Words) -> Axes:
    """Scores with intervals, best first: ours blue, controls grey, guessing as a line.

    Filled dots are the probe that decides, hollow ones the other, diamonds networks trained with the
    labels. At the right stands, for each other row, the paired difference with its interval: the only
    ground for a verdict.
    """
    evidence = EvidenceFacts.of(evidence)
    decides, metric = evidence.decides, titles.metric(words, evidence)
    learned = [row for row in evidence.scores if row.role is Role.REFERENCE]
    rows = [evidence.ours(decides), *evidence.rivals(decides), *learned]
    rows = sorted(rows, key=lambda row: -row.score.value)
    others = {
        s.name: s for s in evidence.scores if s.probe not in (decides, Probe.HEAD, Probe.NONE)
    }
    gaps = {d.control: d.score for d in evidence.differences if d.probe == decides}
    for place, row in enumerate(rows[::-1]):
        colour = BLUE if row.role is Role.OURS else GREY
        shape = "D" if row.role is Role.REFERENCE else "o"
        _rung(ax, place + 0.12, row.score, colour, True, words, shape)
        if row.name in others:
            _rung(ax, place - 0.2, others[row.name].score, colour, False, words)
        if row.name in gaps:
            gap = gaps[row.name]
            mark = MARKS[titles.standing([gap])]
            text = f"{mark}  {words.signed(gap.value)}\n{words.interval(gap, signed=True)}"
            ax.text(1.03, place, text, transform=ax.get_yaxis_transform(), va="center")
    names = [plain(words.name("name", row.name), 24) for row in rows[::-1]]
    ax.set_yticks(range(len(rows)), names)
    chance = evidence.chance
    lows = [row.score.low for row in [*rows, *others.values()]]
    start = np.floor(min(lows + [chance]) * 20 - 0.4) / 20
    ax.set_xlim(start, 1.0)
    ax.set_ylim(-0.6, len(rows) - 0.2)
    ax.axvline(chance, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    guess = words("chart.ladder.chance", chance=f"{chance:.2g}")
    ax.text(chance, len(rows) - 0.25, f" {guess}", fontsize=10.5, va="top")
    if gaps:
        place = ax.get_yaxis_transform()
        ax.text(1.03, len(rows) - 0.25, words("chart.ladder.gap"), transform=place, va="top",
                color=GREY)  # fmt: skip
    bare(ax, "x")
    ax.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.1 if start > -0.2 else 0.5))
    key = [words(f"chart.ladder.{probe}") for probe in ("linear", "knn")]
    key += [words("chart.ladder.head")] if learned else []
    axis = words("chart.ladder.axis", metric=metric, start=f"{start:g}")
    ax.set_xlabel("     ".join([axis, *key]))
    subtitle = words("chart.ladder.subtitle", metric=metric, n=evidence.n_test)
    headline(ax, titles.ladder(evidence, words), subtitle)
    return ax


def label_curve(ax: Axes, curve: Curve | dict, words: Words) -> Axes:
    """Score against the number of labels: every draw a dot, the median a line, a band of 90 %."""
    curve = Curve.of(curve)
    metric = titles.metric(words, curve)
    colours = {Role.OURS: [BLUE], Role.CONTROL: [GREY], Role.REFERENCE: PALETTE[1:3]}
    seen: Counter = Counter()
    for at, line in enumerate(curve.lines):
        colour = colours[line.role][seen[line.role] % len(colours[line.role])]
        dashes = ("-", "--", ":")[seen[line.role] % 3 if line.role is Role.CONTROL else 0]
        seen[line.role] += 1
        x = np.array(line.budgets, float)
        for draw in line.draws:
            ax.plot(x * 1.02 ** (at - 1), draw, ".", color=colour, alpha=0.35, markersize=5)
        ax.fill_between(x, line.low, line.high, color=colour, alpha=0.12, linewidth=0)
        name = plain(words.name("name", line.name), 28)
        ax.plot(x, line.median, dashes, color=colour, linewidth=2.2, markersize=6, label=name,
                marker=MARKERS[at % len(MARKERS)])  # fmt: skip
    target = curve.target.value
    ax.axhline(target, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    said = words("chart.curve.target", value=words.score(target))
    ax.text(0.01, target, said, transform=ax.get_yaxis_transform(), va="bottom", fontsize=10.5)
    ax.set_xscale("log")
    budgets = sorted({b for line in curve.lines for b in line.budgets})
    ax.set_xticks(budgets, [f"{b:,}" for b in budgets])
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    bare(ax, "y")
    ax.set_xlabel(words("chart.curve.axis_x"))
    ax.set_ylabel(metric)
    ax.legend(loc="lower right", frameon=False)
    subtitle = words("chart.curve.subtitle", metric=metric, n=curve.n_test)
    headline(ax, titles.curve(curve, words), subtitle)
    return ax


def _rung(
    ax: Axes, y: float, score: Range, colour: str, filled: bool, words: Words, shape: str = "o"
) -> None:
    """One score: its interval, its dot, its number."""
    ax.plot([score.low, score.high], [y, y], color=colour, linewidth=3 if filled else 1.4,
            alpha=0.45 if filled else 0.8, solid_capstyle="butt")  # fmt: skip
    ax.plot(score.value, y, shape, markersize=10 if filled else 6, color=colour,
            markerfacecolor=colour if filled else "white")  # fmt: skip
    room = score.high < 0.93  # to its right; else the number stands at its left
    ax.annotate(
        words.score(score.value), (score.high if room else score.low, y), (8 if room else -8, 0),
        textcoords="offset points", ha="left" if room else "right", va="center",
        color=colour, fontsize=12 if filled else 10,
    )  # fmt: skip
