"""Widgets for JupyterLab: lasso the map, find similar images, label the next ones.

Each is shown by the last line of a cell. What is clicked is kept at once (``ImageSet.mark``: ledger and table),
and each can be done without a click: ``select(ids)``, ``ask(id)``, ``images.mark(...)``.
"""

import html
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as w
import numpy as np
import pandas as pd
from PIL import Image

from natkit.core.errors import InputError
from natkit.data.decoding import UnreadableImage, in_channels, read_image, resize
from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet, png, shrunk, thumbnail
from natkit.look.association import text
from natkit.look.neighbors import Index
from natkit.show.gallery import thumbnails
from natkit.show.style import GREY, INK, PALETTE
from natkit.show.words.catalogue import words
from natkit.show.worksheet import CHOICES, known_labels

SIDE, SHOWN = 96, 24  # pixels of a picture, and most pictures at once
ROOM = 4_000_000  # characters for the pictures under the pointer
COLOURS = (*PALETTE, "#E69F00", "#56B4E9", INK, GREY)  # then from the start again


class Shown:
    """What the last line of a cell shows: ``self.widget``."""

    widget: w.Widget

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)


class _Marking(Shown):
    """Images that can be labelled, tagged and set aside by ``by``."""

    def __init__(self, images: ImageSet, lang: str, by: str):
        self.images, self.words = images, words(lang)
        self.by = w.Text(value=by, description=self.words("lab.by"), layout={"width": "260px"})
        self.said = w.HTML()

    def mark(self, ids: Sequence[int], **what: object) -> None:
        """Say one thing of images, as ``ImageSet.mark``; what can't be said is shown, not raised."""
        try:
            self.images = self.images.mark(ids, by=self.by.value, **what)
        except InputError as error:
            self.said.value = f"<b>{html.escape(str(error))}</b>"
            return
        ((kind, value),) = what.items()
        self.said.value = self.words(f"lab.said_{kind}", n=len(ids), value=html.escape(str(value)))

    def label_buttons(self, say: Callable[[str], None]) -> w.Widget:
        """A button for each label, or a field to type one and a button."""
        if found := known_labels(self.images):
            made = []
            for label in found:
                button = w.Button(description=label, layout={"width": "auto", "min_width": "48px"})
                button.on_click(lambda _, label=label: say(label))
                made.append(button)
            return w.HBox(made, layout={"flex_flow": "row wrap"})
        return typed(self.words("lab.label"), say)

    def picture(self, id: int) -> w.Image:
        return w.Image(value=_picture(self.images, id), format="png", layout={"width": f"{SIDE}px"})

    def caption(self, id: int, more: str = "") -> w.HTML:
        """The end of the file name, the label, and what else is to be said."""
        row = _row(self.images, id)
        label = self.images.prepared.info["label"]
        facts = [] if label is None or pd.isna(row[label]) else [f"{label}: {text(row[label])}"]
        lines = [row["path"][-16:], *facts, *([more] if more else [])]
        inside = "<br>".join(html.escape(line) for line in lines)
        return w.HTML(
            f"<small style='overflow-wrap: anywhere' title='{html.escape(row['path'], quote=True)}'>{inside}</small>"
        )


