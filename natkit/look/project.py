"""The map: every image a point, alike near alike, with the number that says how far to trust it."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.manifold import trustworthiness
from threadpoolctl import threadpool_limits

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.look.clusters import Clusters, explain
from natkit.look.neighbors import directions, principal
from natkit.progress import progress

NEIGHBORS, MIN_DIST, EPOCHS = 15, 0.1, 200
DRAWN = 5000  # most points in a section, and most images on which trustworthiness is measured
TYPICAL, ODD = 8, 4  # pictures of a cluster


@dataclass(frozen=True)
class Map:
    """A picture of an embedding in two dimensions.

    ``xy`` float32 (n, 2), no unit: only who is near whom means something, not the size of islands
    nor the distance between them. ``ids`` int64 (n,). ``params``: n_neighbors, min_dist, seed.
    ``trustworthiness`` in 0..1: 1 if the neighbours on the map are neighbours in the features.
    """

    xy: np.ndarray
    ids: np.ndarray
    params: dict
    trustworthiness: float

    def __repr__(self) -> str:
        return f"Map({len(self.ids)} images, trustworthiness {self.trustworthiness:.2f})"

    def section(
        self,
        found: Clusters,
        table: pd.DataFrame,
        label: str | None = None,
        columns: Sequence[str] = (),
    ) -> dict:
        """``summary["map"]``: points, clusters, and which columns explain them.

        Above 5,000 images the points are a random sample; counts are of all images. ``picture`` of
        each cluster is None: who draws a contact sheet puts its name in.

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
        explained = explain(found, table, list(tried))
        rows = table.set_index("id").loc[self.ids]
        names = [_text(value) for value in rows[label]] if label else []
        seed = self.params["seed"]
        n = len(self.ids)
        rng = np.random.default_rng(seed)
        shown = np.sort(rng.choice(n, DRAWN, replace=False)) if n > DRAWN else np.arange(n)
        return {
            "n": n,
            **self.params,
            "trustworthiness": self.trustworthiness,
            "points": [
                [round(float(x), 3), round(float(y), 3), int(cluster)]
                for (x, y), cluster in zip(self.xy[shown], found.labels[shown], strict=True)
            ],
            "ids": self.ids[shown].tolist(),
            "clusters": [_about(found, c, names) for c in range(found.n_clusters)],
            "noise": int((found.labels < 0).sum()),
            "method": found.method,
            "explained_by": explained.to_dict("records"),
            "colour": {"column": label, "values": [names[i] for i in shown] if label else []},
        }


def project(emb: Embedding, seed: int = 0) -> Map:
    """Draw the map of an embedding with UMAP, the same at every call with the same seed.

    Reads the first 50 principal components of the centred directions, starts from the first two, 15
    neighbours (fewer if there are no more). One thread, as a seed needs.

    Raises
    ------
    InputError
        If there are fewer than 5 images, or all have the same vector.

    Notes
    -----
    About 7 s of one core for 2,624 images; the first call of a process takes 13 s more to import umap
    and to compile it. McInnes et al., "UMAP" (2018); trustworthiness: Venna and Kaski (2001), here
    of 15 neighbours, on at most 5,000 images.
    """
    x = principal(emb, seed)
    near = min(NEIGHBORS, len(x) - 1)
    start = np.random.default_rng(seed).normal(0, 1e-4, (len(x), 2))  # no two at one spot
    start[:, : x.shape[1]] += x[:, :2]
    umap = _import_umap()
    with _told(umap.layouts):
        xy = umap.UMAP(
            n_neighbors=near,
            min_dist=MIN_DIST,
            n_epochs=EPOCHS,
            init=start,
            random_state=seed,
            n_jobs=1,
        ).fit_transform(x)
    params = {"n_neighbors": near, "min_dist": MIN_DIST, "seed": seed}
    return Map(xy.astype(np.float32), emb.ids, params, _trust(directions(emb), xy, seed))


def _import_umap():
    with warnings.catch_warnings():
        # umap tells everybody without TensorFlow that its parametric form is missing
        warnings.filterwarnings("ignore", message="Tensorflow not installed")
        import umap
        import umap.layouts
    return umap


@contextmanager
def _told(layouts) -> Iterator[None]:
    """Let umap's loop over its epochs show its progress as all our steps do.

    It draws a tqdm bar of its own, which in a notebook never reaches the command that waits.
    """
    own = layouts.tqdm
    layouts.tqdm = lambda epochs, **_: progress(epochs, "draw the map")
    try:
        yield
    finally:
        layouts.tqdm = own


def _trust(unit: np.ndarray, xy: np.ndarray, seed: int) -> float:
    if len(xy) > DRAWN:
        some = np.random.default_rng(seed).choice(len(xy), DRAWN, replace=False)
        unit, xy = unit[some], xy[some]
    with threadpool_limits(1):
        return float(trustworthiness(unit, xy, n_neighbors=min(NEIGHBORS, (len(xy) - 1) // 2)))


def _text(value) -> str:
    if pd.isna(value):
        return ""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value).strip()


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
        "typical": found.typical(cluster, TYPICAL).tolist(),
        "odd": found.odd(ODD, cluster).tolist(),
        "picture": None,
        "labels": labels,
    }
