"""A widget for JupyterLab: change a price or the defect rate, and see the cost of 1,000 parts and the payback."""

import html
import io
from dataclasses import fields, replace

import ipywidgets as w
import numpy as np
from matplotlib.figure import Figure

from natkit.core.errors import InputError
from natkit.facts.base import absent
from natkit.facts.cost import Cost
from natkit.money import cost
from natkit.money.prices import NOT_PRICES, Line, Prices, Work
from natkit.show import style
from natkit.show.blocks import figures
from natkit.show.widgets.pictures import Shown
from natkit.show.words import money
from natkit.show.words.catalogue import words

DPI = 90  # of the chart in the widget


class WhatIf(Shown):
    """Fields for prices, line and work beside the chart and the sentences that they give.

    Nothing needs to be clicked: ``facts`` is what :func:`natkit.money.cost.section` gives for what stands in
    the fields, so at first for what was passed. ``set(missed=900)`` does what a hand does.

    Parameters
    ----------
    prices, line, work, val, test, groups
        As of :func:`natkit.money.cost.section`. What is None is an empty field.
    lang
        "en" or "ja".

    Attributes
    ----------
    facts : dict
        The cost section for what stands in the fields now; the last good one if that can't be.
    prices, line, work
        What stands in the fields now.

    Raises
    ------
    InputError
        If the scores can't be used.
    """

    def __init__(
        self,
        prices: Prices,
        line: Line,
        work: Work,
        val: tuple[np.ndarray, np.ndarray] | None = None,
        test: tuple[np.ndarray, np.ndarray] | None = None,
        groups: np.ndarray | None = None,
        lang: str = "en",
    ):
        self.words = words(lang)
        self.prices, self.line, self.work = prices, line, work
        self._scores = {"val": val, "test": test, "groups": groups}
        self.said, self.wrong = w.HTML(), w.HTML()
        self.chart = w.Image(format="png", layout={"width": "760px"})
        self.fields = {
            field.name: self._field(field.name, getattr(given, field.name))
            for given in (prices, line, work)
            for field in fields(given)
            if field.name not in NOT_PRICES
        }
        lists = [
            [self.fields[field.name] for field in fields(kind) if field.name not in NOT_PRICES]
            for kind in (Prices, Line, Work)
        ]
        boxes = w.Accordion(children=[w.VBox(each) for each in lists], selected_index=0)
        for i, kind in enumerate(("prices", "line", "work")):
            boxes.set_title(i, self.words(f"whatif.{kind}", currency=prices.currency))
        boxes.layout.width = "400px"
        shown = w.VBox([self.wrong, self.chart, self.said], layout={"width": "780px"})
        self.widget = w.HBox([boxes, shown], layout={"flex_flow": "row wrap"})
        self._show()

    def set(self, **values: float | None) -> dict:
        """Put numbers into fields, each once, and return ``facts``; None empties a field.

        Raises
        ------
        InputError
            If there is no field of that name. What can't be in a field is shown, not raised.
        """
        for name in values:
            if name not in self.fields:
                raise InputError(
                    f"There is no field {name!r}; there are {', '.join(self.fields)}. Use one of these."
                )
        for name, value in values.items():
            self.fields[name].value = "" if value is None else f"{value:.12g}"
        return self.facts

    def _field(self, name: str, value: float | None) -> w.Text:
        field = w.Text(
            value="" if value is None else f"{value:.12g}",
            description=self.words(f"price.{name}"),
            continuous_update=False,
            style={"description_width": "230px"},
            layout={"width": "350px"},
        )
        field.observe(lambda change: self._changed(name, change["new"]), "value")
        return field

    def _changed(self, name: str, typed: str) -> None:
        """Take over one field, or say why not and stay as it was."""
        kind = next(k for k in ("prices", "line", "work") if hasattr(getattr(self, k), name))
        try:
            setattr(self, kind, replace(getattr(self, kind), **{name: _number(typed)}))
        except InputError as error:
            self.wrong.value = f"<p><b>{html.escape(str(error))}</b></p>"
            return
        self.wrong.value = ""
        self._show()

    def _show(self) -> None:
        self.facts = cost.section(self.prices, self.line, self.work, **self._scores)
        if "reason" in self.facts:
            self.said.value = f"<p>{html.escape(self.words('absent.code.no_prices'))}</p>"
            self.chart.layout.display = "none"
            return
        found = Cost.of(self.facts)
        said = money.lead(found, self.words)
        drawn = not absent(found.ways)
        if drawn:
            said += money.point(found, self.words)
            self.chart.value = _png(self.facts, self.words)
        self.chart.layout.display = "block" if drawn else "none"
        said += money.lacking(found, self.words)
        self.said.value = "".join(f"<p>{html.escape(text)}</p>" for text in said)


def _number(typed: str) -> float | None:
    """What was typed as a number: thousands marks, full-width digits and a percent sign are understood."""
    text = typed.strip().replace(",", "").replace("，", "")
    if not text:
        return None
    share = text.endswith(("%", "％"))
    try:
        number = float(text.rstrip("%％"))
    except ValueError:
        raise InputError(
            f"The field holds {typed!r}, but a number is needed. Type for example 1200, 0.005 or 0.5%."
        ) from None
    return number / 100 if share else number


def _png(facts: dict, vocabulary) -> bytes:
    with style.theme(vocabulary.lang):
        fig = Figure(figsize=style.SIZE, dpi=DPI, layout="constrained")
        figures.cost_curve(fig.subplots(), facts, vocabulary)
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png")
    return buffer.getvalue()
