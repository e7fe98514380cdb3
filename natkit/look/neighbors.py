"""What looks alike: images by the angle between their vectors."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from natkit.embedding import Embedding
from natkit.errors import InputError

FEWEST = 5  # images; with fewer there is nothing to look at
KEPT = 50  # principal components that map and clusters read


def similar(emb: Embedding, id: int, k: int = 8) -> pd.DataFrame:
    """The ``k`` images most like one image, nearest first, without itself.

    Parameters
    ----------
    emb
        Where to search.
    id
        An id of the embedding.
    k
        How many; fewer come back if the embedding holds no more.

    Returns
    -------
    pandas.DataFrame
        ``id`` (int64) and ``distance``: 1 − cosine of the centred vectors, 0 the same direction, 1
        unrelated, 2 opposite. Images at the same distance stand in order of their row.

    Raises
    ------
    InputError
        If the embedding does not hold that id.
    """
    row = np.flatnonzero(emb.ids == id)
    if not len(row):
        raise InputError(
            f"The embedding holds no id {id}; it holds {len(emb)} from {emb.ids.min()} to "
            f"{emb.ids.max()}. Take one of its ids."
        )
    unit = directions(emb)
    distance = np.clip(1 - unit @ unit[row[0]], 0, 2)
    distance[row[0]] = np.inf
    nearest = np.argsort(distance, kind="stable")[: max(0, min(k, len(emb) - 1))]
    return pd.DataFrame({"id": emb.ids[nearest], "distance": distance[nearest]})


def directions(emb: Embedding) -> np.ndarray:
    """Centred vectors of length 1, float64 (n, d): the space in which near means alike.

    Centring matters: features after a ReLU all point into one corner, where every cosine is near 1.
    A vector that equals the mean stays 0.

    Raises
    ------
    InputError
        If there are fewer than 5 images, or all have the same vector.
    """
    if len(emb) < FEWEST:
        raise InputError(
            f"Looking needs at least {FEWEST} images, but {emb!r} has {len(emb)}. "
            "Embed more images."
        )
    if np.ptp(emb.vectors, axis=0).max(initial=0) == 0:
        raise InputError(
            f"{emb.name!r} gives every image the same vector, so there is nothing to see. "
            "The network has collapsed: train again with a smaller learning rate."
        )
    centred = emb.vectors - emb.vectors.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 0, length, 1)


def principal(emb: Embedding, seed: int) -> np.ndarray:
    """:func:`directions` in their first 50 principal components: float32 (n, ≤ 50).

    Map and clusters read these: 50 numbers keep the neighbourhoods and drop most of the noise.
    """
    unit = directions(emb)
    kept = min(KEPT, *unit.shape)
    with threadpool_limits(1):  # repeats to the bit, and is faster where cores are shared
        pca = PCA(kept, svd_solver="randomized", random_state=seed)
        return pca.fit_transform(unit).astype(np.float32)
