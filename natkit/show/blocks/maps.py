"""The map as a chart: each dot an image, colour and mark its cluster or label; no axes, as directions mean nothing."""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from natkit.facts.map import MapFacts
from natkit.show.style import (  # fmt: skip
    GREY,
    HAIR,
    MARKERS,
    PALE,
    PALETTE,
    VERMILLION,
    headline,
    plain,
)
from natkit.show.words import titles
from natkit.show.words.catalogue import Words


def map_points(ax: Axes, section: MapFacts | dict, words: Words, by: str = "cluster") -> Axes:
    """The map, coloured by ``"cluster"`` or by ``"label"`` (the column in ``section.colour``).

    Groups bear their number, and their name if they have one; points of none are grey; colour and marker go
    together. The trustworthiness and the warning about distances are part of the picture.
    """
    section = MapFacts.of(section)
    xy = _on_map(section)
    if by == "label":
        _by_label(ax, xy, section, words)
        title = titles.map_by_label(section, words)
    else:
        cluster = np.array([point[2] for point in section.points], dtype=int)
        _by_cluster(ax, xy, cluster)
        title = titles.map_by_cluster(section, words)
    _no_axes(ax)
    trust = words("chart.map.trust", value=f"{section.trustworthiness:.2f}")
    ax.set_xlabel(f"{trust}   {words('chart.map.far')}", loc="left", fontsize=10.5)
    subtitle = words("chart.map.subtitle", shown=len(xy), n=section.n, seed=str(section.seed))
    headline(ax, title, subtitle)
    if by != "label":
        _name_clusters(ax, xy, cluster, {c.cluster: c.name for c in section.clusters}, words)
    return ax


def map_new(ax: Axes, section: MapFacts | dict, new: np.ndarray, words: Words) -> Axes:
    """New images, xy (m, 2), on an old map, whose points are grey."""
    section = MapFacts.of(section)
    _dots(ax, _on_map(section), PALE, label=words("chart.new.old"))
    _dots(ax, new, VERMILLION, "D", words("chart.new.new"))
    _no_axes(ax)
    _legend(ax)
    ax.set_xlabel(words("chart.map.far"), loc="left", fontsize=10.5)
    headline(ax, words("chart.new.title", new=len(new)), words("chart.new.subtitle", old=section.n))
    return ax


def _on_map(section: MapFacts) -> np.ndarray:
    return np.array([point[:2] for point in section.points], dtype=float).reshape(-1, 2)


def _no_axes(ax: Axes) -> None:
    """A map has no axes: its directions mean nothing."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.margins(0.04)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _legend(ax: Axes, title: str | None = None) -> None:
    """At the right of the map, with marks of one size."""
    legend = ax.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title=title, alignment="left"
    )
    for mark in legend.legend_handles:
        mark.set_sizes([48])


def _dots(
    ax: Axes, xy: np.ndarray, colour: str, marker: str = "o", label: str | None = None,
    among: int | None = None,
) -> None:  # fmt: skip
    """Dots the smaller the more there are; ``among`` counts those of other calls too."""
    size = float(np.clip(9000 / max(len(xy), 1) if among is None else 60000 / among, 9, 36))
    ax.scatter(
        *xy.T, s=size, color=colour, marker=marker, alpha=0.75, linewidths=0.3, edgecolors="white",
        label=label,
    )  # fmt: skip


def _by_cluster(ax: Axes, xy: np.ndarray, cluster: np.ndarray) -> None:
    """24 pairs of colour and marker, of which the next ones always differ in both."""
    _dots(ax, xy[cluster < 0], PALE, ".", among=len(xy))
    for c in np.unique(cluster[cluster >= 0]):
        marker = MARKERS[(c + c // 12) % len(MARKERS)]
        _dots(ax, xy[cluster == c], PALETTE[c % len(PALETTE)], marker, among=len(xy))


def _name_clusters(
    ax: Axes, xy: np.ndarray, cluster: np.ndarray, names: dict[int, str | None], words: Words
) -> None:
    """Number and name in the middle of each cluster, or beside it on a thin line where it's crowded."""
    found = np.unique(cluster[cluster >= 0])
    if not len(found):
        return
    notes = []
    for c in found:
        name = names.get(int(c))
        text = words("map.names", cluster=str(c), name=plain(name, 20)) if name else str(c)
        notes.append(ax.annotate(
            text, np.median(xy[cluster == c], axis=0), (0, 0), textcoords="offset points",
            ha="center", va="center", fontsize=12 if len(found) <= 12 else 10,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": HAIR},
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.8, "shrinkB": 0},
        ))  # fmt: skip
    page = ax.get_figure(root=True)
    page.draw_without_rendering()  # now the places and sizes of all are known
    points = 72 / page.dpi
    home = ax.transData.transform([note.xy for note in notes]) * points
    half = np.array([Text.get_window_extent(note).size for note in notes]) / 2 * points
    half += 0.35 * notes[0].get_fontsize()  # the frame
    moved = _apart(home, half, *ax.bbox.get_points() * points)
    for note, offset in zip(notes, moved - home, strict=True):
        note.xyann = tuple(offset)


def _apart(at: np.ndarray, half: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Centres of boxes of half sizes ``half`` (k, 2), pushed until none overlap, in low..high."""
    first = np.arange(len(at))[:, None] > np.arange(len(at))
    for _ in range(500):
        gap = at[:, None] - at
        over = half[:, None] + half - np.abs(gap)
        over[np.diag_indices(len(at))] = -1
        hit = (over > 0).all(axis=2)
        if not hit.any():
            break
        way = np.where((gap > 0) | ((gap == 0) & first[..., None]), 1.0, -1.0)
        short = over == over.min(axis=2, keepdims=True)  # along the side where less is to go
        push = (way * (over / 2 + 0.01) * short * hit[..., None]).sum(axis=1)
        at = np.clip(at + 0.7 * push, low + half, high - half)
    return at


def _by_label(ax: Axes, xy: np.ndarray, section: MapFacts, words: Words) -> None:
    values = np.array([str(value) for value in section.colour.values], dtype=object)
    common = [value for value, _ in Counter(values.tolist()).most_common(len(PALETTE))]
    rest = ~np.isin(values, common)
    if rest.any():
        _dots(ax, xy[rest], GREY, ".", f"{words('chart.map.other')}  ({rest.sum():,})")
    for i, value in enumerate(common):  # the rarest last, so that it lies on top
        where = values == value
        name = plain(value, 20) or words("chart.map.none_value")
        _dots(ax, xy[where], PALETTE[i], MARKERS[i], f"{name}  ({where.sum():,})")
    _legend(ax, plain(section.colour.column, 20))
