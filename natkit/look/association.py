"""Which column of the table explains the clusters, and what sets one of them apart."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.core.labels import class_name
from natkit.core.stats import cramers_v, v_interval, wilson_bounds
from natkit.data.embedding import Embedding
from natkit.look.clusters import Clusters
from natkit.look.space import NEIGHBORS, directions, nearest


def explain(found: Clusters, table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """How strongly each column of the table goes with the clusters, strongest first.

    Cramér's V, corrected for chance: 0 unrelated, 1 the column tells the cluster. A column with one
    value a row (a serial number) gets about 0, numbers with more than 10 values are cut into
    quartiles, a missing value is a value. Images in no cluster are not counted.

    Parameters
    ----------
    found
        What :func:`clusters` gave.
    table
        With a column ``id``.
    columns
        Which columns to try.

    Returns
    -------
    pandas.DataFrame
        ``column``, ``v`` in 0..1, ``low`` and ``high``: its 95 % interval over resampled images.

    Raises
    ------
    InputError
        If a column is absent, or ids of the clusters are missing from the table.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T" (2013).
    """
    rows = _rows(found, table, columns)
    inside = found.labels >= 0
    seen = [
        pd.crosstab(found.labels[inside], _codes(rows[c][inside])[0]).to_numpy() for c in columns
    ]
    out = [(c, *_with_interval(s)) for c, s in zip(columns, seen, strict=True)]
    out = pd.DataFrame(out, columns=["column", "v", "low", "high"])
    return out.sort_values("v", ascending=False, kind="stable", ignore_index=True)


def because(
    found: Clusters, table: pd.DataFrame, columns: Sequence[str], cluster: int
) -> dict | None:
    """What sets one cluster apart from all other images: the value of a column that it has most more often.

    Of the column that goes best with being in this cluster (as in :func:`explain`), the value with the largest
    difference of shares. None if no column has two values, or none goes with the cluster (lower end of its
    interval at 0).

    Returns
    -------
    dict or None
        ``column``, ``value`` (text; None: it is missing), ``inside`` ({value, low, high, n}: its share
        in the cluster, Wilson's 95 % interval), ``outside`` (its share among the others), ``v``.
    """
    rows = _rows(found, table, columns)
    inside = found.inside(cluster)
    coded = {column: _codes(rows[column]) for column in columns}
    seen = {column: pd.crosstab(inside, codes).to_numpy() for column, (codes, _) in coded.items()}
    v = {column: cramers_v(counts) for column, counts in seen.items()}
    for column in sorted(columns, key=v.get, reverse=True):  # stable: of equals the first
        if _with_interval(seen[column])[1] > 0:
            break
    else:
        return None
    codes, names = coded[column]
    shares = [
        np.bincount(codes[part] + 1, minlength=len(names) + 1) / part.sum()
        for part in (inside, ~inside)
    ]
    place = int(np.argmax(shares[0] - shares[1]))
    n, k = int(inside.sum()), int(round(shares[0][place] * inside.sum()))
    low, high = wilson_bounds(k, n)
    share = {"value": k / n, "low": low, "high": high, "n": n}
    value = None if place == 0 else names[place - 1]
    return {
        "column": column, "value": value, "inside": share, "outside": float(shares[1][place]),
        "v": v[column],
    }  # fmt: skip


def purity(emb: Embedding, table: pd.DataFrame, column: str, k: int = NEIGHBORS) -> dict:
    """Share of the ``k`` nearest images that have an image's own value of a column: 1 if the column tells alike.

    Parameters
    ----------
    table
        With a column ``id``; images without a value are left out.

    Returns
    -------
    dict
        ``name`` of the embedding, ``column``, ``value``, ``low``, ``high`` (95 % interval of the mean over images),
        ``n``, and ``chance``: the same among images drawn at random.

    Raises
    ------
    InputError
        If the column or an image is absent, or fewer than 5 images have a value.
    """
    if column not in table.columns:
        raise InputError(
            f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}."
        )
    codes = pd.factorize(emb.join(table)[column])[0]
    some = Embedding(emb.vectors[codes >= 0], emb.ids[codes >= 0], emb.meta)
    codes = codes[codes >= 0]
    rows = nearest(directions(some), min(k + 1, len(some)))[0][:, 1:]
    share = (codes[rows] == codes[:, None]).mean(axis=1)
    mean, half = float(share.mean()), float(1.96 * share.std(ddof=1) / np.sqrt(len(share)))
    counts = np.bincount(codes)
    chance = float((counts * (counts - 1)).sum() / (len(codes) * (len(codes) - 1)))
    return {
        "name": emb.name, "column": column, "value": mean, "low": max(0.0, mean - half),
        "high": min(1.0, mean + half), "n": len(codes), "chance": chance,
    }  # fmt: skip


def _rows(found: Clusters, table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of the table in the order of the clusters, checked."""
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(
            f"The table has no columns {absent}; it has {', '.join(map(str, table.columns))}. "
            "Name some of these."
        )
    lacking = int((~np.isin(found.ids, table["id"])).sum())
    if lacking:
        raise InputError(
            f"The table lacks {lacking} of the {len(found.ids)} images of the clusters. "
            "Pass the table of the same prepared folder."
        )
    return table.set_index("id").reindex(found.ids)


def _codes(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """A number for each value, −1 for a missing one (a value like any other), and what the values are."""
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if number and values.nunique() > 10:
        cut = pd.qcut(values.astype(float), 4, duplicates="drop")
        names = [f"{part.left:g} – {part.right:g}" for part in cut.cat.categories]
        return cut.cat.codes.to_numpy(), names
    codes, names = pd.factorize(values)
    return codes, [text(name) for name in names]


def text(value) -> str:
    """A value of a table as people write it: a whole float without its zero, a missing one empty."""
    return class_name(value) or ""


def _with_interval(seen: np.ndarray) -> tuple[float, float, float]:
    """Cramér's V of a table of counts, and its 95 % interval over resampled images."""
    return v_interval(seen, np.random.default_rng(0))
