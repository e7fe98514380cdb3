"""How well columns tell a class, out of fold, and whether chance would tell it as well."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import rankdata

TELLING_AUC = 0.60  # one half tells nothing
CHANCE = 0.05  # p, after Holm's correction
ENOUGH = 10  # shuffles that do as well: then chance is enough, and no more are needed
RESAMPLES = 300
FOLDS = 5
BINS = 5  # of a number; tenths cost 0.01 to 0.02 of an AUC of 0.7 at n = 500, by noise
CATEGORIES = 20  # a number with more values than these is cut
SMOOTHING = 5.0  # images; how many like the average every value is thought to have beside its own


def tell(
    codes: list[np.ndarray],
    y: np.ndarray,
    folds: np.ndarray,
    classes: np.ndarray,
    tests: int,
    rng: np.random.Generator,
) -> dict | None:
    """``{"auc": interval, "p": p}`` of how well ``codes`` tell ``y``; None if the AUC is below 0.6.

    p is the share of shuffled ``y`` that are told as well, the model learned anew from each. It
    stops where chance has done as well ten times.

    Parameters
    ----------
    codes
        int (n,) each, from :func:`binned`.
    y, folds
        int (n,): 0 … k−1 and 0 … 4.
    classes
        Those that count in the AUC.
    tests
        How many questions are asked in all: the more, the more shuffles, so that p can become
        small enough for a correction.

    References
    ----------
    Besag and Clifford, "Sequential Monte Carlo p-values", Biometrika 78 (1991).
    """
    k = y.max() + 1
    scores = out_of_fold(codes, y, folds, k)
    value = auc_of(scores, y, classes, folds)
    if value < TELLING_AUC:
        return None
    shuffled, as_good, most = y.copy(), [], max(199, 100 * tests)
    while len(as_good) < most and sum(as_good) < ENOUGH:
        rng.shuffle(shuffled)
        score = out_of_fold(codes, shuffled, folds, k)
        as_good.append(auc_of(score, shuffled, classes, folds) >= value)
    stopped = sum(as_good) == ENOUGH
    p = np.mean(as_good) if stopped else (1 + sum(as_good)) / (1 + most)
    return {"auc": auc_interval(scores, y, classes, folds, rng), "p": float(p)}


def chances(told: Iterable[dict | None]) -> np.ndarray:
    """Holm's p of every answer of :func:`tell`; None (an AUC below 0.6) counts as 1."""
    return holm([1.0 if answer is None else answer["p"] for answer in told])


def most_telling(codes: dict[str, np.ndarray], y: np.ndarray, folds: np.ndarray) -> str:
    """Name of the column that tells two classes best alone."""

    def alone(name: str) -> float:
        return auc_of(out_of_fold([codes[name]], y, folds, 2), y, np.array([1]), folds)

    return max(codes, key=alone)


def binned(column: pd.Series) -> np.ndarray:
    """int (n,): categories of a column; fifths for numbers; missing is a category of its own."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > CATEGORIES:
        ranks = column.astype(float).rank(pct=True)
        return np.floor(ranks.fillna(1.1).to_numpy() * BINS * 0.9999).astype(int)
    return pd.factorize(column.astype(object))[0] + 1


def out_of_fold(
    codes: list[np.ndarray], y: np.ndarray, folds: np.ndarray, n_classes: int
) -> np.ndarray:
    """float (n, classes): naive Bayes posterior of each row, learned from the other folds.

    Classes count as equally likely. Their shares are left out on purpose: they differ from fold to
    fold and would push the AUC of a useless column below one half.
    """
    out = np.zeros((len(y), n_classes))
    for column in codes:
        size = column.max() + 1
        cells = (folds * size + column) * n_classes + y
        counts = np.bincount(cells, minlength=FOLDS * size * n_classes)
        counts = counts.reshape(FOLDS, size, n_classes)
        counts = counts.sum(axis=0) - counts  # of each fold: what the others hold
        of_class = counts.sum(axis=1, keepdims=True)
        share = counts.sum(axis=2, keepdims=True) / np.maximum(
            1, of_class.sum(axis=2, keepdims=True)
        )
        likelihood = (counts + SMOOTHING * share) / (of_class + SMOOTHING)
        lift = np.divide(likelihood, share, out=np.ones(counts.shape), where=share > 0)
        out += np.log(lift)[folds, column]
    out = np.exp(out - out.max(axis=1, keepdims=True))
    return out / out.sum(axis=1, keepdims=True)


def auc_of(scores: np.ndarray, y: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> float:
    """Area under the ROC curve, mean over ``classes`` of one against the rest; a tie is half.

    With two classes the second column alone is read; the first would tell the same.
    Only pairs of one fold are compared: what a model learned without one fold differs a little
    from what it learned without another, and would break ties the wrong way (0.02 to 0.03 off an
    AUC of 0.7 at n = 500).
    """
    sizes = np.bincount(folds)
    before = np.cumsum(sizes) - sizes
    areas = []
    for k in classes if scores.shape[1] > 2 else [1]:
        mine = y == k
        ranks = rankdata(folds * (len(y) + 1) + rankdata(scores[:, k]))
        m = np.bincount(folds[mine], minlength=len(sizes))
        pairs = (m * (sizes - m)).sum()
        wins = ranks[mine].sum() - (m * before + m * (m + 1) / 2).sum()
        areas.append(wins / pairs if pairs else 0.5)
    return float(np.mean(areas))


def auc_interval(scores, y, classes, folds, rng: np.random.Generator) -> dict:
    """:func:`auc_of` with its interval: bootstrap within each class."""
    members = [np.flatnonzero(y == k) for k in range(scores.shape[1])]
    members = [m for m in members if len(m)]
    draws = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rng.choice(m, len(m)) for m in members])
        draws.append(auc_of(scores[rows], y[rows], classes, folds[rows]))
    low, high = np.percentile(draws, (2.5, 97.5))
    return interval(auc_of(scores, y, classes, folds), low, high, len(y))


def interval(value: float, low: float, high: float, n: int) -> dict:
    """A number as the summary holds it: rounded to 4 digits, with its 95 % interval and n."""
    value, low, high = (round(float(x), 4) for x in (value, low, high))
    return {"value": value, "low": low, "high": high, "n": int(n)}


def holm(p: list[float]) -> np.ndarray:
    """float (m,): p values corrected for being m at once; sure of all of them at a time.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    out = np.empty(len(p))
    out[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return out