class Explorer(_Marking):
    """The map with a lasso: what is selected is shown, and can be labelled, tagged or set aside.

    Parameters
    ----------
    images
        The prepared folder.
    section
        What ``Map.section`` gave.
    lang
        "en" or "ja".
    by
        Who decides; it can be changed in the widget.
    selected
        Ids that are selected at first.

    Attributes
    ----------
    selected : list of int
        Ids of the images that are selected now.
    images : ImageSet
        With all that was said so far.

    Raises
    ------
    InputError
        If the section has a point that is not among the images.
    """

    def __init__(
        self,
        images: ImageSet,
        section: dict,
        lang: str = "en",
        by: str = "",
        selected: Sequence[int] = (),
    ):
        import jscatter

        super().__init__(images, lang, by)
        ids = np.array(section["ids"], np.int64)
        lost = ids[~np.isin(ids, images.ids)]
        if len(lost):
            raise InputError(
                f"{len(lost)} of {len(ids)} points are of images that are not there, such as {lost[0]}. "
                "Draw the map of this prepared folder."
            )
        frame = pd.DataFrame(section["points"], columns=["x", "y", "cluster"])
        names = {c["cluster"]: c["name"] for c in section["clusters"]}
        none = self.words("map.noise")
        frame["cluster"] = [none if c < 0 else names.get(c) or str(c) for c in frame["cluster"]]
        rows = images.table.set_index("id").loc[ids]
        frame["file"] = rows["path"].to_numpy()
        for column in images.columns:  # a point's columns under the pointer, and to colour by
            frame[f"= {column}"] = rows[column].map(text).to_numpy()
        self._ids, self._place = ids, pd.Series(np.arange(len(ids)), index=ids)
        pictures = self._pictures()
        if pictures:
            frame["picture"] = [f"data:image/webp;base64,{p}" for p in pictures]
        self.scatter = jscatter.Scatter(data=frame, x="x", y="y", height=520, width=760)
        self.scatter.axes(False)
        self.scatter.size(default=float(np.clip(400 / np.sqrt(len(frame)), 5, 12)))
        self.scatter.mouse("lasso")
        self.scatter.tooltip(
            True,
            properties=["file", "cluster"],
            **({"preview": "picture", "preview_type": "image"} if pictures else {}),
        )
        options = {self.words("explorer.cluster"): "cluster"}
        options |= {c: f"= {c}" for c in images.columns if rows[c].nunique() <= 2 * CHOICES}
        self.colour = w.Dropdown(options=options, description=self.words("explorer.colour"))
        self.colour.observe(lambda change: self._colour(change["new"]), "value")
        self._colour("cluster")
        self.count, self.gallery = w.HTML(), w.HBox(layout={"flex_flow": "row wrap"})
        self.actions = w.VBox()
        self.widget = w.VBox(
            [
                w.HBox([self.colour, self.by]),
                self.scatter.show(),
                self.count,
                self.actions,
                self.said,
                self.gallery,
            ]
        )
        self.scatter.widget.observe(lambda _: self._selected(), "selection")
        self.select(selected)

    def select(self, ids: Sequence[int]) -> None:
        """Select images, as the lasso does; ids that are not on the map are left out."""
        known = [int(i) for i in ids if i in self._place.index]
        self.scatter.selection(self._place.loc[known].to_numpy())
        self._selected()

    def _pictures(self) -> list[str]:
        try:
            pixels = self.images.pixels(SIDE)
        except InputError:  # the files have gone: a map without pictures is still a map
            return []
        row_of = pd.Series(np.arange(len(self.images)), index=self.images.ids)
        return thumbnails(pixels, row_of.loc[self._ids].to_numpy(), ROOM)[1]

    def _colour(self, column: str) -> None:
        self.scatter.color(by=column, map=list(COLOURS))

    def _selected(self) -> None:
        self.selected = [int(self._ids[row]) for row in self.scatter.selection()]
        chosen = self.selected
        self.count.value = self.words("lab.selected", n=len(chosen), of=len(self._ids))
        self.gallery.children = tuple(
            w.VBox([self.picture(i), self.caption(i)], layout={"width": f"{SIDE + 12}px"})
            for i in chosen[:SHOWN]
        )
        if not chosen:
            self.actions.children = ()
            return
        aside = w.Button(description=self.words("lab.set_aside"), layout={"width": "auto"})
        aside.on_click(lambda _: self.mark(self.selected, set_aside=True))
        self.actions.children = (
            self.label_buttons(lambda label: self.mark(self.selected, label=label)),
            w.HBox(
                [typed(self.words("lab.tag"), lambda tag: self.mark(self.selected, tag=tag)), aside]
            ),
        )


class LabelNext(_Marking):
    """The images whose labels would teach most, with a button for each label.

    Parameters
    ----------
    images
        The prepared folder.
    suggestions
        What :func:`natkit.look.suggest.label_next` gave.
    lang, by
        As of :class:`Explorer`.
    """

    def __init__(self, images: ImageSet, suggestions: pd.DataFrame, lang: str = "en", by: str = ""):
        super().__init__(images, lang, by)
        cards = [self._card(row) for row in suggestions.itertuples(index=False)]
        grid = w.HBox(cards, layout={"flex_flow": "row wrap"})
        self.widget = w.VBox([self.by, self.said, grid])

    def _card(self, row) -> w.Widget:
        done = w.HTML()
        why = self.words("lab.stands_for", n=int(row.stands_for))
        if not pd.isna(row.uncertainty):
            share = self.words.percent(float(row.uncertainty))
            why = self.words("lab.uncertain", share=share, guess=str(row.guess))

        def say(label: str) -> None:
            self.mark([row.id], label=label)
            done.value = f"<b>✓ {html.escape(label)}</b>"

        parts = [self.picture(row.id), self.caption(row.id, why), self.label_buttons(say), done]
        return w.VBox(parts, layout={"width": "190px", "margin": "0 8px 12px 0"})


