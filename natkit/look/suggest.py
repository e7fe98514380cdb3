"""What to label next: the images whose labels would teach most, and why each of them."""

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.look.space import principal

DOUBTFUL = 10  # times as many candidates as are asked for, the least certain ones
FEW = 10  # labels; with fewer nothing is learnt from them yet


def label_next(emb: Embedding, labels: pd.Series, n: int = 20, seed: int = 0) -> pd.DataFrame:
    """The ``n`` most useful unlabelled images: uncertain, and unlike each other.

    With 10 labels or more of two classes, a logistic regression on the features says how certain each image is;
    the ``10 n`` least certain ones are cut into ``n`` groups (KMeans), and of each the image nearest to its middle is
    taken. With fewer labels all images are cut alike: those that stand for most come first.

    Parameters
    ----------
    labels
        One for each image of the embedding, in its order; missing where there is none.
    n
        How many; fewer come back if fewer are unlabelled.

    Returns
    -------
    pandas.DataFrame
        ``id`` (int64), ``uncertainty`` in 0..1 (1 − margin between the two likeliest classes; missing with too few
        labels), ``guess`` (the likeliest class; None), ``stands_for``: images of its group. The most useful first.

    Raises
    ------
    InputError
        If there are not as many labels as images, or none is missing.

    References
    ----------
    Zhdanov, "Diverse mini-batch active learning" (2019).
    """
    labels = pd.Series(labels).reset_index(drop=True)
    if len(labels) != len(emb):
        raise InputError(
            f"There are {len(labels)} labels for {len(emb)} images. Give one for each, None where there is none."
        )
    open_rows = np.flatnonzero(labels.isna())
    if not len(open_rows):
        raise InputError("Every image has a label, so there is none to label next.")
    x = principal(emb, seed)
    n = min(n, len(open_rows))
    uncertainty, guess = np.full(len(open_rows), np.nan), np.full(len(open_rows), None, object)
    known = labels.notna().to_numpy()
    classes = labels[known].astype(str)
    if len(classes) >= FEW and classes.nunique() > 1:
        uncertainty, guess = _doubt(x[known], classes.to_numpy(), x[open_rows])
        candidates = np.argsort(-uncertainty, kind="stable")[: DOUBTFUL * n]
    else:
        candidates = np.arange(len(open_rows))
    points = x[open_rows[candidates]]
    n = min(n, len(np.unique(points, axis=0)))
    with threadpool_limits(1):
        groups = KMeans(n, n_init=4, random_state=seed).fit(points)
    rows = []
    for group in range(n):
        members = np.flatnonzero(groups.labels_ == group)
        away = np.linalg.norm(points[members] - groups.cluster_centers_[group], axis=1)
        best = candidates[members[away.argmin()]]
        rows.append((emb.ids[open_rows[best]], uncertainty[best], guess[best], len(members)))
    out = pd.DataFrame(rows, columns=["id", "uncertainty", "guess", "stands_for"])
    return out.sort_values(
        ["uncertainty", "stands_for"], ascending=False, kind="stable", ignore_index=True
    )


def _doubt(x: np.ndarray, classes: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 − margin of a probe on the labelled images, and its guess."""
    scale = x.std(axis=0).max() or 1
    with threadpool_limits(1):
        probe = LogisticRegression(max_iter=1000, class_weight="balanced").fit(x / scale, classes)
        share = probe.predict_proba(asked / scale)
    two = np.sort(share, axis=1)[:, -2:]
    return 1 - (two[:, 1] - two[:, 0]), probe.classes_[share.argmax(axis=1)]
