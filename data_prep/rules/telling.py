"""How well columns tell a class, out of fold, and whether chance would tell it as well."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from data_prep.rules.evidence import interval
from natkit.core.stats import holm
from natkit.facts.numbers import Interval

TELLING_AUC = 0.60  # one half tells nothing
CHANCE = 0.05  # p, after Holm's correction
ENOUGH = 10  # shuffles that do as well: then chance is enough, and no more are needed
RESAMPLES = 300
FOLDS = 5
BINS = 5  # of a number; tenths cost 0.01 to 0.02 of an AUC of 0.7 at n = 500, by noise
CATEGORIES = 20  # a number with more values than these is cut
SMOOTHING = 5.0  # images; how many like the average every value is thought to have beside its own


@dataclass(frozen=True)
class Answer:
    """How well columns tell a class, and how often shuffled classes are told as well."""

    auc: Interval
    p: float


def tell(
    codes: list[np.ndarray],
    y: np.ndarray,
    folds: np.ndarray,
    classes: np.ndarray,
    tests: int,
    rng: np.random.Generator,
) -> Answer | None:
    """How well ``codes`` tell ``y``; None if the AUC is below 0.6.

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
    most = max(199, 100 * tests)
    shuffled = y.copy()
    done = as_good = 0
    while done < most and as_good < ENOUGH:
        rng.shuffle(shuffled)
        shuffled_scores = out_of_fold(codes, shuffled, folds, k)
        as_good += auc_of(shuffled_scores, shuffled, classes, folds) >= value
        done += 1
    p = as_good / done if as_good == ENOUGH else (1 + as_good) / (1 + most)
    return Answer(auc_interval(scores, y, classes, folds, rng), float(p))


def chances(answers: Iterable[Answer | None]) -> np.ndarray:
    """Holm's p of every answer of :func:`tell`; None (an AUC below 0.6) counts as 1."""
    return holm([1.0 if answer is None else answer.p for answer in answers])


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
    evidence = np.zeros((len(y), n_classes))  # log-likelihood of each class, summed over columns
    for column in codes:
        evidence += np.log(_lifts(column, y, folds, n_classes))[folds, column]
    likelihood = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def _lifts(column: np.ndarray, y: np.ndarray, folds: np.ndarray, n_classes: int) -> np.ndarray:
    """float (folds, values, classes): how much likelier a value is in a class than on average, in the other folds.

    Every class is thought to have some images like the average beside its own; a value that the other folds do not
    hold tells nothing.
    """
    n_values = column.max() + 1
    cell = (folds * n_values + column) * n_classes + y
    in_fold = np.bincount(cell, minlength=FOLDS * n_values * n_classes)
    in_fold = in_fold.reshape(FOLDS, n_values, n_classes)
    elsewhere = in_fold.sum(axis=0) - in_fold
    of_class = elsewhere.sum(axis=1, keepdims=True)
    of_value = elsewhere.sum(axis=2, keepdims=True)
    total = of_class.sum(axis=2, keepdims=True)
    average = of_value / np.maximum(1, total)
    likelihood = (elsewhere + SMOOTHING * average) / (of_class + SMOOTHING)
    known = average > 0
    return np.divide(likelihood, average, out=np.ones(elsewhere.shape), where=known)


def auc_of(scores: np.ndarray, y: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> float:
    """Area under the ROC curve, mean over ``classes`` of one against the rest; a tie is half.

    With two classes the second column alone is read; the first would tell the same.
    Only pairs of one fold are compared: what a model learned without one fold differs a little
    from what it learned without another, and would break ties the wrong way (0.02 to 0.03 off an
    AUC of 0.7 at n = 500).
    """
    read = classes if scores.shape[1] > 2 else [1]
    return float(np.mean([_area(scores[:, k], y == k, folds) for k in read]))


def _area(score: np.ndarray, positive: np.ndarray, folds: np.ndarray) -> float:
    """Share of the pairs within a fold in which the positive row scores higher (Mann–Whitney); 0.5 without a pair."""
    sizes = np.bincount(folds)
    before = np.cumsum(sizes) - sizes  # rows of the earlier folds, which all rank below
    ranks = rankdata(folds * (len(score) + 1) + rankdata(score))
    n_positive = np.bincount(folds[positive], minlength=len(sizes))
    pairs = (n_positive * (sizes - n_positive)).sum()
    least = (n_positive * before + n_positive * (n_positive + 1) / 2).sum()  # if all ranked lowest
    wins = ranks[positive].sum() - least
    return wins / pairs if pairs else 0.5


def auc_interval(scores, y, classes, folds, rng: np.random.Generator) -> Interval:
    """:func:`auc_of` with its interval: bootstrap within each class."""
    of_class = [np.flatnonzero(y == k) for k in range(scores.shape[1])]
    of_class = [rows for rows in of_class if len(rows)]
    draws = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rng.choice(rows, len(rows)) for rows in of_class])
        draws.append(auc_of(scores[rows], y[rows], classes, folds[rows]))
    low, high = np.percentile(draws, (2.5, 97.5))
    return interval(auc_of(scores, y, classes, folds), low, high, len(y))
