"""Clusters: which images belong together, which are typical or odd, and what explains it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.look.neighbors import principal

MOST_NOISE = 0.6  # more images outside every cluster than this: the clusters describe too little
SLICES = 8  # KMeans: as many contact sheets as a person reads


@dataclass(frozen=True)
class Clusters:
    """Which cluster each image is in.

    ``labels`` int64 (n,): 0 is the largest cluster, −1 is none. ``ids`` int64 (n,). ``method`` is
    "HDBSCAN" (dense islands, found) or "KMeans" (the cloud has no islands and was cut into slices:
    neighbours stand together, but the borders mean nothing). ``centre`` and ``lonely`` float32
    (n,): distance to the mean of its cluster, and mean distance to the nearest five images.
    """

    labels: np.ndarray
    ids: np.ndarray
    method: str
    centre: np.ndarray
    lonely: np.ndarray

    @property
    def n_clusters(self) -> int:
        """How many, without the images in none."""
        return int(self.labels.max()) + 1

    def __repr__(self) -> str:
        noise = (self.labels < 0).mean()
        return f"Clusters({self.n_clusters} by {self.method}, {noise:.0%} of images in none)"

    def typical(self, cluster: int, k: int = 8) -> np.ndarray:
        """Ids of the ``k`` images nearest to the middle of a cluster, nearest first."""
        return self._first(cluster, self.centre, k)

    def odd(self, k: int = 8, cluster: int | None = None) -> np.ndarray:
        """Ids of the ``k`` images least like any other, oddest first; of one cluster or of all."""
        return self._first(cluster, -self.lonely, k)

    def _first(self, cluster: int | None, by: np.ndarray, k: int) -> np.ndarray:
        if cluster is not None and not (self.labels == cluster).any():
            raise InputError(
                f"There is no cluster {cluster}; there are 0 to {self.n_clusters - 1}. "
                "Take one of these."
            )
        rows = (
            np.arange(len(self.ids)) if cluster is None else np.flatnonzero(self.labels == cluster)
        )
        return self.ids[rows[np.argsort(by[rows], kind="stable")[:k]]]


def clusters(emb: Embedding, seed: int = 0) -> Clusters:
    """Find clusters in the features, never in the 2-D map: its islands are partly its own making.

    HDBSCAN, smallest cluster 1 % of the images and at least 10 (with 5, a plain Gaussian cloud of
    300 shows two islands). It finds two clusters or more, or none. Where it finds none, or leaves
    more than 60 % of the images outside, KMeans cuts the cloud into at most 8 slices instead, and
    ``method`` says so.

    Raises
    ------
    InputError
        If there are fewer than 5 images, or all have the same vector.

    Notes
    -----
    About 1 s for 2,600 images. Campello et al., "Density-based clustering based on hierarchical
    density estimates" (2013).
    """
    x = principal(emb, seed).astype(np.float64)
    with threadpool_limits(1):  # repeats to the bit
        smallest = max(10, len(x) // 100)
        labels = HDBSCAN(min_cluster_size=smallest, min_samples=5, copy=True).fit_predict(x)
        method = "HDBSCAN"
        if (labels < 0).mean() > MOST_NOISE:  # no cluster at all is all noise
            k = min(SLICES, max(2, len(x) // 10), len(np.unique(x.round(4), axis=0)))
            labels = KMeans(k, n_init=4, random_state=seed).fit_predict(x)
            method = "KMeans"
        labels = _largest_first(labels)
        near = NearestNeighbors(n_neighbors=min(5, len(x) - 1)).fit(x).kneighbors()[0]
    centre = np.zeros(len(x), np.float32)
    for cluster in np.unique(labels):
        inside = labels == cluster
        centre[inside] = np.linalg.norm(x[inside] - x[inside].mean(axis=0), axis=1)
    return Clusters(labels, emb.ids, method, centre, near.mean(axis=1).astype(np.float32))


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
        ``column`` and ``v`` in 0..1.

    Raises
    ------
    InputError
        If a column is absent, or ids of the clusters are missing from the table.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T" (2013).
    """
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(
            f"The table has no columns {absent}; it has {', '.join(map(str, table.columns))}. "
            "Name some of these."
        )
    rows = table.set_index("id").reindex(found.ids)
    lacking = int((~np.isin(found.ids, table["id"])).sum())
    if lacking:
        raise InputError(
            f"The table lacks {lacking} of the {len(found.ids)} images of the clusters. "
            "Pass the table of the same prepared folder."
        )
    inside = found.labels >= 0
    strength = [_cramers_v(found.labels[inside], _codes(rows[c][inside])) for c in columns]
    out = pd.DataFrame({"column": list(columns), "v": np.array(strength, dtype=float)})
    return out.sort_values("v", ascending=False, kind="stable", ignore_index=True)


def _largest_first(labels: np.ndarray) -> np.ndarray:
    values, counts = np.unique(labels[labels >= 0], return_counts=True)
    rank = np.full(labels.max() + 2, -1)  # the last place answers for −1
    rank[values[np.argsort(-counts, kind="stable")]] = np.arange(len(values))
    return rank[labels].astype(np.int64)


def _codes(values: pd.Series) -> np.ndarray:
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if number and values.nunique() > 10:
        values = pd.qcut(values.astype(float), 4, labels=False, duplicates="drop")
    return pd.factorize(values)[0]  # −1, missing, is a value like any other


def _cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    seen = pd.crosstab(a, b).to_numpy().astype(float)
    n, (r, c) = seen.sum(), seen.shape
    if min(r, c) < 2:
        return 0.0
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / n
    phi2 = ((seen - expected) ** 2 / expected).sum() / n
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    smaller = min(r, c) - 1
    return float(np.sqrt(min(1.0, phi2 / smaller))) if smaller > 0 else 0.0
