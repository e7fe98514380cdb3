"""Whether a number moved: known intervals, the error rate that is promised, and corrections known by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest

from natkit.facts.numbers import Range
from natkit.runs.moved import chance, difference


def number(value, low, high):
    return Range(value, low, high)


def around(value, half):
    return number(value, value - half, value + half)


def test_half_widths_add_in_squares():
    gap = difference(around(1.0, 3.0), around(2.0, 4.0))
    assert vars(gap) == pytest.approx(vars(number(1.0, -4.0, 6.0)))


def test_the_two_sides_are_taken_crosswise():
    """Newcombe (1998), table II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339 from Wilson's intervals."""
    ends = []
    for k, n in ((48, 80), (56, 70)):
        found = binomtest(k, n).proportion_ci(method="wilson")
        ends.append(number(k / n, found.low, found.high))
    gap = difference(*ends)
    assert gap.value == pytest.approx(0.2)
    assert (gap.low, gap.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_other_way_round_is_the_same_with_the_other_sign():
    before, after = number(0.7, 0.6, 0.75), number(0.9, 0.82, 0.93)
    one, other = difference(before, after), difference(after, before)
    assert vars(other) == pytest.approx(vars(number(-one.value, -one.high, -one.low)))
    assert chance(one) == pytest.approx(chance(other))


def test_two_that_overlap_may_differ_but_two_that_do_not_always_do():
    overlapping = difference(around(0.70, 0.05), around(0.78, 0.05))
    assert overlapping.low > 0
    apart = difference(number(0.70, 0.6, 0.75), number(0.76, 0.7501, 0.9))
    assert apart.low > 0


def test_p_is_below_5_percent_exactly_where_the_interval_leaves_out_0():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(500):
        before, after = (number(v, v - a, v + b) for v, a, b in rng.uniform(0, 1, (2, 3)))
        gap = difference(before, after)
        outside = gap.low > 0 or gap.high < 0
        assert (chance(gap) < 0.05) == outside
        seen.add(bool(outside))
    assert seen == {True, False}
    assert chance(difference(before, before)) == 1
    assert chance(difference(number(0.5, 0.5, 0.5), number(1.0, 1.0, 1.0))) == 0


@pytest.mark.parametrize(("together", "least", "most"), [(0.0, 0.035, 0.065), (0.8, 0, 0.002)])
def test_nothing_moved_is_called_moved_in_5_percent_or_less(together, least, most):
    """Independent scores: 5 %. Of the same test images, so that they go together: far less."""
    rng = np.random.default_rng(1)
    shared, own = np.sqrt(together), np.sqrt(1 - together)
    common = rng.standard_normal((2000, 1)) * shared
    scores = common + own * rng.standard_normal((2000, 2))
    gaps = [difference(around(a, 1.96), around(b, 1.96)) for a, b in scores]
    assert least <= np.mean([chance(gap) < 0.05 for gap in gaps]) <= most
