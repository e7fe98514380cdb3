"""How far a map can be trusted: what it keeps, what it would also show of shuffled data."""

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from natkit.data.embedding import Embedding
from natkit.look.clusters import dense
from natkit.look.space import NEIGHBORS

MEASURED = 5000  # most images on which trustworthiness is measured
ABOVE = (
    0.1  # less than this above the map of shuffled data: the number says nothing of these images
)


def honesty(
    x: np.ndarray,
    near: np.ndarray,
    maps: list[np.ndarray],
    other: np.ndarray,
    other_near: np.ndarray,
    control: np.ndarray,
    seed: int,
) -> list[dict]:
    """The rows of ``Map.honesty``; see :class:`natkit.look.project.Map` for what they mean.

    Parameters
    ----------
    x
        (n, d): what the map was drawn from.
    near
        int (n, k): the nearest other rows of each row of ``x``.
    maps
        Points (n, 2) by seed; the first is the map.
    other, other_near, control
        The same of shuffled data, one map.
    seed
        Of the images that are looked at where there are too many.
    """
    k = near.shape[1]
    seen = [_neighbors(xy, k) for xy in maps]
    pairs = [_shared(seen[i], seen[j]) for i in range(len(maps)) for j in range(i)]
    rows = {
        "trustworthiness": (_trust(x, maps[0], seed), _trust(other, control, seed)),
        "overlap": (_shared(near, seen[0]), _shared(other_near, _neighbors(control, k))),
        "stability": (float(np.mean(pairs)), k / (len(x) - 1)),
        "islands": (_kept_together(near, maps[0]), _kept_together(other_near, control)),
    }
    return [
        {"measure": name, "value": a, "control": b, "flagged": bool(a - b < ABOVE)}
        for name, (a, b) in rows.items()
    ]


def shuffled(emb: Embedding, seed: int) -> Embedding:
    """The control: each feature mixed by itself among the images, so that none of their likeness is left."""
    mixed = np.random.default_rng(seed).permuted(emb.vectors, axis=0)
    return Embedding(mixed, emb.ids, emb.meta)


def _neighbors(xy: np.ndarray, k: int) -> np.ndarray:
    tree = NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(xy)
    return tree.kneighbors(xy, return_distance=False)[:, 1:]


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the neighbours (n, k) that both have."""
    return float((a[:, :, None] == b[:, None]).any(axis=2).mean())


def _kept_together(near: np.ndarray, xy: np.ndarray) -> float:
    """Share of the neighbours (n, k) that lie on one island with the image, beyond chance; 0 without islands."""
    labels = dense(xy)
    inside = labels >= 0
    if labels.max() < 1:
        return 0.0
    together = (labels[near] == labels[:, None])[inside].mean()
    chance = ((np.bincount(labels[inside]) / len(labels)) ** 2).sum() / inside.mean()
    return float((together - chance) / (1 - chance))


def _trust(x: np.ndarray, xy: np.ndarray, seed: int) -> float:
    x, xy = _some(x, seed), _some(xy, seed)
    with threadpool_limits(1):
        return float(trustworthiness(x, xy, n_neighbors=min(NEIGHBORS, (len(xy) - 1) // 2)))


def _some(x: np.ndarray, seed: int) -> np.ndarray:
    if len(x) <= MEASURED:
        return x
    return x[np.random.default_rng(seed).choice(len(x), MEASURED, replace=False)]
