"""The map to explore: one file in which a reader hovers, colours, selects and searches, with no network.

Maintainers: Bokeh draws the dots and knows which are hit; ``explorer.html.j2`` lays out,
``explorer.js`` does the rest, on JSON that is never run. The page allows itself two scripts, named by
their hashes, and no request: a user's text that gets into the page as markup still does nothing.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from bokeh import models
from bokeh.core.properties import value
from bokeh.document import Document
from bokeh.palettes import Cividis256
from bokeh.plotting import figure
from bokeh.resources import Resources

from natkit.core.errors import InputError
from natkit.core.files import writing
from natkit.facts.map import MapFacts
from natkit.show.explorer.columns import column, columns, safe_json, shortened, text
from natkit.show.gallery import thumbnails
from natkit.show.pages import template
from natkit.show.style import HAIR, INK, PALETTE
from natkit.show.words import titles
from natkit.show.words.catalogue import Words, words

LIMIT = 5_000_000  # bytes of the file, so that it can be sent by mail
TEXT, SPARE = 1_200_000, 1_000  # bytes for file names and as many for columns; left for notes
COLOURS = (*PALETTE, "#E69F00", "#56B4E9", INK)  # the rest of Okabe and Ito's; each has its marker
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus", "star")
OTHER, MISSING = "#8C959F", "#C9CED4"
FONT = "Segoe UI, Helvetica Neue, Arial, Yu Gothic UI, Meiryo, Hiragino Sans, Noto Sans CJK JP, IPAexGothic, sans-serif"


def explorer(
    file: str | Path,
    section: dict,
    table: pd.DataFrame,
    pixels: np.ndarray | None,
    ids: np.ndarray | None,
    lang: str = "en",
) -> Path:
    """Write the map of the images as one HTML file that can be explored anywhere, offline.

    Hovering shows the image; dots take the colour of the cluster, the split or any user's column; lasso,
    box, legend and search by file name select, and the selected are counted and listed.

    Parameters
    ----------
    file
        The HTML file to write; its folder is made if need be.
    section
        What ``Map.section`` gives: at most 5,000 points, a sample by cluster of more images.
    table
        The manifest: ``id``, ``path`` and the columns to colour by.
    pixels
        (n, h, w, c) of any depth, shown as on contact sheets; or None for a page without pictures.
    ids
        int64 (n,), of the pixels.
    lang
        "en" or "ja".

    Returns
    -------
    Path of the file, of at most 5,000,000 bytes: pictures are made smaller until they fit, and columns that
    take too much room are left out; the page says so.

    Raises
    ------
    InputError
        If there is no point, a point has no image in the table or in the pixels, or pixels have another
        shape.

    Notes
    -----
    About 3 s for 5,000 images of 64 x 64 on a slow core.
    """
    vocabulary = words(lang)
    points, shown = _points(section)
    section = MapFacts.of(section)
    rows = _rows(table, shown)
    places = None if pixels is None else _places(shown, pixels, ids)
    coloured, left_out = columns(rows, TEXT, vocabulary)
    data = {
        "plot": _plot(points, section),
        "names": shortened([text(path) for path in rows["path"]], TEXT),
        "columns": [_clusters(points[:, 2].astype(int), section, vocabulary), *coloured],
        "words": _live(vocabulary),
        "colours": COLOURS,
        "markers": MARKERS,
        "other": OTHER,
        "missing": MISSING,
        "scale": Cividis256[:240:8],
        "size": round(float(np.clip(400 / np.sqrt(len(points)), 6, 11)), 1),  # of a dot, in pixels
        "pictures": [],
    }
    notes = _left_out(left_out, vocabulary)
    page = _page(data, section, [vocabulary("explorer.no_pictures"), *notes], vocabulary)
    if places is not None:
        room = LIMIT - len(page.encode()) - SPARE
        side, data["pictures"] = thumbnails(pixels, places, room)
        if 0 < side < max(pixels.shape[1:3]):
            notes.insert(0, vocabulary("explorer.pictures", side=side))
        if side:
            page = _page(data, section, notes, vocabulary)
    with writing(file) as part:
        part.write_text(page, encoding="utf-8")
    return Path(file)


def _points(section: dict) -> tuple[np.ndarray, np.ndarray]:
    """The points to show, float (k, 3) with the cluster last, and their ids, int64 (k,)."""
    points, ids = section.get("points", []), section.get("ids", [])
    if not len(points) or len(points) != len(ids):
        raise InputError(
            f"The explorer needs a point and an id for each image, but the section has {len(points)} "
            f"points and {len(ids)} ids. Give the dictionary that Map.section() returns."
        )
    points, ids = np.asarray(points, float), np.asarray(ids, np.int64)
    return points, ids


def _rows(table: pd.DataFrame, ids: np.ndarray) -> pd.DataFrame:
    """The manifest's rows of ``ids``, in their order."""
    if not {"id", "path"} <= set(table.columns):
        raise InputError(
            f"The explorer needs a table with the columns id and path, but this one has "
            f"{', '.join(map(str, table.columns[:8]))}. Give the manifest, prepared.table."
        )
    rows = table.drop_duplicates("id").set_index("id")
    _check_known(ids, rows.index, "in the table", "Give the manifest of the same images")
    return rows.loc[ids]


def _places(shown: np.ndarray, pixels: np.ndarray, ids: np.ndarray | None) -> np.ndarray:
    """Where in ``pixels`` the shown images stand, int (k,)."""
    if ids is None or pixels.ndim != 4 or len(pixels) != len(ids):
        given = "no ids" if ids is None else f"{len(ids)} ids"
        raise InputError(
            f"The explorer takes pixels (n, h, w, c) and n ids, but got {pixels.shape} and {given}. "
            "Give both from one embedding, or pixels=None for a page without pictures."
        )
    _check_known(shown, ids, "among the pixels", "Give the pixels of all images")
    where = pd.Series(np.arange(len(ids)), index=ids)
    return where[~where.index.duplicated()].loc[shown].to_numpy()


