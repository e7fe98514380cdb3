"""The map: every image a point, alike near alike, with the numbers that say how far to trust it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from natkit.core import html
from natkit.core.errors import InputError
from natkit.core.stats import names_rows
from natkit.data.embedding import Embedding
from natkit.look.association import because, explain, text
from natkit.look.clusters import Clusters
from natkit.look.honesty import honesty, shuffled
from natkit.look.layout import MIN_DIST, by_torchdr, by_umap
from natkit.look.space import FEWEST, NEIGHBORS, Space, nearest

SEEDS = 3  # maps that are compared
DRAWN = 5000  # most points in a section
TYPICAL, ODD = 8, 4  # pictures of a cluster


@dataclass(frozen=True)
class Map:
    """A picture of an embedding in two dimensions.

    ``xy`` float32 (n, 2), no unit: only who is near whom means something, not the size of islands
    nor the distance between them. ``ids`` int64 (n,). ``params``: n_neighbors, min_dist, seed, engine.

    ``honesty``: one row a measure, ``{"measure", "value", "control", "flagged"}``. Control is the same of a map
    of shuffled data: each feature mixed by itself among the images, so that none of their likeness is left.
    Flagged: the control shows as much, so the number, or what it counts, proves nothing.

    ``trustworthiness``
        0..1: 1 if the neighbours on the map are neighbours in the features (Venna and Kaski 2001).
    ``overlap``
        Share of an image's 15 nearest in the features that are among its 15 nearest on the map.
    ``stability``
        The same share between maps of three seeds; its control is chance.
    ``islands``
        Share of an image's nearest in the features that lie on the same dense island of the map, beyond chance; 0 on a
        map without islands. Clouds without any structure show islands, too: they tear neighbours apart.
    """

    xy: np.ndarray
    ids: np.ndarray
    params: dict
    honesty: list[dict]
    _transform: Callable[[np.ndarray], np.ndarray] | None = field(repr=False, compare=False)
    _space: Space = field(repr=False, compare=False)

    @property
    def trustworthiness(self) -> float:
        """The first row of ``honesty``."""
        return self.honesty[0]["value"]

    def __repr__(self) -> str:
        return f"Map({len(self.ids)} images, trustworthiness {self.trustworthiness:.2f})"

    def _repr_html_(self) -> str:
        """How far it can be trusted: each measure beside its control, the same of a map of shuffled data."""
        return html.table(repr(self), pd.DataFrame(self.honesty))

    def place(self, emb: Embedding) -> np.ndarray:
        """Where new images lie on this map: float32 (m, 2); the old points stay where they are.

        Parameters
        ----------
        emb
            New images, embedded by the same model.

        Raises
        ------
        InputError
            For vectors of another length, or a map drawn by TorchDR.
        """
        if self._transform is None:
            raise InputError(
                "A map drawn by torchdr can't take new images. Draw it with project(emb, engine='umap')."
            )
        return self._transform(self._space.principal(emb)).astype(np.float32)

    def section(
        self,
        found: Clusters,
        table: pd.DataFrame,
        label: str | None = None,
        columns: Sequence[str] = (),
    ) -> dict:
        """``summary["map"]``: points, clusters, and which columns explain them.

        Above 5,000 images the points are a sample, of each cluster its share; counts are of all images. ``picture`` of
        each cluster is None: who draws a contact sheet puts its name in; so does with ``purity`` who has other
        embeddings to compare with (:func:`natkit.look.association.purity`).

        Parameters
        ----------
        found
            Clusters of the same embedding.
        table
            The manifest.
        label
            Column that colours the points, or None.
        columns
            Columns that might explain the clusters; the label is always tried.

        Raises
        ------
        InputError
            If the clusters are of other images, or the table lacks an image or a column.
        """
        if not np.array_equal(found.ids, self.ids):
            raise InputError(
                f"{found!r} are of other images than {self!r}. Make both from one embedding."
            )
        tried = dict.fromkeys([*columns, label] if label else columns)
        tried = [c for c in tried if c not in table or not names_rows(table[c])]
        explained = explain(found, table, tried)
        rows = table.set_index("id").loc[self.ids]
        names = [text(value) for value in rows[label]] if label else []
        seed = self.params["seed"]
        n = len(self.ids)
        shown = _by_cluster(found.labels, DRAWN, seed)
        return {
            "n": n,
            **self.params,
            "trustworthiness": self.trustworthiness,
            "honesty": self.honesty,
            "purity": [],
            "points": [
                [round(float(x), 3), round(float(y), 3), int(cluster)]
                for (x, y), cluster in zip(self.xy[shown], found.labels[shown], strict=True)
            ],
            "ids": self.ids[shown].tolist(),
            "clusters": [
                _about(found, c, names) | {"because": because(found, table, list(tried), c)}
                for c in range(found.n_clusters)
            ],
            "noise": int((found.labels < 0).sum()),
            "method": found.method,
            "explained_by": explained.to_dict("records"),
            "colour": {"column": label, "values": [names[i] for i in shown] if label else []},
        }


def project(emb: Embedding, seed: int = 0, engine: str = "umap") -> Map:
    """Draw the map of an embedding with UMAP, the same at every call with the same seed.

    Reads the first 50 principal components of the centred directions, starts from the first two, 15
    neighbours (fewer if there are no more). One thread, as a seed needs. Three maps are drawn, and one of
    shuffled data, to say how far the first can be trusted.

    Parameters
    ----------
    engine
        "umap", or "torchdr" for a GPU (the extra ``gpu``; without a GPU it runs on the CPU).

    Raises
    ------
    InputError
        If there are fewer than 5 images, or all have the same vector; for another engine, or one not installed.

    Notes
    -----
    About 1 s a map for 2,624 images on one core; the first call of a process takes some 15 s more to import umap
    and to compile it. McInnes et al., "UMAP" (2018). Trustworthiness is measured on at most 5,000 images.
    """
    draw = {"umap": by_umap, "torchdr": by_torchdr}.get(engine)
    if draw is None:
        raise InputError(f"engine is 'umap' or 'torchdr', got {engine!r}.")
    mixed = shuffled(emb, seed)
    space, other_space = Space.of(emb, seed), Space.of(mixed, seed)
    x, other = space.principal(emb), other_space.principal(mixed)
    k = min(NEIGHBORS, len(x) - 1)
    near, other_near = nearest(x, k + 1, seed), nearest(other, k + 1, seed)
    drawn = [draw(x, near, k, seed + further) for further in range(SEEDS)]
    control, _ = draw(other, other_near, k, seed)
    maps = [xy for xy, _ in drawn]
    rows = honesty(x, near[0][:, 1:], maps, other, other_near[0][:, 1:], control, seed)
    params = {"n_neighbors": k, "min_dist": MIN_DIST, "seed": seed, "engine": engine}
    return Map(maps[0].astype(np.float32), emb.ids, params, rows, drawn[0][1], space)


def _by_cluster(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Rows of at most ``most`` images: of every cluster its share, and a few of the smallest."""
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == cluster) for cluster in np.unique(labels)]
    wanted = [min(len(m), max(FEWEST, len(m) * most // len(labels))) for m in members]
    wanted[int(np.argmax(wanted))] -= max(0, sum(wanted) - most)
    kept = [rng.choice(m, n, replace=False) for m, n in zip(members, wanted, strict=True)]
    return np.sort(np.concatenate(kept))


def _about(found: Clusters, cluster: int, names: list[str]) -> dict:
    inside = found.labels == cluster
    labels = None
    if names:
        values, counts = np.unique(np.array(names)[inside], return_counts=True)
        labels = {str(v): int(n) for v, n in zip(values, counts, strict=True) if v}
    return {
        "cluster": cluster,
        "n": int(inside.sum()),
        "share": float(inside.mean()),
        "name": found.names.get(cluster),
        "medoid": int(found.medoids[cluster]),
        "typical": found.typical(cluster, TYPICAL).tolist(),
        "borderline": found.borderline(cluster, ODD).tolist(),
        "odd": found.odd(ODD, cluster).tolist(),
        "picture": None,
        "labels": labels,
    }
