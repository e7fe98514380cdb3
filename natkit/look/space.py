"""The space in which near means alike: directions from the mean image, their principal components, neighbours."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding

FEWEST = 5  # images; with fewer there is nothing to look at
NEIGHBORS = 15  # of an image, where its likes are counted
KEPT = 50  # principal components that map and clusters read
EXACT = 50_000  # images; above, comparing every pair takes too long


@dataclass(frozen=True)
class Space:
    """Where near means alike: vectors minus a mean, at length 1, and their first 50 principal components.

    Centring matters: features after a ReLU all point into one corner, where every cosine is near 1.
    New vectors go into the space of the old ones, so that they can be compared.
    """

    mean: np.ndarray  # float64 (d,)
    axes: np.ndarray  # float64 (kept, d), unit rows
    middle: np.ndarray  # float64 (d,): mean of the directions

    @classmethod
    def of(cls, emb: Embedding, seed: int) -> "Space":
        """The space of an embedding. Raises InputError as :func:`directions`."""
        unit = directions(emb)
        with threadpool_limits(1):  # repeats to the bit, and is faster where cores are shared
            pca = PCA(min(KEPT, *unit.shape), svd_solver="randomized", random_state=seed).fit(unit)
        return cls(mean_vector(emb), pca.components_, pca.mean_)

    def principal(self, emb: Embedding) -> np.ndarray:
        """float32 (n, ≤ 50): what map and clusters read. 50 numbers keep the neighbourhoods and drop most of
        the noise.

        Raises
        ------
        InputError
            If the vectors are longer or shorter than those of the space.
        """
        if emb.vectors.shape[1] != len(self.mean):
            raise InputError(
                f"{emb!r} can't be compared with images of {len(self.mean)} numbers each: it was made by "
                "another network. Embed both with one model."
            )
        with threadpool_limits(1):
            found = (unit_rows(emb.vectors, self.mean) - self.middle) @ self.axes.T
        return found.astype(np.float32)


def directions(emb: Embedding) -> np.ndarray:
    """Centred vectors of length 1, float64 (n, d). A vector that equals the mean stays 0.

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
    return unit_rows(emb.vectors, mean_vector(emb))


def principal(emb: Embedding, seed: int) -> np.ndarray:
    """:func:`directions` in their first 50 principal components: float32 (n, ≤ 50)."""
    return Space.of(emb, seed).principal(emb)


def nearest(x: np.ndarray, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` nearest rows of each row of ``x`` (n, d), itself among them.

    Returns
    -------
    tuple
        int32 (n, k) rows, nearest first, and float32 (n, k) Euclidean distances. Exact to 50,000 rows, above
        by pynndescent.
    """
    with threadpool_limits(1):
        if len(x) <= EXACT:
            distance, rows = NearestNeighbors(n_neighbors=k).fit(x).kneighbors(x)
        else:
            rows, distance = descent(x.astype(np.float32), seed, k).neighbor_graph
    return rows.astype(np.int32), distance.astype(np.float32)


def mean_vector(emb: Embedding) -> np.ndarray:
    """float64 (d,): what the vectors are centred with."""
    return emb.vectors.mean(axis=0, dtype=np.float64)


def unit_rows(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Vectors minus ``mean``, at length 1; what equals the mean stays 0."""
    centred = vectors - mean
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 0, length, 1)


def descent(x: np.ndarray, seed: int, k: int, graph: np.ndarray | None = None):
    """The approximate graph of neighbours; one thread, as a seed needs."""
    from pynndescent import NNDescent

    rounds = None if graph is None else 1
    with warnings.catch_warnings():
        # rows with many exact copies: it says that some neighbours may be missing, and the recall tells how many
        warnings.filterwarnings("ignore", message="Failed to correctly find n_neighbors")
        return NNDescent(
            x, n_neighbors=k, random_state=seed, n_jobs=1, init_graph=graph, n_iters=rounds
        )
