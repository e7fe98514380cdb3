"""Look at findings and decide: what lies just over and just under a limit, and a widget to click."""

import html
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from data_prep.deciding.audited import Audit
from data_prep.deciding.beside import beside
from data_prep.deciding.inspection import WORDS
from data_prep.repair.mending import mend
from data_prep.rules.quality import BELOW, JUDGES
from data_prep.rules.registry import Rule
from natkit.core.errors import InputError
from natkit.data.decoding import read_image
from natkit.data.images import png, thumbnail

SHOWN = 8  # images on either side of a limit
SIDE = 96  # pixels of a thumbnail
SHOW = 168  # as wide as it is shown in the widget
PAIR = 150  # pixels of each of two pictures beside each other
TEXTS = {
    "en": {
        "finding": "Finding",
        "over": "Found",
        "under": "Nearest that was not found",
        "by": "Decided by",
        "mended": "Left as it is, right as it would be mended. The outline marks what is filled.",
    },
    "ja": {
        "finding": "検出事項",
        "over": "検出",
        "under": "検出されなかった中で最も近い画像",
        "by": "判断者",
        "mended": "左が元の画像、右が修復後の画像です。枠は埋めた部分を示します。",
    },
}


def around(audit: Audit, rule: str, n: int = SHOWN) -> pd.DataFrame:
    """The images nearest to the limit of a rule: up to ``n`` that it found, and ``n`` that it did not.

    Returns
    -------
    Columns ``path``, ``value`` (what was measured), ``usual`` (for its own camera), ``found`` (bool);
    the found ones first, on either side the nearest to the limit first. Of a rule that measures
    nothing all are found, and value and usual are missing.

    Raises
    ------
    InputError
        If the audit found nothing by that rule about single images.
    """
    found = {path for f in audit.findings if f.rule == rule for path in f.paths}
    if not found:
        rules = dict.fromkeys(f.rule for f in audit.findings if f.paths)
        raise InputError(
            f"The audit found no image by the rule {rule!r}; it did by {', '.join(rules) or 'none'}. "
            "Name one of these."
        )
    if rule not in JUDGES:
        facts = {"path": sorted(found), "value": np.nan, "usual": np.nan, "found": True}
        return pd.DataFrame(facts).head(n)
    rows = _judged(audit, rule, found)
    rows["far"] = np.abs(np.log((rows["value"] + 1e-6) / (rows["usual"] + 1e-6)))
    over, under = rows[rows["found"]], rows[~rows["found"]]
    if rule in BELOW:  # only darker or softer ones are near to such a limit
        under = under[under["value"] < under["usual"]]
    over = over.sort_values("far").head(n)
    under = under[under["far"] > 0].sort_values("far", ascending=False).head(n)
    return pd.concat([over, under], ignore_index=True).drop(columns="far")


def _judged(audit: Audit, rule: str, found: set[str]) -> pd.DataFrame:
    """What ``rule`` measured, of the images that it found and of those that are kept."""
    table = audit.scan.table
    shown = table["path"].isin(found | set(audit.kept["path"]))
    table = table[(table["status"] == "ok") & shown]
    column, judge = JUDGES[rule]
    value = table[column].to_numpy(float)
    usual = judge(value, table[audit.small_groups], audit.rules[rule].limit)[1]
    facts = {"path": table["path"], "value": value, "usual": usual}
    return pd.DataFrame(facts).assign(found=table["path"].isin(found)).reset_index(drop=True)


def thumbnails(audit: Audit, paths: Sequence[str], side: int = SIDE) -> np.ndarray:
    """uint8 (n, side, side, 3): each picture whole, on white; white alone where it can't be read."""
    out = np.full((len(paths), side, side, 3), 255, np.uint8)
    for row, path in enumerate(paths):
        image = thumbnail(audit.scan.root / path, side)
        if image is not None:
            small = np.asarray(image.convert("RGB"))
            out[row, : small.shape[0], : small.shape[1]] = small
    return out


