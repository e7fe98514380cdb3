"""Has a number moved between two runs? Judged from the two intervals alone, and corrected for how many are judged."""

from math import hypot

from scipy import stats

from natkit.evidence.intervals import Z
from natkit.facts.numbers import Range

ALPHA = 0.05


def difference(before: Range, after: Range) -> Range:
    """``after`` minus ``before`` with its 95 % interval, from two 95 % intervals of independent numbers.

    The distance from the difference to each of its bounds is the root of the sum of the two squared
    distances that point the same way; with symmetric intervals, of the two squared half widths. Two
    intervals that do not overlap always differ by this rule, but not the other way round: asking for
    no overlap would overlook differences. If both numbers come from the same test images they go up and
    down together, and this interval is as a rule wider than the paired one, which summaries cannot give.

    References
    ----------
    Zou & Donner, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27 (2008).
    """
    moved = after.value - before.value
    down = hypot(after.value - after.low, before.high - before.value)
    up = hypot(after.high - after.value, before.value - before.low)
    return Range(moved, moved - down, moved + up)


def chance(gap: Range) -> float:
    """Two-sided p of a difference with 95 % interval: below 0.05 exactly if the interval leaves out 0.

    The bound on the side of 0 is taken as 1.96 standard errors away (normal approximation).
    """
    value = gap.value
    if value == 0:
        return 1.0
    reach = value - gap.low if value > 0 else gap.high - value
    return float(2 * stats.norm.sf(Z * abs(value) / reach)) if reach > 0 else 0.0
