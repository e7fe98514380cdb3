"""Scores of a thousand resampled test sets at once: one weight an image, no loop over resamples.

Every score here takes ``weights`` (b, n), how often each image counts, and gives float64 (b,). The images
are those of one test set, so that all scores from the same weights are paired.
"""

import numpy as np
from scipy import stats

from natkit.core.errors import InputError

RESAMPLES = 1000
TRIES = 1000  # to draw a test set that holds every class
Z = stats.norm.ppf(0.975)


def resample(classes: np.ndarray, seed: int, units: np.ndarray | None = None) -> np.ndarray:
    """How often each test image is drawn: float64 (1 + 1,000, n); row 0 is the test set, all ones.

    Images, or whole ``units`` of images, are drawn with replacement; a draw that lacks a class is
    drawn again.

    Parameters
    ----------
    classes
        int (n,), 0 … k−1, each of them present. All 0 where there are none.
    seed
        The draws depend on it, on ``n``, ``classes`` and ``units`` alone.
    units
        (n,), the independent unit that each image belongs to (part, lot); None: each image is one.

    Raises
    ------
    InputError
        If classes stand in so few units that no draw holds them all.

    References
    ----------
    Efron & Tibshirani, "An introduction to the bootstrap" (1993), chapters 8 and 13.
    """
    rng = np.random.default_rng(seed)
    n = len(classes)
    names, of = np.unique(np.arange(n) if units is None else units, return_inverse=True)
    onehot = np.eye(classes.max() + 1)[classes]
    draws = np.ones((1 + RESAMPLES, n))
    again = np.arange(1, 1 + RESAMPLES)
    for _ in range(TRIES):
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=len(again))
        draws[again] = drawn[:, of]
        again = again[(draws[again] @ onehot == 0).any(axis=1)]
        if not len(again):
            return draws
    lots = [len(np.unique(of[classes == c])) for c in range(onehot.shape[1])]
    raise InputError(
        f"The {n} test images come from {len(names)} independent units, of which the rarest class has "
        f"{min(lots)}: too few to tell how far a score may be off. Leave out rare classes, or test on more lots."
    )


def auroc(
    classes: np.ndarray, scores: np.ndarray, weights: np.ndarray, strata: np.ndarray | None = None
) -> np.ndarray:
    """Area under the ROC curve: 0.5 chance, 1 perfect.

    The share of (defect, good) pairs in which the defect scores higher, ties counting half
    (Mann–Whitney). More than two classes: each against the rest, plain mean.

    Parameters
    ----------
    classes
        int (n,), 0 … k−1.
    scores
        (n, k), a column a class; with two classes the second column alone is read.
    weights
        (b, n); every class needs some weight in every row.
    strata
        (n,): count only pairs within one stratum (one camera). A class without such a pair is left
        out of the mean; NaN where no pair is left at all.
    """
    k = scores.shape[1]
    tested = [1] if k == 2 else range(k)
    parts = [slice(None)] if strata is None else [strata == s for s in np.unique(strata)]
    areas = []
    for c in tested:
        wins, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for part in parts:
            won, held = _pairs(classes[part] == c, scores[part, c], weights[:, part])
            wins, pairs = wins + won, pairs + held
        areas.append(np.divide(wins, pairs, out=np.full(len(wins), np.nan), where=pairs > 0))
    areas = np.array(areas)
    known = ~np.isnan(areas)
    total = np.where(known, areas, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(0))


def _pairs(positive: np.ndarray, score: np.ndarray, weights: np.ndarray):
    """Weighed pairs won by the positive image, and all pairs: two (b,)."""
    order = np.argsort(score, kind="stable")
    up, down = _by_value(positive[order], score[order], weights[:, order])
    below = np.cumsum(down, axis=1) - down
    return (up * (below + down / 2)).sum(axis=1), up.sum(axis=1) * down.sum(axis=1)


def _by_value(positive: np.ndarray, score: np.ndarray, drawn: np.ndarray):
    """Weight of positives and of others at each value of a sorted score: two (b, values)."""
    ties = np.flatnonzero(np.r_[True, np.diff(score) != 0])  # where each new value begins
    up = np.add.reduceat(drawn * positive, ties, axis=1)
    return up, np.add.reduceat(drawn * ~positive, ties, axis=1)