class Search(Shown):
    """Similar images: click one, or upload one, and see its nearest with their distance and columns.

    Parameters
    ----------
    images
        The prepared folder.
    emb
        An embedding of (some of) its images.
    start
        Id of the image that is asked for at first; by default the first.
    encode
        How a new picture (1, h, w, c) becomes a vector (1, d): ``model.transform``. Without it nothing is uploaded.
    size
        Side that ``encode`` wants, in pixels.
    lang
        "en" or "ja".

    Attributes
    ----------
    found : pandas.DataFrame
        ``id`` and ``distance`` of the nearest images, and the user's columns.
    """

    def __init__(
        self,
        images: ImageSet,
        emb: Embedding,
        start: int | None = None,
        encode: Callable[[np.ndarray], np.ndarray] | None = None,
        size: int = SIDE,
        lang: str = "en",
    ):
        emb.join(images.table)  # both of the same folder
        self.images, self.index, self.words = images, Index(emb), words(lang)
        self.encode, self.size = encode, size
        self.said, self.grid, self.asked = (
            w.HTML(),
            w.HBox(layout={"flex_flow": "row wrap"}),
            w.VBox(),
        )
        self.upload = w.FileUpload(accept="image/*", description=self.words("lab.upload"))
        self.upload.observe(lambda change: self._uploaded(change["new"]), "value")
        top = [self.asked, self.upload] if encode else [self.asked]
        self.widget = w.VBox([w.HBox(top), self.said, self.grid])
        self.ask(int(emb.ids[0]) if start is None else start)

    def ask(self, id: int) -> pd.DataFrame:
        """Show the images nearest to one of these, and return them."""
        title = w.HTML(f"<b>{html.escape(_row(self.images, id)['path'][-40:])}</b>")
        return self._show(self.index.similar(id, SHOWN // 2), _picture(self.images, id), title)

    def ask_new(self, file: str | Path) -> pd.DataFrame:
        """Show the images nearest to a new picture.

        Raises
        ------
        UnreadableImage, InputError
            If the file is no image, or of other channels than the network was trained on.
        """
        pixels = in_channels(read_image(file), int(self.images.table["channels"].iloc[0]))
        vector = self.encode(resize(pixels, self.size)[None])
        title = w.HTML(f"<b>{html.escape(self.words('lab.new_image'))}</b>")
        near = self.index.like(vector[0], SHOWN // 2)
        return self._show(near, png(shrunk(pixels, SIDE)).getvalue(), title)

    def _show(self, near: pd.DataFrame, picture: bytes, title: w.HTML) -> pd.DataFrame:
        self.found = near.merge(self.images.table[["id", "path", *self.images.columns]], on="id")
        image = w.Image(value=picture, format="png", layout={"width": f"{SIDE}px"})
        self.asked.children = (title, image)
        self.grid.children = tuple(self._card(row) for row in near.itertuples(index=False))
        self.said.value = ""
        return self.found

    def _card(self, row) -> w.Widget:
        facts = _row(self.images, row.id)
        shown = [f"{c}: {text(facts[c])}" for c in self.images.columns[:4] if not pd.isna(facts[c])]
        lines = [self.words("lab.distance", value=self.words.score(row.distance)), *shown]
        caption = w.HTML("<small>" + "<br>".join(map(html.escape, lines)) + "</small>")
        button = w.Button(description=self.words("lab.similar"), layout={"width": f"{SIDE}px"})
        button.on_click(lambda _: self.ask(int(row.id)))
        picture = w.Image(
            value=_picture(self.images, row.id), format="png", layout={"width": f"{SIDE}px"}
        )
        return w.VBox([picture, button, caption], layout={"width": f"{SIDE + 44}px"})

    def _uploaded(self, files: tuple) -> None:
        if not files:
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "uploaded"
                file.write_bytes(files[0]["content"])
                self.ask_new(file)
        except (InputError, UnreadableImage) as error:
            self.said.value = f"<b>{html.escape(str(error))}</b>"


def typed(name: str, say: Callable[[str], None]) -> w.Widget:
    """A field and a button that says what stands in it."""
    field = w.Text(placeholder=name, layout={"width": "180px"})
    button = w.Button(description=name, layout={"width": "auto"})
    button.on_click(lambda _: say(field.value.strip()) if field.value.strip() else None)
    return w.HBox([field, button])


def _row(images: ImageSet, id: int) -> pd.Series:
    """The image's row of the table."""
    return images.table.iloc[int(np.flatnonzero(images.ids == id)[0])]


def _picture(images: ImageSet, id: int) -> bytes:
    """A small picture as PNG; an empty frame if its file has gone."""
    path = _row(images, id)["path"]
    picture = thumbnail(images.prepared.file(path), SIDE)
    return png(picture or Image.new("L", (SIDE, SIDE), 225)).getvalue()
