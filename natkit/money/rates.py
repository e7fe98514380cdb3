"""How far a counted share may be from the true one, and how many must be seen to show it small."""

import numpy as np
from scipy import stats

from natkit.core.stats import exact_bounds

LEVEL = 0.95


def at_most(k: float, n: float, level: float = LEVEL) -> float:
    """The one-sided upper bound: what ``k`` of ``n`` still allows. 0 of n allows 1 − 0.05^(1/n), about 3/n."""
    return exact_bounds(k, n, 2 * level - 1)[1]


def share(hit: np.ndarray, groups: np.ndarray | None = None) -> dict | None:
    """A share with its bounds, from which images were hit.

    Parameters
    ----------
    hit
        bool (n,), n ≥ 1.
    groups
        (n,), the lot or part of each image. Images of one lot err together, so ``n`` images tell less
        than n: the bounds are those of ``n_eff`` images (Korn and Graubard), never narrower than
        without groups.

    Returns
    -------
    dict or None
        ``k, n, value, low, high`` (95 %, two-sided), ``at_most`` (95 %, one-sided), ``n_eff`` and
        ``groups`` (how many, or None). None if all images are of one group: it tells nothing of others.

    Notes
    -----
    A bootstrap over groups would give the interval 0 to 0 where nothing was hit; this does not.
    With ``k`` of 0 or n, how far lots differ can't be seen, and only their small number counts.

    References
    ----------
    Korn and Graubard, "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data", Survey Methodology 24 (1998).
    """
    n, k = len(hit), int(hit.sum())
    n_eff, many = float(n), None
    if groups is not None:
        each = np.unique(groups, return_inverse=True)[1]
        many = int(each.max()) + 1
        if many < 2:
            return None
        n_eff = _effective(hit, each, many)
    low, high = exact_bounds(k / n * n_eff, n_eff)
    top = at_most(k / n * n_eff, n_eff)
    found = {"k": k, "n": n, "value": k / n, "low": low, "high": high, "at_most": top}
    return found | {"n_eff": n_eff, "groups": many}


def _effective(hit: np.ndarray, each: np.ndarray, many: int) -> float:
    """How many independent images would tell as much as these; each one its own group: all of them."""
    n, p = len(hit), hit.mean()
    few = (stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, many - 1)) ** 2
    if p in (0, 1):
        return n * few
    spread = many / (many - 1) * (np.bincount(each, hit - p) ** 2).sum() / n**2
    return n * few / max(spread / (p * (1 - p) / (n - 1)), 1.0)


def weighed(parts: list[tuple[float, dict]], together: bool = False) -> tuple[float, float, float]:
    """``value, low, high`` of a sum of shares, each times a weight of 0 or more.

    The margins are added in squares (the shares come from different images, so they err apart), or
    plainly if they may err ``together``, as those from the same lots.

    References
    ----------
    Zou and Donner, "Construction of confidence limits about effect measures", Statistics in
    Medicine 27 (2008): MOVER, here from exact bounds.
    """
    add = np.sum if together else np.linalg.norm
    value = sum(weight * found["value"] for weight, found in parts)
    down = add([weight * (found["value"] - found["low"]) for weight, found in parts])
    up = add([weight * (found["high"] - found["value"]) for weight, found in parts])
    return float(value), float(max(value - down, 0.0)), float(value + up)


def seen_to_show(allowed: float, misses: int = 0, level: float = LEVEL) -> int:
    """How many must be seen, of which ``misses`` are missed, so that :func:`at_most` is ``allowed`` or less.

    With no miss this is log(0.05) / log(1 − allowed), rounded up: 59 for 5 %.
    """
    few, many = misses + 1, misses + 2
    while stats.binom.cdf(misses, many, allowed) > 1 - level:
        few, many = many, 2 * many
    while few < many:
        middle = (few + many) // 2
        if stats.binom.cdf(misses, middle, allowed) <= 1 - level:
            many = middle
        else:
            few = middle + 1
    return many


def parts_to_meet(defects: int, rate: float, level: float = LEVEL) -> int:
    """How many parts to inspect so that with 95 % probability at least ``defects`` bad ones are met.

    Parameters
    ----------
    rate
        Share of bad parts, in (0, 1). On average ``defects / rate`` parts would do, but half the time
        that is too few.
    """
    return defects + int(stats.nbinom.ppf(level, defects, rate))
