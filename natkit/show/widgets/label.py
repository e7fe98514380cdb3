"""The images to label next in JupyterLab, with a button for each label."""

import html

import ipywidgets as w
import pandas as pd

from natkit.data.images import ImageSet
from natkit.show.widgets.pictures import Marking


class LabelNext(Marking):
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
        self.widget = w.VBox([self.by, self.note, grid])

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
