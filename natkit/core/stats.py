"""How strongly two columns of values go together: Cramér's V with its interval, one owner for audit and map."""

import numpy as np
import pandas as pd

RESAMPLES = 300


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