def average_precision(
    positive: np.ndarray, score: np.ndarray, weights: np.ndarray, points: int | str | None = None
) -> np.ndarray:
    """Mean precision over the recall range: the share of positives is chance, 1 is perfect.

    Parameters
    ----------
    positive
        bool (n,).
    score
        (n,); images of one score come at the same threshold.
    weights
        (b, n); NaN where no positive has weight.
    points
        None: the plain sum over thresholds, as scikit-learn's ``average_precision_score``. 11: the
        mean of the best precision at recall 0, 0.1 … 1 (VOC 2007). "all": the area under the best
        precision at each recall or more (VOC 2010 and later).

    References
    ----------
    Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 88 (2010), section 4.2.
    """
    order = np.argsort(-score, kind="stable")
    up, down = _by_value(positive[order], score[order], weights[:, order])
    hits = np.cumsum(up, axis=1)
    seen = hits + np.cumsum(down, axis=1)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    total = up.sum(axis=1, keepdims=True)
    total[total == 0] = np.nan
    if points is None:
        return (up * precision).sum(axis=1) / total[:, 0]
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    if points == "all":
        return (up * best).sum(axis=1) / total[:, 0]
    levels = np.arange(points) / (points - 1)
    reached = [np.where(hits / total >= level - 1e-12, best, 0).max(axis=1) for level in levels]
    return np.mean(reached, axis=0)


def balanced_accuracy(
    classes: np.ndarray, predicted: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Mean over classes of the share found, in 0..1; chance is 1 / classes."""
    onehot = np.eye(classes.max() + 1)[classes]
    found = weights @ (onehot * (predicted == classes)[:, None])
    return (found / (weights @ onehot)).mean(axis=1)


def macro_f1(classes: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over classes of 2 · hits / (predicted + present), in 0..1."""
    eye = np.eye(max(classes.max(), predicted.max()) + 1)[:, : classes.max() + 1]
    present, called = eye[classes], eye[predicted]
    hits = weights @ (present * called)
    return (2 * hits / (weights @ present + weights @ called)).mean(axis=1)


def r_squared(
    values: np.ndarray, predicted: np.ndarray, weights: np.ndarray, strata: np.ndarray | None = None
) -> np.ndarray:
    """Share of the variance explained: 1 perfect, 0 the mean; below 0 is worse than the mean.

    With ``strata`` the variance and the errors are taken about the means of each stratum.
    """
    parts = [slice(None)] if strata is None else [strata == s for s in np.unique(strata)]
    left = spread = 0
    for part in parts:
        w = weights[:, part]
        y, error = values[part], values[part] - predicted[part]
        total = np.maximum(w.sum(axis=1), 1e-300)
        spread = spread + w @ y**2 - (w @ y) ** 2 / total
        left = left + w @ error**2 - (0 if strata is None else (w @ error) ** 2 / total)
    gained = np.divide(left, spread, out=np.full(len(weights), np.nan), where=spread > 1e-12)
    return 1 - gained


def interval(values: np.ndarray, n: int) -> dict:
    """``{value, low, high, n}``: row 0, the 2.5th and 97.5th percentile of the other rows."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return {"value": float(values[0]), "low": float(low), "high": float(high), "n": int(n)}


def over_seeds(runs: np.ndarray, seed: int) -> np.ndarray:
    """Scores of several trainings as those of their mean: (seeds, b) → (b,).

    Resampled rows also move by the uncertainty of that mean: Student's t with ``seeds − 1`` degrees
    of freedom times the standard error over trainings, one draw a row. One training is passed on
    as it is; its interval covers the choice of test images alone.
    """
    mean = runs.mean(axis=0)
    if len(runs) == 1:
        return mean
    error = runs[:, 0].std(ddof=1) / np.sqrt(len(runs))
    moved = stats.t.rvs(len(runs) - 1, size=len(mean), random_state=np.random.default_rng(seed))
    moved[0] = 0
    return mean + error * moved


def settled_by(gap: dict, distance: float, power: float = 0.8) -> int | None:
    """How many test images would put the lower bound past a border, by the plan.

    ``n · ((z₀.₉₇₅ + z_power) · se / distance)²`` with the standard error ``se`` from the width of the
    interval at ``n``; None if the value lies on the wrong side of the border.

    Parameters
    ----------
    gap
        An interval ``{value, low, high, n}`` of today.
    distance
        From the border to the value that is believed, above 0 if it lies on the right side.
    power
        The chance with which a repetition with so many images finds it.

    References
    ----------
    Obuchowski & McClish, "Sample size determination for diagnostic accuracy studies" (1997).
    """
    if distance <= 0:
        return None
    error = (gap["high"] - gap["low"]) / (2 * Z)
    return int(np.ceil(gap["n"] * ((Z + stats.norm.ppf(power)) * error / distance) ** 2))
