"""Embedding: one vector an image, with where it came from. Nothing to its right imports torch."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.core.files import read_arrays, writing


@dataclass(frozen=True)
class Embedding:
    """Vectors of images and where they came from.

    Parameters
    ----------
    vectors
        float32 (n, d), finite.
    ids
        int64 (n,), the ``id`` column of the manifest; no id twice.
    meta
        JSON-able. ``name`` ("NAT", "untrained", "pixels", …), ``layer`` (which layer was read), ``run``
        (folder or seed of the model), ``data_hash`` (of the manifest).

    Raises
    ------
    InputError
        If shapes differ, an id comes twice, or a value is NaN or infinite.
    """

    vectors: np.ndarray
    ids: np.ndarray
    meta: dict = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "vectors", np.ascontiguousarray(self.vectors, dtype=np.float32))
        object.__setattr__(self, "ids", np.asarray(self.ids, dtype=np.int64))
        if self.vectors.ndim != 2 or self.ids.shape != self.vectors.shape[:1]:
            raise InputError(
                f"An Embedding needs vectors (n, d) and ids (n,), but got {self.vectors.shape} and "
                f"{self.ids.shape}. Pass one id a row."
            )
        if len(np.unique(self.ids)) != len(self.ids):
            raise InputError(
                "An Embedding holds each id once, but ids repeat. Drop the repeated rows."
            )
        if not np.isfinite(self.vectors).all():
            row = int(np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))[0])
            raise InputError(
                f"Embedding vectors must be finite, but row {row} (id {self.ids[row]}) is not. "
                "Train again with a smaller learning rate, or look at that image."
            )

    @property
    def name(self) -> str:
        """What made the vectors: the name under which a score is shown."""
        return self.meta.get("name", "embedding")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        n, d = self.vectors.shape
        return f"Embedding({self.name}, {n} images, {d} numbers each)"

    def join(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of ``table`` (it has a column ``id``) in the order of this embedding.

        Raises
        ------
        InputError
            If an id of the embedding is not in the table, or stands there twice.
        """
        rows = table.set_index("id")
        missing = np.setdiff1d(self.ids, rows.index)
        if len(missing) or rows.index.has_duplicates:
            raise InputError(
                f"The table must hold each of the {len(self)} ids of the embedding once; "
                f"{len(missing)} are missing, {int(rows.index.duplicated().sum())} repeat. "
                "Pass the table of the prepared folder that the embedding was made from."
            )
        return rows.loc[self.ids].reset_index()

    def at(self, ids: np.ndarray) -> np.ndarray:
        """Vectors (m, d) of the images with these ids (m,), in their order. InputError if one is not here."""
        rows = pd.Index(self.ids).get_indexer(ids)
        if (rows < 0).any():
            raise InputError(
                f"{self.name!r} lacks {(rows < 0).sum()} of {len(rows)} images of the table. Embed all of them."
            )
        return self.vectors[rows]

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` (no pickle), whole or not at all."""
        with writing(path) as part, open(part, "wb") as file:
            np.savez(file, vectors=self.vectors, ids=self.ids, meta=np.array(json.dumps(self.meta)))

    @classmethod
    def load(cls, path: str | Path) -> "Embedding":
        """Read what :meth:`save` wrote. Raises InputError for anything else."""
        try:
            kept = read_arrays(path)
            return cls(kept["vectors"], kept["ids"], json.loads(str(kept["meta"])))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is not an embedding that natkit wrote ({error}). "
                "Make it with model.embed(images).save(path), or run the notebook 02_train."
            ) from error
