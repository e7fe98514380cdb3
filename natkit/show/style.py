"""How all charts look: palette, fonts, titles, and the file they end in."""

import dataclasses
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from natkit.core.files import writing
from natkit.show.words import titles
from natkit.show.words.catalogue import Words

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito
GREY, INK, HAIR = "#666666", "#1F2328", "#D0D4D9"
PALE = "#B4B9BF"  # dots that are there for their number only
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE)  # contrast on white ≥ 3, safe for colour-blind eyes
MARKERS = ("o", "s", "^", "D", "v", "P")
SIZE = (9.6, 5.4)  # inches; 960 x 540 in a page, twice that in the file
DPI = 200
OF_THE_PROCESS = (  # settings that say how matplotlib runs here, not how a chart looks
    "backend", "date.epoch", "docstring.", "figure.max_open_warning", "figure.raise_window", "interactive",
    "savefig.directory", "tk.", "toolbar", "webagg.",
)  # fmt: skip
HEAD = "natkit-headline"  # in a chart's file: share of its height that the title takes


@cache
def _japanese_font() -> str:
    """Path of IPAexGothic. Importing its package sets rcParams, which is undone here."""
    before = matplotlib.rcParams.copy()
    import matplotlib_fontja

    dict.update(matplotlib.rcParams, before)
    path = matplotlib_fontja.get_font_ttf_path()
    known = font_manager.fontManager.ttflist
    mine = [font for font in known if font.fname == path]
    if all(font.weight != 700 for font in mine):
        # it has no bold; without this entry a Japanese word in a bold title makes a warning
        known.append(dataclasses.replace(mine[0], weight=700))
    return path


@cache
def _drawable() -> frozenset[int]:
    """Code points that the two fonts have between them."""
    paths = (_japanese_font(), font_manager.findfont("DejaVu Sans"))
    return frozenset().union(*(font_manager.get_font(path).get_charmap() for path in paths))


