"""The charts of the cost section: what 1,000 parts cost at each threshold, and when it is paid back."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from natkit.facts.base import absent
from natkit.facts.cost import Cost, WayName
from natkit.facts.numbers import Range
from natkit.show.style import BLUE, GREY, INK, VERMILLION, bare, headline
from natkit.show.words import money
from natkit.show.words.catalogue import Words

TOP = 1.35  # times the dearest of what is compared; all held back may cost a hundred times as much
OVER_BAND = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.75}
DASHES = {
    WayName.TODAY: (0, (6, 3)),
    WayName.NOTHING: (0, (2, 2)),
    WayName.ALL_HELD: (0, (6, 2, 1, 2)),
}


def cost_curve(ax: Axes, cost: Cost | dict, words: Words) -> Axes:
    """Expected cost of 1,000 parts at each threshold, with the point chosen on val and the ways without natkit.

    ``cost`` is ``summary.cost`` with ``ways`` and ``curve``. The band is the 95 % interval; a way that costs
    more than fits is left to the table.
    """
    cost = Cost.of(cost)
    currency = cost.prices.currency
    cut, value, low, high = np.array(cost.curve).T
    cut = np.clip(cut, 0, 1)
    ours, known = cost.ours, cost.others
    near = sorted(known, key=lambda row: row.cost.value)[:2]
    near += [row for row in known if row.way is WayName.TODAY and row not in near]
    top = TOP * max([ours.high, *(row.cost.value for row in near)])
    ax.fill_between(cut, low, high, color=BLUE, alpha=0.18, linewidth=0)
    ax.plot(cut, value, color=BLUE, linewidth=2.2)
    shown = [row for row in known if row.cost.value <= top]
    places = _spread([row.cost.value for row in shown], 0.13 * top)
    for row, place in zip(shown, places, strict=True):
        level = row.cost.value
        ax.axhline(level, color=GREY, linewidth=1.4, linestyle=DASHES[row.way])
        said = f"{words(f'way.{row.way}')}\n{words.money(level, currency)}"
        ax.annotate(
            said, (1, place), (8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=INK, fontsize=10.5,
        )  # fmt: skip
    _chosen(ax, cost, ours, top, words)
    bare(ax, "y")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, top or 1)
    ax.tick_params(axis="x", pad=8)  # clear of the zero beside it
    _money_axis(ax, currency, words)
    ax.set_xlabel(words("chart.cost.axis_x"))
    ax.set_ylabel(words("chart.cost.axis_y"))
    point = cost.point
    counts = {"defects": point.missed.n, "good": point.false_alarms.n}
    headline(ax, money.curve(cost, words), words("chart.cost.subtitle", **counts))
    return ax


def _chosen(ax: Axes, cost: Cost, ours: Range, top: float, words: Words) -> None:
    """The dot of the chosen threshold, its interval, and its cost in words, where there is room."""
    x, y = min(cost.point.threshold, 1.0), ours.value
    ax.plot([x, x], [ours.low, ours.high], color=BLUE, linewidth=3, alpha=0.6)
    ax.plot(x, y, "o", color=BLUE, markersize=10, clip_on=False, zorder=5)
    value = words.money(y, cost.prices.currency)
    said = words("chart.cost.chosen", value=value, interval=money.interval(cost, ours, words))
    below = ours.low > 0.16 * top
    ax.annotate(
        said, (x, ours.low if below else ours.high), (0, -8 if below else 8),
        textcoords="offset points", va="top" if below else "bottom", color=BLUE, zorder=6,
        ha="left" if x < 0.2 else "right" if x > 0.8 else "center", bbox=OVER_BAND,
    )  # fmt: skip


def _spread(levels: list[float], gap: float) -> np.ndarray:
    """Places at ``levels``, pushed up where they would be nearer than ``gap``."""
    places, order = np.array(levels, float), np.argsort(levels)
    for under, over in pairwise(order):
        places[over] = max(places[over], places[under] + gap)
    return places


def payback(ax: Axes, cost: Cost | dict, words: Words) -> Axes:
    """Saved less spent by month, with its 95 % band, and where it crosses zero.

    ``cost`` is ``summary.cost`` with ``project`` and ``saving``.
    """
    cost = Cost.of(cost)
    currency, paid = cost.prices.currency, cost.payback
    total, saving = cost.project.total, cost.saving
    longest = money.LIMIT if absent(paid) else min(2 * (paid.high or paid.value), money.LIMIT)
    months = np.array([0, max(longest, 1.0)])
    value, low, high = (
        each / 12 * months - total for each in (saving.value, saving.low, saving.high)
    )
    ax.fill_between(months, low, high, color=BLUE, alpha=0.18, linewidth=0)
    ax.plot(months, value, color=BLUE, linewidth=2.2)
    ax.axhline(0, color=INK, linewidth=1)
    ax.plot(0, -total, "s", color=VERMILLION, markersize=8, clip_on=False, zorder=5)
    _said(ax, words.money(-total, currency), (0, -total), VERMILLION)
    if not absent(paid):
        ends = [paid.low, paid.high or months[1]]
        ax.plot(ends, [0, 0], color=BLUE, linewidth=5, alpha=0.6, solid_capstyle="butt")
        ax.plot(paid.value, 0, "o", color=BLUE, markersize=10, zorder=5)
        said = f"{words('chart.payback.even')}  {words.months(paid.value)}"
        _said(ax, said, (paid.value, 0), BLUE)
    bare(ax, "y")
    ax.set_xlim(-0.015 * months[1], months[1])
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom - 0.08 * (top - bottom), top)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 1.2, 2, 2.4, 3, 6, 10]))  # whole years
    _money_axis(ax, currency, words)
    ax.set_xlabel(words("chart.payback.axis_x"))
    ax.set_ylabel(words("chart.payback.axis_y"))
    said = {"total": words.money(total, currency), "saving": words.money(saving.value, currency)}
    headline(ax, money.payback(cost, words), words("chart.payback.subtitle", **said))
    return ax


def _said(ax: Axes, text: str, place: tuple, colour: str) -> None:
    ax.annotate(
        text, place, (10, -10), textcoords="offset points", va="top", color=colour, zorder=6,
        bbox=OVER_BAND,
    )  # fmt: skip


def _money_axis(ax: Axes, currency: str, words: Words) -> None:
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: words.money(y, currency)))
