"""Scores of a thousand resampled test sets at once: one weight an image, no loop over resamples."""

import numpy as np

RESAMPLES = 1000


def resample(classes: np.ndarray, seed: int) -> np.ndarray:
    """How often each test image is drawn: float64 (1 + 1,000, n); row 0 is the test set, all ones.

    Images are drawn with replacement; a draw that lacks a class is drawn again. Every score made
    from these same rows is paired with every other.

    Parameters
    ----------
    classes
        int (n,), 0 … k−1, each of them present.
    seed
        The draws depend on it and on ``n`` and ``classes`` alone.
    """
    rng = np.random.default_rng(seed)
    n = len(classes)
    onehot = np.eye(classes.max() + 1)[classes]
    draws = np.ones((1 + RESAMPLES, n))
    again = np.arange(1, 1 + RESAMPLES)
    while len(again):
        draws[again] = rng.multinomial(n, np.full(n, 1 / n), size=len(again))
        again = again[(draws[again] @ onehot == 0).any(axis=1)]
    return draws


def auroc(classes: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve under each row of weights: float64 (b,), 0.5 chance, 1 perfect.

    The share of (defect, good) pairs in which the defect scores higher, ties counting half
    (Mann–Whitney). More than two classes: each against the rest, plain mean.

    Parameters
    ----------
    classes
        int (n,), 0 … k−1.
    scores
        (n, k), a column a class; with two classes the second column alone is read.
    weights
        (b, n), how often each image counts; every class needs some weight in every row.
    """
    k = scores.shape[1]
    tested = [1] if k == 2 else range(k)
    areas = [_area(classes == c, scores[:, c], weights) for c in tested]
    return np.mean(areas, axis=0)


def _area(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(score, kind="stable")
    ties = np.flatnonzero(np.diff(score[order], prepend=-np.inf))  # where each new value begins
    drawn, positive = weights[:, order], positive[order]
    up = np.add.reduceat(drawn * positive, ties, axis=1)
    down = np.add.reduceat(drawn * ~positive, ties, axis=1)
    below = np.cumsum(down, axis=1) - down
    return (up * (below + down / 2)).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1))


def balanced_accuracy(
    classes: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Mean over classes of the share found, under each row of weights: float64 (b,), in 0..1."""
    onehot = np.eye(classes.max() + 1)[classes]
    found = weights @ (onehot * (predicted == classes)[:, None])
    return (found / (weights @ onehot)).mean(axis=1)


def interval(values: np.ndarray, n: int) -> dict:
    """``{value, low, high, n}``: row 0, the 2.5th and 97.5th percentile of the other rows."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {"value": float(values[0]), "low": float(low), "high": float(high), "n": int(n)}