@contextmanager
def theme(lang: str) -> Iterator[None]:
    """The look of all charts, in ``lang``; rcParams are as before afterwards.

    It stands on matplotlib's own defaults, so that a user's matplotlibrc or style sheet (LaTeX, a dark ground, other
    fonts) changes no chart of ours.
    """
    _japanese_font()
    plain = {
        k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(OF_THE_PROCESS)
    }
    both = ["IPAexGothic", "DejaVu Sans"]  # the first lacks µ, the second lacks Japanese
    style = {
        "font.family": both if lang == "ja" else both[::-1],
        "font.size": 11,
        "text.color": INK,
        "text.parse_math": False,  # a user's "$" is a dollar
        "axes.titlesize": 15,
        "axes.titleweight": "normal" if lang == "ja" else "bold",  # IPAexGothic has no bold
        "axes.titlelocation": "left",
        "axes.unicode_minus": True,
        "axes.edgecolor": HAIR,
        "axes.labelcolor": GREY,
        "axes.labelsize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": GREY,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 11,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
    try:
        with matplotlib.rc_context(plain | style):
            before = _open_figures()
            try:
                yield
                for fig in (
                    _open_figures() - before
                ):  # it is shown later, and its ticks are made now
                    fig.draw_without_rendering()
            finally:  # a notebook's backend turns this on with the first figure, and needs it kept
                shown = matplotlib.is_interactive()
    finally:
        matplotlib.interactive(shown)


def _open_figures() -> set[Figure]:
    """Those that a notebook made with pyplot and has not shown yet."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(map(pyplot.figure, pyplot.get_fignums())) if pyplot else set()


def save(fig: Figure, path: str | Path) -> Path:
    """Write ``fig`` as PNG at 200 dots an inch, and as SVG beside it, each whole or not at all.

    The SVG holds its letters as outlines, so it looks alike without our fonts; the same chart gives the same bytes.
    """
    path = Path(path)
    with writing(path) as part:
        fig.savefig(part, format="png", dpi=DPI, metadata={HEAD: f"{_headline_share(fig):.4f}"})
    outlines = {"svg.fonttype": "path", "svg.hashsalt": "natkit"}
    with writing(path.with_suffix(".svg")) as part, matplotlib.rc_context(outlines):
        fig.savefig(part, format="svg", metadata={"Date": None, "Creator": None})
    return path


def _headline_share(fig: Figure) -> float:
    """Share of the height that the title takes, from the top."""
    shown = [ax._left_title for ax in fig.axes if ax.get_title("left")]
    low = min((t.get_window_extent().y0 for t in shown), default=fig.bbox.height)
    return max(0.0, 1 - low / fig.bbox.height)


def headroom(path: str | Path) -> float:
    """Share of a chart's height, from the top, that its title takes; 0 if the file does not say."""
    with Image.open(path) as image:
        return float(image.info.get(HEAD, 0))


def figure(draw: Callable[[Axes], Axes], path: str | Path, size: tuple = SIZE) -> Path:
    """One chart in a file: ``draw`` gets the Axes. No pyplot, so nothing stays open."""
    fig = Figure(figsize=size, dpi=DPI, layout="constrained")  # at another dpi words are wider
    fig.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    ax = fig.subplots()
    draw(ax)
    fig.draw_without_rendering()
    box = ax.get_position()
    edge = (0.001 - box.x0) / box.width  # titles start at the edge of the figure, not of the axes
    fig.set_layout_engine("none")
    ax._left_title.set_x(edge)
    for text in ax.texts:
        if text.get_gid() == "subtitle":
            text.set_x(edge)
            text.xy = (edge, 1)
    return save(fig, path)


def show(
    draw: Callable[..., Axes], *facts: object, words: Words, size: tuple = (9, 6), **options: object
) -> None:
    """One chart below a notebook's cell: ``draw(ax, *facts, words=words, **options)`` in the look of all charts."""
    import matplotlib.pyplot as plt

    with theme(words.lang):
        _, ax = plt.subplots(figsize=size)
        draw(ax, *facts, words=words, **options)


def plain(text: object, length: int = 28) -> str:
    """A user's text for a chart: one line, short, without direction marks or missing glyphs."""
    kept = (c for c in str(text) if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    shown = "".join(c if c.isspace() or ord(c) in _drawable() else "□" for c in kept)
    return titles.shorten(shown, length)


def halved(text: str) -> str:
    """``text`` in two lines about as long, broken at a space or after Japanese punctuation."""
    cells = [2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text]
    half, best, sofar = sum(cells) / 2, None, 0
    for i, cell in enumerate(cells):
        sofar += cell
        if text[i] in " 、。：；" and (best is None or abs(sofar - half) < best[0]):
            best = (abs(sofar - half), i + 1)
    cut = best[1] if best else len(text) // 2
    return f"{text[:cut].rstrip()}\n{text[cut:].lstrip()}"


def headline(ax: Axes, title: str, subtitle: str) -> None:
    """The finding as title, in at most two lines and whole; what and how many below it in grey."""
    columns = ax.get_subplotspec().get_gridspec().ncols if ax.get_subplotspec() else 1
    room = ax.figure.bbox.width / columns * 0.985
    title = "".join(c if c.isspace() or ord(c) in _drawable() else "□" for c in title)
    shown = ax.set_title(title, loc="left", pad=30, linespacing=1.25)
    if shown.get_window_extent().width > room:
        shown.set_text(halved(title))
    if (width := shown.get_window_extent().width) > room:
        shown.set_fontsize(shown.get_fontsize() * room / width)
    ax.annotate(
        subtitle, (0, 1), (0, 10), xycoords="axes fraction", textcoords="offset points",
        color=GREY, fontsize=11, gid="subtitle",
    )  # fmt: skip


def bare(ax: Axes, axis: str) -> None:
    """Bars and rows: no frame, thin grid along ``axis`` only."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(axis=axis, color=HAIR, linewidth=0.7)
    ax.set_axisbelow(True)


def whole_numbers(ax: Axes, most: int) -> None:
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
    ax.set_xlim(0, max(most, 1) * 1.18)
