"""Statistics that several rooms share, each once: Cramér's V, corrections for many tests, robust spread, shares."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

RESAMPLES = 300
ROBUST = 1.4826  # times the median absolute deviation is the standard deviation of normal values


def names_rows(column: pd.Series) -> bool:
    """Whether a column names its rows (file, serial number) and tells nothing: text, no gap, no value twice."""
    text = not pd.api.types.is_numeric_dtype(column)
    return text and len(column) > 1 and column.notna().all() and column.is_unique


def cramers_v(counts: np.ndarray) -> float:
    """Bias-corrected Cramér's V of a contingency table: 0 no association, 1 one tells the other.

    The plain V of independent columns is above 0, the more so the smaller the sample; the
    correction takes its expectation away.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", J. Korean Stat. Soc. 42 (2013),
    eq. 3–5.
    """
    phi2, by_chance, most = _parts(counts)
    return _v(phi2 - by_chance, most)


def v_interval(counts: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """``(v, low, high)``: :func:`cramers_v` with a 95 % interval that holds it.

    A resample has the association by chance of the sample, and its own on top; both are taken away, so that the
    resamples lie around the value.
    """
    counts = np.asarray(counts)
    n = int(counts.sum())
    phi2, by_chance, most = _parts(counts)
    v = _v(phi2 - by_chance, most)
    if most <= 0:
        return v, v, v
    drawn = [
        _parts(draw.reshape(counts.shape))
        for draw in rng.multinomial(n, counts.ravel() / n, RESAMPLES)
    ]
    low, high = np.percentile([_v(p - c - by_chance, m) for p, c, m in drawn], (2.5, 97.5))
    return v, min(v, float(low)), max(v, float(high))


def _parts(counts: np.ndarray) -> tuple[float, float, float]:
    """φ² of a table, what chance adds to it, and the most that it can be."""
    counts = np.asarray(counts, float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n, (r, c) = counts.sum(), counts.shape
    if min(r, c) < 2 or n < 2:
        return 0.0, 0.0, 0.0
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi2 = ((counts - expected) ** 2 / expected).sum() / n
    by_chance = (r - 1) * (c - 1) / (n - 1)
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return phi2, by_chance, min(r, c) - 1


def _v(phi2: float, most: float) -> float:
    return float(np.sqrt(np.clip(phi2 / most, 0, 1))) if most > 1e-9 else 0.0


def robust_spread(
    values: np.ndarray, middle: np.ndarray | float | None = None, axis: int | None = None
) -> np.ndarray | float:
    """Standard deviation of most of ``values``, whatever the rest of them are: 1.4826 times their MAD.

    Parameters
    ----------
    values
        Without gaps; of none the spread is NaN.
    middle
        What they are spread around; their median if not given.
    axis
        As in :func:`numpy.median`, but the axis is kept.
    """
    values = np.asarray(values)
    if not values.size:
        return np.nan
    if middle is None:
        middle = np.median(values, axis=axis, keepdims=axis is not None)
    return ROBUST * np.median(np.abs(values - middle), axis=axis, keepdims=axis is not None)


def holm(p: Sequence[float]) -> np.ndarray:
    """float (m,): p values of several tests, corrected so that all of them together err in 5 %.

    Holds however the tests depend on one another.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979).
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return corrected


def fisher(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(p, least)``: is a part hit more than the others? Fisher's exact test of each part, one-sided.

    Parameters
    ----------
    hits, n
        int (k,): how many of each part are hit, and how many it has.

    Returns
    -------
    p, least
        float (k,): that so many or more of a part are among those hit if these were drawn blindly; and the smallest
        p that its size allows.
    """
    from scipy.stats import hypergeom

    drawn = n.sum(), hits.sum(), n
    p, least = (hypergeom.sf(k - 1, *drawn) for k in (hits, np.minimum(n, hits.sum())))
    return p, least


def tarone(p: np.ndarray, least: np.ndarray, level: float) -> np.ndarray:
    """bool (m,): which p stand, with a chance of at most ``level`` that any of them is a false alarm.

    Tests that could never reach the level (a class of three images, a rule that names one) cost the
    others nothing; ``least`` is the smallest p that each could have.

    References
    ----------
    Tarone, "A modified Bonferroni method for discrete data", Biometrics 46 (1990).
    """
    k = next(k for k in range(1, len(p) + 2) if (least <= level / k).sum() <= k)
    return p <= level / k


def exact_bounds(k: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Exact two-sided bounds of a share of which ``k`` of ``n`` were counted: 0 ≤ low ≤ k/n ≤ high ≤ 1.

    Neither need be whole; of 0 they are 0 and 1. Never covers less than ``level``.

    References
    ----------
    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934), as quantiles of beta distributions.
    """
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = beta.ppf(tail, k, n - k + 1) if k > 0 else 0.0
    high = beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
    return float(low), float(high)


def wilson_bounds(k: int, n: int) -> tuple[float, float]:
    """95 % bounds of a share of which ``k`` of ``n`` were counted: narrower than the exact ones, right on average.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927).
    """
    from scipy.stats import binomtest

    bounds = binomtest(k, n).proportion_ci(method="wilson")
    return float(bounds.low), float(bounds.high)
