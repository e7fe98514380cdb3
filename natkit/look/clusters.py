"""Clusters: which images belong together, which are typical or odd, and what explains it."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from hdbscan import HDBSCAN, all_points_membership_vectors, membership_vector
from hdbscan.prediction import approximate_predict
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances
from threadpoolctl import threadpool_limits

from natkit.core.errors import InputError
from natkit.core.files import writing
from natkit.data.embedding import Embedding
from natkit.look.space import nearest, principal

MOST_NOISE = 0.6  # more images outside every cluster than this: the clusters describe too little
SLICES = 8  # KMeans: as many contact sheets as a person reads
FOUND_IN = 10_000  # images in which clusters are sought; the others are put into what was found
COMPARED = 1000  # members to which a medoid is nearest


@dataclass(frozen=True)
class Clusters:
    """Which cluster each image is in.

    ``labels`` int64 (n,): 0 is the largest cluster, −1 is none. ``ids`` int64 (n,). ``method`` is
    "HDBSCAN" (dense islands, found) or "KMeans" (the cloud has no islands and was cut into slices:
    neighbours stand together, but the borders mean nothing). ``centre`` and ``lonely`` float32
    (n,): distance to the mean of its cluster, and mean distance to the nearest five images.
    ``membership`` float32 (n, clusters): how much of each cluster there is in an image; rows sum to 1 at most.
    ``medoids`` int64: of each cluster the image nearest to all its others. ``names``: what people call
    clusters, by number.
    """

    labels: np.ndarray
    ids: np.ndarray
    method: str
    centre: np.ndarray
    lonely: np.ndarray
    membership: np.ndarray
    medoids: np.ndarray
    names: dict[int, str] = field(default_factory=dict)

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

    def borderline(self, cluster: int, k: int = 8) -> np.ndarray:
        """Ids of the ``k`` members that lean most to another cluster, the most doubtful first."""
        two = np.sort(self.membership, axis=1)[:, -2:]
        return self._first(cluster, two[:, 1] - two[:, 0], k)

    def _first(self, cluster: int | None, by: np.ndarray, k: int) -> np.ndarray:
        inside = np.ones(len(self.ids), bool) if cluster is None else self.inside(cluster)
        rows = np.flatnonzero(inside)
        return self.ids[rows[np.argsort(by[rows], kind="stable")[:k]]]

    def inside(self, cluster: int) -> np.ndarray:
        """bool (n,): which images are in a cluster. Raises InputError if there is no such cluster."""
        inside = self.labels == cluster
        if not inside.any():
            raise InputError(
                f"There is no cluster {cluster}; there are 0 to {self.n_clusters - 1}. "
                "Take one of these."
            )
        return inside

    def named(self, names: dict[int, str]) -> "Clusters":
        """The same clusters with names; an empty name takes the old one away.

        Raises
        ------
        InputError
            For a cluster that is not there, or a name given twice.
        """
        for cluster in names:
            self.inside(cluster)
        now = {c: n for c, n in (self.names | names).items() if n}
        twice = {n for n in now.values() if list(now.values()).count(n) > 1}
        if twice:
            raise InputError(
                f"Two clusters would be called {sorted(twice)[0]!r}. Give each its own name."
            )
        return dataclasses.replace(self, names=now)

    def named_as(self, before: "Clusters | pd.DataFrame") -> "Clusters":
        """The names that an earlier clustering of (some of) these images had, where the cluster is still there.

        A cluster keeps its name if more than half of the images in either are in both (Jaccard > ½).

        Parameters
        ----------
        before
            Clusters, or the :meth:`table` of them as it was saved.
        """
        old = before.table() if isinstance(before, Clusters) else before
        old = old[old["id"].isin(self.ids) & (old["cluster"] >= 0)]
        row_of = pd.Series(np.arange(len(self.ids)), index=self.ids)
        known = np.isin(self.ids, old["id"])  # new images say nothing of an old name
        now = self.labels[row_of.loc[old["id"]].to_numpy()]
        shared = pd.crosstab(old["cluster"].to_numpy(), now).drop(columns=-1, errors="ignore")
        sizes = old["cluster"].value_counts()
        here = pd.Series(self.labels[known]).value_counts()
        both = shared.to_numpy(float)
        union = (
            sizes.loc[shared.index].to_numpy()[:, None] + here.loc[shared.columns].to_numpy() - both
        )
        called = old.drop_duplicates("cluster").set_index("cluster")["name"].fillna("")
        kept = {}
        for row, column in zip(*linear_sum_assignment(-both / union), strict=True):
            name = called.loc[shared.index[row]]
            if name and both[row, column] / union[row, column] > 0.5:
                kept[int(shared.columns[column])] = str(name)
        return dataclasses.replace(self, names={}).named(kept)

    def table(self) -> pd.DataFrame:
        """One row an image: ``id``, ``cluster`` (−1: none), its ``name`` (or missing), and ``membership`` of it."""
        own = np.take_along_axis(self.membership, np.maximum(self.labels, 0)[:, None], axis=1)[:, 0]
        return pd.DataFrame(
            {
                "id": self.ids,
                "cluster": self.labels,
                "name": pd.Series(self.labels).map(self.names).astype(object),
                "membership": np.where(self.labels < 0, np.nan, own).round(4),
            }
        )

    def save(self, file: str | Path) -> None:
        """Write :meth:`table` as CSV, in a coding by which a spreadsheet reads Japanese names."""
        with writing(file) as part:
            self.table().to_csv(part, index=False, encoding="utf-8-sig")


def clusters(emb: Embedding, seed: int = 0) -> Clusters:
    """Find clusters in the features, never in the 2-D map: its islands are partly its own making.

    HDBSCAN, smallest cluster 1 % of the images and at least 10 (with 5, a plain Gaussian cloud of
    300 shows two islands). It finds two clusters or more, or none. Where it finds none, or leaves
    more than 60 % of the images outside, KMeans cuts the cloud into at most 8 slices instead, and
    ``method`` says so. Of more than 10,000 images it looks at 10,000 and puts the others into what it found.

    Raises
    ------
    InputError
        If there are fewer than 5 images, or all have the same vector.

    Notes
    -----
    About 1 s for 2,600 images, 15 s for 10,000. Campello et al., "Density-based clustering based on
    hierarchical density estimates" (2013). Memberships: hdbscan's soft clustering; of KMeans 1/distance²,
    as in fuzzy c-means (Bezdek 1981).
    """
    x = principal(emb, seed).astype(np.float64)
    with threadpool_limits(1):  # repeats to the bit
        labels, membership = _dense(x, seed)
        method = "HDBSCAN"
        if (labels < 0).mean() > MOST_NOISE:  # no cluster at all is all noise
            labels, membership = _slices(x, seed)
            method = "KMeans"
    order = np.argsort(-np.bincount(labels[labels >= 0]), kind="stable")
    rank = np.append(np.argsort(order), -1)  # the last place answers for −1
    labels, membership = rank[labels].astype(np.int64), membership[:, order].astype(np.float32)
    near = nearest(x, min(6, len(x)), seed)[1][:, 1:]
    centre, medoids = np.zeros(len(x), np.float32), []
    rng = np.random.default_rng(seed)
    for cluster in range(len(order)):
        members = np.flatnonzero(labels == cluster)
        inside = x[members]
        centre[members] = np.linalg.norm(inside - inside.mean(axis=0), axis=1)
        away = euclidean_distances(inside, inside[rng.permutation(len(inside))[:COMPARED]])
        medoids.append(emb.ids[members[away.sum(axis=1).argmin()]])
    lonely = near.mean(axis=1).astype(np.float32)
    return Clusters(labels, emb.ids, method, centre, lonely, membership, np.array(medoids))


def _dense(x: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (−1: none) and memberships by HDBSCAN."""
    if len(x) <= FOUND_IN:
        found = _hdbscan(x, prediction_data=True)
        if found.labels_.max() < 0:
            return found.labels_, np.empty((len(x), 0))
        return found.labels_, np.atleast_2d(all_points_membership_vectors(found))
    some = np.sort(np.random.default_rng(seed).choice(len(x), FOUND_IN, replace=False))
    found = _hdbscan(x[some], prediction_data=True)
    labels, membership = np.full(len(x), -1), np.zeros((len(x), found.labels_.max() + 1))
    if found.labels_.max() >= 0:
        rest = np.setdiff1d(np.arange(len(x)), some)
        labels[some], membership[some] = found.labels_, all_points_membership_vectors(found)
        labels[rest] = approximate_predict(found, x[rest])[0]
        membership[rest] = membership_vector(found, x[rest])
    return labels, membership


def _hdbscan(x: np.ndarray, **more) -> HDBSCAN:
    smallest = max(10, len(x) // 100)
    return HDBSCAN(min_cluster_size=smallest, min_samples=5, core_dist_n_jobs=1, **more).fit(x)


def dense(x: np.ndarray) -> np.ndarray:
    """Which dense island each of the points (n, d) is on, by the rule of :func:`clusters`; −1: on none."""
    if len(x) <= FOUND_IN:
        return _hdbscan(x.astype(np.float64)).labels_
    some = np.random.default_rng(0).permutation(len(x))[:FOUND_IN]
    found = _hdbscan(x[some].astype(np.float64), prediction_data=True)
    return approximate_predict(found, x.astype(np.float64))[0]


def _slices(x: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    k = min(SLICES, max(2, len(x) // 10), len(np.unique(x.round(4), axis=0)))
    found = KMeans(k, n_init=4, random_state=seed).fit(x)
    inverse = 1 / np.maximum(found.transform(x), 1e-9) ** 2
    return found.labels_.astype(np.int64), inverse / inverse.sum(axis=1, keepdims=True)
