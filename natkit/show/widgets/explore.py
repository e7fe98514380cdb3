"""The map in JupyterLab with a lasso: what is selected is shown, and can be labelled, tagged or set aside."""

from collections.abc import Sequence

import ipywidgets as w
import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.data.images import ImageSet
from natkit.look.association import text
from natkit.show.gallery import thumbnails
from natkit.show.style import GREY, INK, PALETTE
from natkit.show.widgets.pictures import MOST, SIDE, Marking, typed
from natkit.show.worksheet import CHOICES

ROOM = 4_000_000  # characters for the pictures under the pointer
COLOURS = (*PALETTE, "#E69F00", "#56B4E9", INK, GREY)  # then from the start again


class Explorer(Marking):
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
        super().__init__(images, lang, by)
        ids = np.array(section["ids"], np.int64)
        lost = ids[~np.isin(ids, images.ids)]
        if len(lost):
            raise InputError(
                f"{len(lost)} of {len(ids)} points are of images that are not there, such as {lost[0]}. "
                "Draw the map of this prepared folder."
            )
        self._ids, self._place = ids, pd.Series(np.arange(len(ids)), index=ids)
        rows = images.table.set_index("id").loc[ids]
        self.scatter = self._scatter(self._frame(section, rows))
        self.colour = self._choice_of_colour(rows)
        self.count = w.HTML()
        self.gallery = w.HBox(layout={"flex_flow": "row wrap"})
        self.actions = w.VBox()
        top = w.HBox([self.colour, self.by])
        below = [self.count, self.actions, self.note, self.gallery]
        self.widget = w.VBox([top, self.scatter.show(), *below])
        self.scatter.widget.observe(lambda _: self._selected(), "selection")
        self.select(selected)

    def _frame(self, section: dict, rows: pd.DataFrame) -> pd.DataFrame:
        """A row a point: where it lies, its cluster, its file, and as texts ("= camera") the columns of ``rows``."""
        frame = pd.DataFrame(section["points"], columns=["x", "y", "cluster"])
        names = {c["cluster"]: c["name"] for c in section["clusters"]}
        none = self.words("map.noise")
        frame["cluster"] = [none if c < 0 else names.get(c) or str(c) for c in frame["cluster"]]
        frame["file"] = rows["path"].to_numpy()
        for column in self.images.columns:
            frame[f"= {column}"] = rows[column].map(text).to_numpy()
        if pictures := self._pictures():
            frame["picture"] = [f"data:image/webp;base64,{p}" for p in pictures]
        return frame

    def _scatter(self, frame: pd.DataFrame):
        """The map of jupyter-scatter, with the lasso and a picture under the pointer."""
        import jscatter

        scatter = jscatter.Scatter(data=frame, x="x", y="y", height=520, width=760)
        scatter.axes(False)
        scatter.size(default=float(np.clip(400 / np.sqrt(len(frame)), 5, 12)))
        scatter.mouse("lasso")
        preview = {"preview": "picture", "preview_type": "image"} if "picture" in frame else {}
        scatter.tooltip(True, properties=["file", "cluster"], **preview)
        return scatter

    def _choice_of_colour(self, rows: pd.DataFrame) -> w.Dropdown:
        """By cluster, or by a column that has few values."""
        options = {self.words("explorer.cluster"): "cluster"}
        few = [c for c in self.images.columns if rows[c].nunique() <= 2 * CHOICES]
        options |= {column: f"= {column}" for column in few}
        choice = w.Dropdown(options=options, description=self.words("explorer.colour"))
        choice.observe(lambda change: self._colour(change["new"]), "value")
        self._colour("cluster")
        return choice

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
            for i in chosen[:MOST]
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