class Review:
    """A widget for JupyterLab: findings ranked, thumbnails on both sides of the limit, and buttons.

    Shown by the last line of a cell. A click decides about an image; ``audit`` is the audit with all
    decisions so far, and the notebook works as well if nothing is clicked.

    Parameters
    ----------
    audit
        What was found; it stays as it is.
    by
        Who decides; it can be changed in the widget.
    lang
        "en" or "ja".
    """

    def __init__(self, audit: Audit, by: str = "", lang: str = "en"):
        import ipywidgets as w

        self.audit, self._w, self._lang = audit, w, lang
        texts = TEXTS[lang]
        width = {"width": "480px"}
        self.rule = w.Dropdown(options=self._options(), description=texts["finding"], layout=width)
        self.by = w.Text(value=by, description=texts["by"], layout={"width": "300px"})
        self.why, self.rows, self.count = w.HTML(), w.VBox(), w.HTML()
        self.widget = w.VBox([w.HBox([self.rule, self.by]), self.why, self.rows, self.count])
        self.rule.observe(lambda _: self._show(), "value")
        self._show()

    def _options(self) -> list[tuple[str, str]]:
        """(name with the number of images, code) of each rule that names images."""
        counts = Counter()
        for finding in self.audit.findings:
            counts[finding.rule] += len(finding.paths)
        names = {rule: self.audit.rules[rule].name[self._lang] for rule in counts}
        return [(f"{names[rule]} ({n})", rule) for rule, n in counts.items() if n]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)

    def _show(self) -> None:
        if self.rule.value is None:
            return
        rule = self.audit.rules[self.rule.value]
        why = [rule.finds[self._lang], rule.why[self._lang]]
        why += [TEXTS[self._lang]["mended"]] if self._mends(rule) else [""]
        self.why.value = f"<p>{_safe(' '.join(why))}</p>"
        finding = next(f for f in self.audit.findings if f.rule == rule.code)
        now = dict(zip(finding.paths, self.audit.actions(finding), strict=True))
        near = around(self.audit, rule.code)
        self.rows.children = (
            *self._side("over", near[near["found"]], rule.code, now),
            *self._side("under", near[~near["found"]], rule.code, now),
        )
        self._tell()

    def _side(self, side: str, rows: pd.DataFrame, rule: str, now: dict[str, str]) -> list:
        """A heading and the cards of the images on one side of the limit."""
        if rows.empty:
            return []
        cards = [self._card(row, rule, now) for row in rows.itertuples(index=False)]
        layout = {"grid_template_columns": "repeat(4, 320px)"}
        heading = self._w.HTML(f"<b>{TEXTS[self._lang][side]}</b>")
        return [heading, self._w.GridBox(cards, layout=layout)]

    def _card(self, row, rule: str, now: dict[str, str]):
        w, words = self._w, WORDS[self._lang]
        picture, width = self._picture(row, rule)
        image = w.Image(value=png(picture).getvalue(), format="png", layout={"width": f"{width}px"})
        can = self.audit.possible(rule) if row.found else ["quarantined"]
        choice = w.ToggleButtons(
            options=[(words[action], action) for action in can],
            value=now.get(row.path) if now.get(row.path) in can else None,
            style={"button_width": "96px"},
        )
        choice.observe(lambda change: self._decide(row.path, rule, change["new"]), "value")
        facts = "" if pd.isna(row.value) else f"<br>{row.value:.3g} / {row.usual:.3g}"
        label = w.HTML(f"<small title='{_safe(row.path)}'>{_safe(row.path[-36:])}{facts}</small>")
        return w.VBox([image, label, choice])

    def _mends(self, rule: Rule) -> bool:
        return bool(rule.mend) and self.audit.scan.signals is None

    def _picture(self, row, rule: str) -> tuple[Image.Image, int]:
        """What a card shows and how wide: of a rule that can mend, the mended picture beside it."""
        file, how = self.audit.scan.root / row.path, self.audit.rules[rule]
        if row.found and self._mends(how) and file.is_file():
            pixels = read_image(file)
            pair = beside(pixels, mend(pixels, how.mend, {}), PAIR)
            return pair, pair.width
        return thumbnail(file, SIDE) or Image.new("L", (SIDE, SIDE), 255), SHOW

    def _decide(self, path: str, rule: str, action: str | None) -> None:
        if action is not None:
            self.audit = self.audit.decide(action, [path], rule, self.by.value, "review")
            self._tell()

    def _tell(self) -> None:
        text = self.audit.before_after().iloc[0]
        self.count.value = " → ".join(str(int(text[c])) for c in ("before", "after"))


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
