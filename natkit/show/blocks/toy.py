"""Why it does not collapse, drawn: points on a circle at some moments, without targets and with."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from natkit.show.style import GREY, HAIR, INK, MARKERS, PALETTE, headline
from natkit.show.words.catalogue import Words

RING = 1.25  # where targets are drawn: outside the circle on which they lie, to be seen
WIDE, HIGH = 3.3, 3.3  # of a panel
COLLAPSED, SPREAD = 0.95, 0.25  # concentrations beyond which the title says so


def circles(ax: Axes, toy, words: Words) -> Axes:
    """A row of circles for agreement alone, and one for NAT with its targets; a column for each moment.

    ``toy`` is what ``natkit.method.toy.toy`` gave. Colour and marker are the kind of an image.
    """
    for column, step in enumerate(toy.steps):
        _panel(ax, (column * WIDE, 0), toy.agreement[column], toy.kinds, words)
        _panel(ax, (column * WIDE, -HIGH), toy.nat[column], toy.kinds, words)
        _targets(ax, (column * WIDE, -HIGH), toy.nat[column], toy.targets[toy.held[column]])
        ax.text(column * WIDE, 1.5, words("chart.toy.step", step=step), ha="center", color=GREY)
    for row, name in enumerate(("agreement", "nat")):
        ax.text(-1.6, -row * HIGH, words(f"chart.toy.{name}"), ha="right", va="center", color=INK)
    ax.set_xlim(-3.5, (len(toy.steps) - 1) * WIDE + 1.4)
    ax.set_ylim(-HIGH - 1.9, 1.8)
    ax.set_aspect("equal")
    ax.set_anchor("NW")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel(words("chart.toy.axis"), loc="left")
    kinds = len(np.unique(toy.kinds))
    headline(
        ax, _title(toy, words), words("chart.toy.subtitle", images=len(toy.kinds), kinds=kinds)
    )
    return ax


def concentration(points: np.ndarray) -> float:
    """Length of the mean of unit vectors: 0 evenly round the circle, 1 all on one point."""
    return float(np.linalg.norm(points.mean(axis=0)))


def _title(toy, words: Words) -> str:
    alone, nat = concentration(toy.agreement[-1]), concentration(toy.nat[-1])
    key = "title" if alone > COLLAPSED and nat < SPREAD else "title_open"
    said = {"alone": f"{alone:.2f}", "nat": f"{nat:.2f}", "images": len(toy.kinds)}
    return words(f"chart.toy.{key}", **said)


def _panel(ax: Axes, middle: tuple, points: np.ndarray, kinds: np.ndarray, words: Words) -> None:
    ax.add_patch(Circle(middle, 1, fill=False, edgecolor=HAIR))
    for kind in np.unique(kinds):
        ax.scatter(
            *(points[kinds == kind] + middle).T, s=26, color=PALETTE[kind], marker=MARKERS[kind],
            alpha=0.75, linewidths=0.3, edgecolors="white", zorder=3,
        )  # fmt: skip
    said = words("chart.toy.concentration", value=f"{concentration(points):.2f}")
    ax.text(middle[0], middle[1] - 1.6, said, ha="center", va="center", fontsize=10.5, color=INK)


def _targets(ax: Axes, middle: tuple, points: np.ndarray, own: np.ndarray) -> None:
    """The targets on a ring outside, each tied to the point that holds it."""
    ring = RING * own + middle
    ties = np.stack([points + middle, ring], axis=1)
    ax.add_collection(LineCollection(ties, colors=GREY, linewidths=0.5, alpha=0.6))
    ax.scatter(*ring.T, s=9, facecolor="white", edgecolors=GREY, linewidths=0.8, zorder=2)
