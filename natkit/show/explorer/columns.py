"""The columns of a manifest as what dots can be coloured by, small enough to stand in a page."""

import json
from collections import Counter

import numpy as np
import pandas as pd

from natkit.show.report.page import visible
from natkit.show.words import titles
from natkit.show.words.catalogue import Words

OURS = ("id", "path", "weight", "width", "height", "channels", "bits", "pixel_hash")  # no colours
FEW, MANY = 7, 20  # more values than these make a scale: of any numbers, of whole ones


def columns(table: pd.DataFrame, room: int, words: Words) -> tuple[list[dict], list[str]]:
    """The split and the user's own columns, as ``column`` gives them, as long as ``room`` bytes last.

    The second result names the columns that were left out.
    """
    kept, left_out = [], []
    for name in table.columns:
        if name in OURS:
            continue
        title = words("data.parts") if name == "split" else titles.shorten(text(name), 60)
        made = column(title, table[name], words("explorer.live.empty"))
        size = len(safe_json(made).encode())
        if size > room:
            left_out.append(title)
        else:
            kept.append(made)
            room -= size
    return kept, left_out


def column(name: str, values: pd.Series, missing: str) -> dict:
    """One column: a scale or categories.

    A scale is ``values`` (numbers or None) with ``low`` and ``high``, the 1st and 99th percentile.
    Categories are ``labels`` by falling frequency and ``codes``, -1 where the value is missing;
    ``missing`` is the word for that. Numbers are a scale if there are more than 20 different ones, or
    more than 7 and not all whole.
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(float, na_value=np.nan)
        known = numbers[np.isfinite(numbers)]
        if len(np.unique(known)) > (MANY if (known == np.round(known)).all() else FEW):
            low, high = np.percentile(known, (1, 99))
            if low == high:
                low, high = known.min(), known.max()
            exact = [_number(v) if np.isfinite(v) else None for v in numbers]
            return {"name": name, "values": exact, "low": _number(low), "high": _number(high)}
    texts = ["" if lost else text(v) for v, lost in zip(values, values.isna(), strict=True)]
    texts = [titles.shorten(each, 80) for each in texts]
    count = Counter(each for each in texts if each)
    labels = sorted(count, key=lambda each: (-count[each], each))
    code = {label: i for i, label in enumerate(labels)}
    codes = [code.get(each, -1) for each in texts]
    return {"name": name, "labels": labels, "codes": codes, "missing": missing}


def _number(value: float) -> float | int:
    return int(value) if value == round(value) else float(f"{value:.6g}")


def text(value: object) -> str:
    """A user's value as one text in which nothing hides: direction marks and such are written out."""
    written = f"{value:g}" if isinstance(value, float | np.floating) else str(value)
    return visible(written.encode("utf-8", "backslashreplace").decode())


def shortened(texts: list[str], room: int) -> list[str]:
    """``texts``, without their beginnings where together they would take more than ``room`` bytes."""
    for length in (1000, 300, 100, 30):
        short = [t if len(t) <= length else "…" + t[1 - length :] for t in texts]
        if len(safe_json(short).encode()) <= room:
            break
    return short


def safe_json(value) -> str:
    """JSON that may stand in a script element: nothing in it can end the element."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c")
