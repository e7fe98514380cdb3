"""What the widgets share: a widget that a cell shows, small pictures of images, and marks that a click leaves."""

import html
from collections.abc import Callable, Sequence

import ipywidgets as w
import numpy as np
import pandas as pd
from PIL import Image

from natkit.core.errors import InputError
from natkit.data.images import ImageSet, png, thumbnail
from natkit.look.association import text
from natkit.show.words.catalogue import words
from natkit.show.worksheet import known_labels

SIDE, MOST = 96, 24  # pixels of a picture, and most pictures at once


class Shown:
    """What the last line of a cell shows: ``self.widget``."""

    widget: w.Widget

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)


class Marking(Shown):
    """Images that can be labelled, tagged and set aside by ``by``."""

    def __init__(self, images: ImageSet, lang: str, by: str):
        self.images, self.words = images, words(lang)
        self.by = w.Text(value=by, description=self.words("lab.by"), layout={"width": "260px"})
        self.note = w.HTML()

    def mark(self, ids: Sequence[int], **what: object) -> None:
        """Say one thing of images, as ``ImageSet.mark``; what can't be said is shown, not raised."""
        try:
            self.images = self.images.mark(ids, by=self.by.value, **what)
        except InputError as error:
            self.note.value = f"<b>{html.escape(str(error))}</b>"
            return
        ((kind, value),) = what.items()
        self.note.value = self.words(f"lab.said_{kind}", n=len(ids), value=html.escape(str(value)))

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
        return w.Image(
            value=picture_of(self.images, id), format="png", layout={"width": f"{SIDE}px"}
        )

    def caption(self, id: int, more: str = "") -> w.HTML:
        """The end of the file name, the label, and what else is to be said."""
        row = row_of_image(self.images, id)
        label = self.images.prepared.info["label"]
        facts = [] if label is None or pd.isna(row[label]) else [f"{label}: {text(row[label])}"]
        lines = [row["path"][-16:], *facts, *([more] if more else [])]
        inside = "<br>".join(html.escape(line) for line in lines)
        return w.HTML(
            f"<small style='overflow-wrap: anywhere' title='{html.escape(row['path'], quote=True)}'>{inside}</small>"
        )


def typed(name: str, say: Callable[[str], None]) -> w.Widget:
    """A field and a button that says what stands in it."""
    field = w.Text(placeholder=name, layout={"width": "180px"})
    button = w.Button(description=name, layout={"width": "auto"})
    button.on_click(lambda _: say(field.value.strip()) if field.value.strip() else None)
    return w.HBox([field, button])


def row_of_image(images: ImageSet, id: int) -> pd.Series:
    """The image's row of the table."""
    return images.table.iloc[int(np.flatnonzero(images.ids == id)[0])]


def picture_of(images: ImageSet, id: int) -> bytes:
    """A small picture as PNG; an empty frame if its file has gone."""
    path = row_of_image(images, id)["path"]
    picture = thumbnail(images.prepared.file(path), SIDE)
    return png(picture or Image.new("L", (SIDE, SIDE), 225)).getvalue()
