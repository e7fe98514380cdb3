"""Images to look at again: unlike all others, or with a label that the other images speak against."""

import importlib.util

import numpy as np
import pandas as pd

from data_prep.rules.columns import check_columns
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.stats import robust_spread
from natkit.data.embedding import Embedding

NEIGHBOURS = 10
FAR = 3.5  # robust z; Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993
FOLDS = 5
COLUMNS = ["id", "path", "rule", "score", "label", "suggested", "evidence"]


def reinspect(
    embedding: Embedding,
    table: pd.DataFrame,
    label: str | None = None,
    n: int = 50,
    seed: int = 0,
    part: str | None = None,
) -> pd.DataFrame:
    """The images most worth a second look by a person, the most suspicious first. Changes nothing.

    ``outlier``: the mean distance to its 10 nearest neighbours (vectors of length 1) is more than
    3.5 robust standard deviations above the median; the score is z / (z + 7), so 1/3 at the limit.
    ``doubtful_label``: a logistic regression that has not seen the image takes it for another
    class; the score is 1 − the probability of the label it has. ``issue`` in the evidence says
    whether confident learning calls it an error: by cleanlab if that is installed, else by its
    central rule, written out here. A model that is often wrong doubts many good labels, so work
    down the list until they are.

    Parameters
    ----------
    embedding
        Of a frozen model, of one prepared folder.
    table
        Its manifest: columns ``id``, ``path`` and the label.
    label
        Column of the classes; without it, and for classes of fewer than 5 images, only outliers
        are looked for.
    n
        Rows wanted at most.
    part
        Column of what images share (part, lot), so that no image is judged by its own part.

    Returns
    -------
    One row an image, by the rule with the higher score: ``id``, ``path``, ``rule``, ``score``
    (0..1), ``label``, ``suggested`` (the likeliest class; missing for an outlier), ``evidence`` (a
    dict of the numbers behind it, always with the ``z`` of the image).

    Raises
    ------
    InputError
        If the embedding has 10 images or fewer, or a column is not in the table.

    Notes
    -----
    About 1 s for 1,800 images of 64 numbers and ten classes.

    References
    ----------
    Northcutt, Jiang and Chuang, "Confident Learning", JAIR 70 (2021), section 3.
    """
    if len(embedding) <= NEIGHBOURS:
        raise InputError(
            f"An outlier is judged by its {NEIGHBOURS} nearest images, but the embedding holds "
            f"{len(embedding)}. Embed more images."
        )
    check_columns(list(table.columns), label, () if part is None else (part,))
    rows = embedding.join(table)
    rows["label"] = None if label is None else class_names(rows[label]).astype(object)
    rows["z"] = _unlike(embedding.vectors)
    found = [
        {
            **row[["id", "path", "label"]],
            "rule": "outlier",
            "score": row["z"] / (row["z"] + 2 * FAR),
            "suggested": None,
            "evidence": {"z": round(row["z"], 2)},
        }
        for _, row in rows[rows["z"] > FAR].iterrows()
    ]
    if label is not None:
        found += _doubtful(embedding.vectors, rows, None if part is None else rows[part], seed)
    found = pd.DataFrame(found, columns=COLUMNS).sort_values("score", ascending=False)
    return found.drop_duplicates("id").head(n).reset_index(drop=True)


def _unlike(vectors: np.ndarray) -> np.ndarray:
    """float (n,): robust z of the mean distance to the nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    away = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(unit).kneighbors()[0].mean(axis=1)
    middle = np.median(away)
    spread = robust_spread(away, middle) or away.std() or 1.0
    return ((away - middle) / spread).astype(float)


def _doubtful(
    vectors: np.ndarray, rows: pd.DataFrame, part: pd.Series | None, seed: int
) -> list[dict]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = pd.Series(rows.index if part is None else pd.factorize(part.astype(object))[0])
    # an image without part is a part of its own
    parts = parts.where(parts >= 0, -1 - pd.Series(rows.index))
    sizes = parts.groupby(rows["label"]).nunique()
    usable = np.flatnonzero(rows["label"].isin(sizes.index[sizes >= FOLDS]))
    if rows["label"].iloc[usable].nunique() < 2:
        return []
    y, classes = pd.factorize(rows["label"].iloc[usable], sort=True)
    kind = StratifiedKFold if part is None else StratifiedGroupKFold
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    probability = cross_val_predict(
        model,
        vectors[usable].astype(float),
        y,
        groups=None if part is None else parts.iloc[usable],
        cv=kind(FOLDS, shuffle=True, random_state=seed),
        method="predict_proba",
    )
    given, likeliest = probability[np.arange(len(y)), y], probability.argmax(axis=1)
    installed = importlib.util.find_spec("cleanlab") is not None
    issue = (_by_cleanlab if installed else _by_threshold)(y, probability)
    return [
        {
            **rows.loc[usable[i], ["id", "path", "label"]],
            "rule": "doubtful_label",
            "score": float(1 - given[i]),
            "suggested": classes[likeliest[i]],
            "evidence": {
                "p_given": round(float(given[i]), 4),
                "p_suggested": round(float(probability[i].max()), 4),
                "issue": bool(issue[i]),
                "z": round(float(rows["z"].iloc[usable[i]]), 2),
            },
        }
        for i in np.flatnonzero(likeliest != y)
    ]


def _by_cleanlab(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """bool (n,): cleanlab calls the label an error."""
    from cleanlab.filter import find_label_issues

    return find_label_issues(y, probability, n_jobs=1)


def _by_threshold(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """bool (n,): the row counts for another class in the confident joint.

    A row counts for a class that it is at least as probable of as the images labelled so are on
    average; for the likeliest, if there are several.
    """
    usual = np.array([probability[y == k, k].mean() for k in range(probability.shape[1])])
    sure = np.where(probability >= usual, probability, -1.0)
    return (sure.max(axis=1) > 0) & (sure.argmax(axis=1) != y)
