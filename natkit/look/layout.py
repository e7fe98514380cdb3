"""Where points go on a map: UMAP on the CPU, or TorchDR on a GPU. No other file imports either."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.neighbors import NearestNeighbors

from natkit.core.errors import InputError
from natkit.core.progress import progress

MIN_DIST, EPOCHS = 0.1, 200
Drawn = tuple[
    np.ndarray, Callable[[np.ndarray], np.ndarray] | None
]  # points, and how new ones are placed


def by_umap(x: np.ndarray, near: tuple, k: int, seed: int) -> Drawn:
    """Points (n, 2) of rows ``x`` (n, d) whose nearest (rows, distances) are known, and how new rows are placed."""
    umap = _import_umap()
    start = np.random.default_rng(seed).normal(0, 1e-4, (len(x), 2))  # no two at one spot
    start[:, : x.shape[1]] += x[:, :2]
    known = (
        near[0][:, :k].copy(),
        near[1][:, :k].copy(),
        None,
    )  # umap's own search is slow on small data
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="precomputed_knn"
        )  # that it has no index: see below
        model = umap.UMAP(
            n_neighbors=k,
            min_dist=MIN_DIST,
            n_epochs=EPOCHS,
            init=start,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=known,
        )
        with _told(umap.layouts):
            model.fit(x)
    model._knn_search_index = _Exact(x)
    return model.embedding_, model.transform


class _Exact:
    """The search that umap asks for when it places new points, by comparing them with all."""

    _angular_trees = False

    def __init__(self, x: np.ndarray):
        self.x = x

    def query(self, new: np.ndarray, k: int, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        distance, rows = NearestNeighbors(n_neighbors=k).fit(self.x).kneighbors(new)
        return rows.astype(np.int32), distance.astype(np.float32)


def by_torchdr(x: np.ndarray, near: tuple, k: int, seed: int) -> Drawn:
    """The same on a GPU if there is one; it searches by itself, and can't place new rows."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # that faiss is missing, which we don't need; its escapes
            import torchdr
    except ImportError as error:
        raise InputError(
            "engine='torchdr' needs the extra gpu: pip install natkit[gpu]."
        ) from error
    start = np.ascontiguousarray(np.pad(x[:, :2], ((0, 0), (0, max(0, 2 - x.shape[1])))))
    model = torchdr.UMAP(
        n_neighbors=k,
        min_dist=MIN_DIST,
        max_iter=EPOCHS,
        init=start,
        random_state=seed,
        backend=None,
    )
    return np.asarray(model.fit_transform(x)), None


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
