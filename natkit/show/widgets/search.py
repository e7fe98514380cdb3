"""Similar images in JupyterLab: click one, or upload one, and see its nearest."""

import html
import tempfile
from collections.abc import Callable
from pathlib import Path

import ipywidgets as w
import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.data.decoding import UnreadableImage, in_channels, read_image, resize
from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet, png, shrunk
from natkit.look.association import text
from natkit.look.neighbors import Index
from natkit.show.widgets.pictures import MOST, SIDE, Shown, picture_of, row_of_image
from natkit.show.words.catalogue import words


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
        self.note = w.HTML()
        self.grid = w.HBox(layout={"flex_flow": "row wrap"})
        self.asked = w.VBox()
        self.upload = w.FileUpload(accept="image/*", description=self.words("lab.upload"))
        self.upload.observe(lambda change: self._uploaded(change["new"]), "value")
        top = [self.asked, self.upload] if encode else [self.asked]
        self.widget = w.VBox([w.HBox(top), self.note, self.grid])
        self.ask(int(emb.ids[0]) if start is None else start)

    def ask(self, id: int) -> pd.DataFrame:
        """Show the images nearest to one of these, and return them."""
        title = w.HTML(f"<b>{html.escape(row_of_image(self.images, id)['path'][-40:])}</b>")
        return self._show(self.index.similar(id, MOST // 2), picture_of(self.images, id), title)

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
        near = self.index.like(vector[0], MOST // 2)
        return self._show(near, png(shrunk(pixels, SIDE)).getvalue(), title)

    def _show(self, near: pd.DataFrame, picture: bytes, title: w.HTML) -> pd.DataFrame:
        self.found = near.merge(self.images.table[["id", "path", *self.images.columns]], on="id")
        image = w.Image(value=picture, format="png", layout={"width": f"{SIDE}px"})
        self.asked.children = (title, image)
        self.grid.children = tuple(self._card(row) for row in near.itertuples(index=False))
        self.note.value = ""
        return self.found

    def _card(self, row) -> w.Widget:
        facts = row_of_image(self.images, row.id)
        shown = [f"{c}: {text(facts[c])}" for c in self.images.columns[:4] if not pd.isna(facts[c])]
        lines = [self.words("lab.distance", value=self.words.score(row.distance)), *shown]
        caption = w.HTML("<small>" + "<br>".join(map(html.escape, lines)) + "</small>")
        button = w.Button(description=self.words("lab.similar"), layout={"width": f"{SIDE}px"})
        button.on_click(lambda _: self.ask(int(row.id)))
        picture = w.Image(
            value=picture_of(self.images, row.id), format="png", layout={"width": f"{SIDE}px"}
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
            self.note.value = f"<b>{html.escape(str(error))}</b>"
