"""What looks alike: images by the angle between their vectors, exact or by an index that grows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.core.files import read_arrays, writing
from natkit.data.embedding import Embedding
from natkit.look.space import EXACT, descent, directions, mean_vector, unit_rows

CHECKED = 200  # images whose true neighbours tell the recall of the approximate search
DEGREE = 30  # neighbours of an image in the graph of that search
EPSILON = 0.2  # how far beyond the nearest it looks: 99.7 % of the true ones instead of 98 %


def similar(emb: Embedding, id: int, k: int = 8) -> pd.DataFrame:
    """The ``k`` images most like one image; see :meth:`Index.similar`, which is faster for many questions."""
    return Index(emb).similar(id, k)


class Index:
    """Similar-image search over an embedding, which may grow.

    To 50,000 images every one is compared (about 10 ms a question); above, a graph of neighbours is walked
    (pynndescent: about 1 ms, half a minute to build at 60,000).

    Parameters
    ----------
    emb
        Where to search.
    exact
        None: by size. False builds the graph for any size.
    seed
        Of the graph.

    Attributes
    ----------
    ids : ndarray
        int64 (n,).
    recall : float
        Share of the true ten nearest that are found, measured on 200 images; 1 for an exact search.

    Raises
    ------
    InputError
        If there are fewer than 5 images, or all have the same vector.

    References
    ----------
    Dong, Moses and Li, "Efficient k-nearest neighbor graph construction for generic similarity measures" (2011).
    """

    def __init__(self, emb: Embedding, exact: bool | None = None, seed: int = 0):
        unit = directions(emb)
        self._start(emb.ids, unit, mean_vector(emb), seed)
        if not (len(self) <= EXACT if exact is None else exact):
            self._graph = descent(self._unit, seed, DEGREE)
            self._graph.prepare()
            self._measure()

    def _start(self, ids: np.ndarray, unit: np.ndarray, mean: np.ndarray, seed: int) -> None:
        self.ids, self._unit, self._mean = ids, unit.astype(np.float32), mean
        self._seed, self._graph, self.recall = seed, None, 1.0

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        how = "exact" if self._graph is None else f"recall {self.recall:.3f}"
        return f"Index({len(self)} images, {how})"

    def similar(self, id: int, k: int = 8) -> pd.DataFrame:
        """The ``k`` images most like one of the index, nearest first, without itself.

        Returns
        -------
        pandas.DataFrame
            ``id`` (int64) and ``distance``: 1 − cosine of the centred vectors, 0 the same direction, 1
            unrelated, 2 opposite. Images at the same distance stand in order of their row. Fewer than ``k`` if
            there are no more.

        Raises
        ------
        InputError
            If the index does not hold that id.
        """
        row = np.flatnonzero(self.ids == id)
        if not len(row):
            raise InputError(
                f"The embedding holds no id {id}; it holds {len(self)} from {self.ids.min()} to "
                f"{self.ids.max()}. Take one of its ids."
            )
        rows, distance = self._search(self._unit[row], k + 1)
        others = rows[0] != row[0]
        return self._told(rows[0][others][:k], distance[0][others][:k])

    def like(self, vector: np.ndarray, k: int = 8) -> pd.DataFrame:
        """The ``k`` images most like a new one, given by its vector (d,); as :meth:`similar`."""
        vector = np.asarray(vector, np.float32).reshape(1, -1)
        self._must_fit(vector)
        rows, distance = self._search(unit_rows(vector, self._mean).astype(np.float32), k)
        return self._told(rows[0], distance[0])

    def add(self, emb: Embedding) -> None:
        """Take in new images; the space stays that of the first ones. The recall is measured again.

        Raises
        ------
        InputError
            If an id is there already, or the vectors are of another length.
        """
        self._must_fit(emb.vectors)
        known = np.isin(emb.ids, self.ids)
        if known.any():
            raise InputError(
                f"{known.sum()} of the {len(emb)} ids are in the index already, such as "
                f"{emb.ids[known][0]}. Add each image once."
            )
        new = unit_rows(emb.vectors, self._mean).astype(np.float32)
        self.ids, self._unit = (
            np.concatenate([self.ids, emb.ids]),
            np.concatenate([self._unit, new]),
        )
        if self._graph is not None:
            self._graph.update(xs_fresh=new)
            self._graph.prepare()
            self._measure()

    def save(self, file: str | Path) -> None:
        """Write one ``.npz`` (no pickle), whole or not at all."""
        graph = np.empty((0, 0), np.int32) if self._graph is None else self._graph.neighbor_graph[0]
        meta = json.dumps({"seed": self._seed, "recall": self.recall})
        with writing(file) as part, open(part, "wb") as opened:
            np.savez(opened, ids=self.ids, unit=self._unit, mean=self._mean, graph=graph, meta=meta)

    @classmethod
    def load(cls, file: str | Path) -> "Index":
        """Read what :meth:`save` wrote; about 5 s at 60,000 images. Raises InputError for anything else."""
        try:
            kept = read_arrays(file)
            ids, unit, mean, graph = (kept[name] for name in ("ids", "unit", "mean", "graph"))
            meta = json.loads(str(kept["meta"]))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{file} is not an index that natkit wrote ({error}). Make it with Index(embedding).save(file)."
            ) from error
        index = cls.__new__(cls)
        index._start(ids, unit, mean, meta["seed"])
        if len(graph):
            index._graph = descent(unit, meta["seed"], DEGREE, graph)
            index._graph.tree_init = (
                True  # a graph that was given makes no tree to start a search from
            )
            index._graph.prepare()
            index.recall = meta["recall"]
        return index

    def _search(self, unit: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and distances (m, ≤ k) of the images nearest to each of ``unit`` (m, d)."""
        k = max(0, min(k, len(self)))
        if self._graph is None:
            found = [_nearest(1 - self._unit @ one, k) for one in unit]
            return tuple(map(np.stack, zip(*found, strict=True)))
        rows, euclidean = self._graph.query(unit, k=k, epsilon=EPSILON)
        return rows, euclidean**2 / 2  # of unit vectors: ‖a − b‖² = 2 − 2 cos

    def _measure(self) -> None:
        """Compare with the exact neighbours of some images."""
        some = np.random.default_rng(self._seed).choice(
            len(self), min(CHECKED, len(self)), replace=False
        )
        found = self._search(self._unit[some], 11)[0]
        true = np.argsort(-(self._unit[some] @ self._unit.T), axis=1, kind="stable")[:, :11]
        hits = [
            len(np.intersect1d(a[a != row], b[b != row][:10]))
            for a, b, row in zip(found, true, some, strict=True)
        ]
        self.recall = float(np.mean(hits)) / min(10, len(self) - 1)

    def _must_fit(self, vectors: np.ndarray) -> None:
        if vectors.shape[1] != len(self._mean):
            raise InputError(
                f"The index holds vectors of {len(self._mean)} numbers, but these have {vectors.shape[1]}: they "
                "come from another network. Embed both with one model."
            )

    def _told(self, rows: np.ndarray, distance: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(
            {"id": self.ids[rows], "distance": np.clip(distance, 0, 2).astype(float)}
        )


def _nearest(distance: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` least of ``distance`` (n,), of equals the first: rows and distances. Sorts few of many."""
    within = np.arange(len(distance))
    if k < len(distance):
        within = np.flatnonzero(distance <= np.partition(distance, k - 1)[k - 1])
    rows = within[np.argsort(distance[within], kind="stable")[:k]]
    return rows, distance[rows]