def _check_known(ids: np.ndarray, known: Sequence, where: str, remedy: str) -> None:
    lost = ids[~np.isin(ids, np.asarray(known))]
    if len(lost):
        raise InputError(
            f"{len(lost)} of {len(ids)} points have an id that is not {where} (the first is "
            f"{lost[0]}). {remedy} that the map was drawn of."
        )


def _clusters(numbers: np.ndarray, section: MapFacts, words: Words) -> dict:
    """The first column: clusters by their names, or by their numbers in words."""
    given = _names(section)
    name = {
        c: text(given[c]) if given.get(c) else words("map.sheet", cluster=c)
        for c in set(numbers[numbers >= 0].tolist())
    }
    values = pd.Series([name.get(c) for c in numbers.tolist()], dtype=object)
    return column(words("explorer.cluster"), values, words("map.noise"))


def _names(section: MapFacts) -> dict[int, str | None]:
    return {row.cluster: row.name for row in section.clusters}


def _live(words: Words) -> dict[str, str]:
    """Sentences that the page fills in itself."""
    above = "explorer.live."
    return {k.removeprefix(above): s for k, s in words.sentences.items() if k.startswith(above)}


def _plot(points: np.ndarray, section: MapFacts) -> dict:
    """The dots and the clusters' names as a Bokeh document; the page gives the colours."""
    x, y, cluster = points.T
    plot = figure(
        name="plot", x_range=_range(x), y_range=_range(y), tools="", toolbar_location=None,
        min_border=0, outline_line_color=None, sizing_mode="stretch_both",
    )  # fmt: skip
    plot.axis.visible = plot.grid.visible = False
    n = len(points)
    given = {"colour": [OTHER] * n, "marker": ["circle"] * n, "size": np.zeros(n, np.float32)}
    source = models.ColumnDataSource({"x": x, "y": y, **given}, name="points")
    fields = {"fill_color": "colour", "marker": "marker", "size": "size"}
    dots = plot.add_glyph(
        source,
        models.Scatter(**fields, line_color="white", line_width=0.5, fill_alpha=0.85),
        selection_glyph=models.Scatter(**fields, line_color=INK, line_width=0.8),
        nonselection_glyph=models.Scatter(**fields, line_color=None, fill_alpha=0.12),
        name="dots",
    )
    found = [c for c in np.unique(cluster) if c >= 0]
    names = _names(section)
    middles = np.array([np.median(points[cluster == c, :2], axis=0) for c in found]).reshape(-1, 2)
    texts = [titles.shorten(text(names.get(int(c)) or int(c)), 24) for c in found]
    plot.add_glyph(
        models.ColumnDataSource({"x": middles[:, 0], "y": middles[:, 1], "text": texts}),
        models.Text(
            text_font=value(FONT), text_font_size="13px", text_color=INK, text_align="center",
            text_baseline="middle", padding=3, border_radius=4, background_fill_color="white",
            background_fill_alpha=0.85, border_line_color=HAIR,
        ),
    )  # fmt: skip
    wheel, hover = models.WheelZoomTool(), models.HoverTool(tooltips=None, renderers=[dots])
    lasso = models.LassoSelectTool(name="lasso", renderers=[dots])
    box = models.BoxSelectTool(name="box", renderers=[dots])
    plot.add_tools(lasso, box, models.PanTool(name="move"), wheel, hover)
    plot.toolbar.active_scroll = wheel
    document = Document()
    document.add_root(plot)
    return _renumbered(
        {"doc": document.to_json(deferred=False), "root_id": plot.id, "target_id": "plot"}
    )


def _renumbered(item: dict) -> dict:
    """``item`` with Bokeh's running numbers counted from 0, so that the same map gives the same file."""
    number: dict[str, int] = {}
    pattern = re.compile(r'"((?:root_)?id)": "(p\d+)"')
    again = pattern.sub(
        lambda m: f'"{m[1]}": "p{number.setdefault(m[2], len(number))}"', json.dumps(item)
    )
    return json.loads(again)


def _range(values: np.ndarray) -> models.Range1d:
    """All values with 4 % of air at both ends; of one value, one unit."""
    air = 0.04 * np.ptp(values) or 0.5
    return models.Range1d(float(values.min() - air), float(values.max() + air))


def _left_out(names: list[str], words: Words) -> list[str]:
    """The sentence on columns that the file could not hold, if there are any."""
    more = [words("format.and_more", n=len(names) - 10)] if len(names) > 10 else []
    columns = words("format.join").join([*names[:10], *more])
    return [words("explorer.left_out", columns=columns)] if names else []


def _page(data: dict, section: MapFacts, notes: list[str], words: Words) -> str:
    home = files("natkit.show")
    looks = [home / "report" / "report.css", home / "explorer" / "explorer.css"]
    n, shown = section.n, len(data["names"])
    return template("explorer/explorer.html.j2").render(
        w=words,
        css="\n".join(look.read_text("utf-8") for look in looks),
        title=titles.map_by_cluster(section, words),
        trust=titles.trust(section, words),
        shown=words("explorer.shown_some", shown=shown, n=n)
        if shown < n
        else words("explorer.shown", n=n),
        notes=notes,
        data=safe_json(data),
        scripts=[
            _script("\n".join(Resources("inline", log_level="error", components=["bokeh"]).js_raw)),
            _script((home / "explorer" / "explorer.js").read_text("utf-8")),
        ],
    )


def _script(text: str) -> dict:
    """A script and the hash by which the page allows it."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"text": text, "hash": f"'sha256-{digest}'"}
