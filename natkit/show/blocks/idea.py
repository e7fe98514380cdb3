"""Noise As Targets as a picture in three steps, for those who will never read the paper."""

import numpy as np
from matplotlib.axes import Axes

from natkit.show.style import BLUE, GREEN, GREY, HAIR, INK, VERMILLION, headline
from natkit.show.words.catalogue import Words

# A sketch, not a measurement: nine images of three kinds, loosely grouped as an untrained network has them, and the
# nine fixed points, in degrees.
IMAGES = np.array([22, 66, 101, 134, 146, 214, 263, 309, 344])
KINDS = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
POINTS = np.array([8, 49, 77, 124, 167, 196, 251, 287, 330])
DEALT = np.array([4, 8, 6, 1, 7, 0, 2, 5, 3])  # image → point, as dice have it
TRADED = np.arange(9)  # the shortest ways in all
LOOKS = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"))
APART = 2.9  # between the circles; their radius is 1


def idea(ax: Axes, words: Words) -> Axes:
    """Three circles: each image is dealt a fixed random point; points are traded; alike images end side by side.

    A drawing of the idea (Bojanowski and Joulin 2017), with no data in it.
    """
    steps = (("dealt", IMAGES, DEALT), ("traded", IMAGES, TRADED), ("learnt", POINTS, TRADED))
    for column, (name, places, holds) in enumerate(steps):
        _circle(ax, column * APART, np.deg2rad(places), holds)
        ax.annotate(
            words(f"chart.idea.{name}"), (column * APART, -1.3), ha="center", va="top", color=INK,
            fontsize=10.5, linespacing=1.35, annotation_clip=False,
        )  # fmt: skip
        if column:
            ax.annotate(
                "", (column * APART - 1.28, 0), (column * APART - APART + 1.28, 0),
                arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 1.6},
            )  # fmt: skip
    ax.set_aspect("equal")
    ax.set_xlim(-1.35, 2 * APART + 1.35)
    ax.set_ylim(-1.95, 1.1)
    ax.axis("off")
    headline(ax, words("chart.idea.title"), words("chart.idea.subtitle"))
    return ax


def _circle(ax: Axes, left: float, angles: np.ndarray, holds: np.ndarray) -> None:
    """One moment: the circle, the fixed points on it as crosses, and each image tied to the point that it holds."""
    round_ = np.linspace(0, 2 * np.pi, 181)
    ax.plot(left + np.cos(round_), np.sin(round_), color=HAIR, linewidth=1.2, zorder=1)
    ends = np.deg2rad(POINTS[holds])
    inner = 0.84  # images are drawn a little inside, so that crosses stay to be seen
    for kind, (colour, marker) in enumerate(LOOKS):
        mine = kind == KINDS
        x, y = left + inner * np.cos(angles[mine]), inner * np.sin(angles[mine])
        ax.plot(
            np.stack([x, left + np.cos(ends[mine])]), np.stack([y, np.sin(ends[mine])]),
            color=colour, linewidth=1.3, alpha=0.75, zorder=2,
        )  # fmt: skip
        ax.scatter(x, y, 62, colour, marker=marker, edgecolor="white", linewidth=0.8, zorder=4)
    points = np.deg2rad(POINTS)
    ax.scatter(left + np.cos(points), np.sin(points), 44, INK, marker="x", linewidth=1.5, zorder=3)
