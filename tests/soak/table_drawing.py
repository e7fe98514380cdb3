"""The table that is drawn for the soak of tables, and the lists of ways to write or damage it."""

import csv
import io
from dataclasses import dataclass, field

import numpy as np

IMAGES = 24
NAMES = [f"p{i:03d}.png" for i in range(18)] + [f"画像が{i:03d}.png" for i in range(18, IMAGES)]
NUMBERS = {"temp", "width_mm"}  # columns that were measured: the number counts, not its letters
WORDS = {  # classes and notes that each encoding can write
    "japanese": (["良品", "キズ", "欠け"], ["表面に傷", "良好", "№３", "ﾊﾝﾄﾞ作業", "再検査・済"]),
    "western": (["ok", "Lötfehler", "Kratzer"], ["Gerät A", "20 °C", "naïve", "Straße 3", "µm"]),
    "plain": (["OK", "NG", "None"], ["seen twice", "retake", "-", "=1+1", "+3", "left side"]),
}
GAP = None  # a cell without a value
UNKNOWN = "\0unknown"  # a cell that the damage has reached


@dataclass
class Table:
    """What was drawn: column names, and one list of texts a row; the first column names the image."""

    columns: list[str]
    rows: list[list[str]]


@dataclass
class Made:
    """A written table: its suffix and bytes, and what reading it must give.

    ``truth``: image → column → text, None (a gap) or UNKNOWN. ``columns``: names that must be there.
    ``must_refuse``: it can't be read right. ``numbers``: columns of measured numbers.
    """

    suffix: str
    data: bytes
    truth: dict[str, dict[str, str | None]]
    must_refuse: bool = False
    numbers: set[str] = field(default_factory=lambda: set(NUMBERS))


def drawn(rng: np.random.Generator, words: str = "plain") -> Table:
    """A table in random order; one image has no row, and one cell is a gap."""
    classes, notes = WORDS[words]
    columns = {
        "lot": lambda i: f"{i // 4:03d}",
        "serial": lambda i: str(20260401000000000 + i),
        "code": lambda i: ["26E401", "1.10", "1.1", "007", "7", "1E5"][i % 6],
        "camera": lambda i: "ABC"[i % 3],
        "temp": lambda i: f"{20 + i * 0.25:.2f}",
        "width_mm": lambda i: str(100 + 3 * i),
        "defect": lambda i: classes[int(rng.integers(len(classes)))],
        "note": lambda i: notes[int(rng.integers(len(notes)))],
        "day": lambda i: f"2026-04-{1 + i % 9:02d}",
        "whole": lambda i: str(i % 2),
    }
    others = [c for c in columns if c != "defect"]
    chosen = ["defect", *map(str, rng.permutation(others)[: rng.integers(3, 9)])]
    names = NAMES if words == "japanese" else NAMES[:18]
    rows = [[name, *(columns[c](i) for c in chosen)] for i, name in enumerate(names)]
    rows = [rows[i] for i in rng.permutation(len(rows))[: len(rows) - 1]]
    rows[3][int(rng.integers(2, len(chosen) + 1))] = ""
    return Table(["file", *chosen], rows)


def truth_of(table: Table) -> dict[str, dict[str, str | None]]:
    """What the images must be given by a table that was only written in another way."""
    return {
        row[0]: {c: v if v else GAP for c, v in zip(table.columns, row, strict=True)}
        for row in table.rows
    }


def text_of(table: Table, separator: str = ",", end: str = "\n", quoting: int = 0, **how) -> str:
    out = io.StringIO()
    options = {"delimiter": separator, "lineterminator": end, "quoting": quoting} | how
    csv.writer(out, **options).writerows([table.columns, *table.rows])
    return out.getvalue()


def any_words(rng: np.random.Generator) -> str:
    return str(rng.choice(["japanese", "western", "plain"], p=[0.5, 0.2, 0.3]))


KEEPING, DAMAGING = {}, {}


def keeps(make):
    KEEPING[make.__name__] = make
    return make


def damages(make):
    DAMAGING[make.__name__] = make
    return make


def as_csv(table: Table, text: str, encoding: str = "utf-8", **more) -> Made:
    return Made(".csv", text.encode(encoding), truth_of(table), **more)
