"""Where is the score weakest, and could a leak or a shortcut have made it?"""

import numpy as np

from natkit.evidence.intervals import interval, resample
from natkit.evidence.leaks import crossing, twins
from natkit.evidence.probe import Rows, scored
from natkit.evidence.verdict import DECIDES

LOTS = 30  # a group column with so many values or more holds independent units: parts, lots, days


def checks(scores, kept, twin: np.ndarray, data: Rows, lots: str | None) -> list[dict]:
    """Differences to each control again, where a leak or a shortcut could not help.

    "within": pairs of one camera alone, if the label goes with the camera; "without_twins": without the test
    images that look like copies of train images. ``score`` is None where nothing is left to compare.
    """
    ask = data.ask.part(data.test)
    ways = []
    for column, near in data.near.items():
        if column != lots and data.ask.goes_with(near):
            ways.append(("within", column, data.weights, near[data.test]))
    if twin.any():
        ways.append(("without_twins", None, data.weights * ~twin, None))
    ours, rows = scores[0]["name"], []
    for check, column, weights, strata in ways:
        left = int((weights[0] > 0).sum())
        several = (
            ask.kind == "measurement" or len(np.unique(data.ask.y[data.test][weights[0] > 0])) > 1
        )
        for row in scores:
            if row["role"] != "control" or row["probe"] != DECIDES:
                continue
            gap = np.full(len(weights), np.nan)
            if several:
                gap = scored(kept[ours, DECIDES], ask, weights, data.seed, strata)
                gap = gap - scored(kept[row["name"], DECIDES], ask, weights, data.seed, strata)
            known = np.isfinite(gap[0]) and np.isfinite(gap[1:]).mean() > 0.9
            found = interval(gap, left) if known else None
            rows.append({"check": check, "column": column, "control": row["name"], "score": found})
    return rows


def by_group(said: list[dict], data: Rows, lots: str | None) -> list[dict]:
    """The score of ours in each value of the group columns, worst first; None where too few to tell."""
    ask, rows = data.ask.part(data.test), []
    for column, near in data.near.items():
        if column == lots or len(np.unique(near)) >= LOTS:
            continue
        for value in np.unique(near):
            inside = near[data.test] == value
            part, n = ask.part(inside), int(inside.sum())
            found = None
            if n and part.enough():
                weights = resample(part.strata(), data.seed)
                found = interval(scored(said, part, weights, data.seed, rows=inside), n)
            rows.append({"column": column, "value": str(value), "n": n, "score": found})
    return sorted(rows, key=lambda r: (r["score"] is None, r["score"] and r["score"]["value"]))


def twin_rows(x: np.ndarray, data: Rows) -> dict:
    """How many test images have a twin in train, by the features (n, d) of ours; ``rows`` bool, which they are."""
    found = twins(x[data.split == "train"], x[data.test])
    return {"count": int(found.sum()), "n": len(found), "rows": found}


def lots_of(near: dict[str, np.ndarray]) -> str | None:
    """The column of independent units: of those with 30 values or more, that with the fewest."""
    many = {column: len(np.unique(values)) for column, values in near.items()}
    many = {column: n for column, n in many.items() if n >= LOTS}
    return min(many, key=many.get) if many else None


def units_of(near: dict[str, np.ndarray], lots: str | None, split: np.ndarray) -> dict | None:
    """What the intervals are drawn over, and how many of them stand in two splits; None: over images."""
    if lots is None:
        return None
    n = len(np.unique(near[lots][split == "test"]))
    return {"column": lots, "n": n, "crossing": crossing(near[lots], split)}
