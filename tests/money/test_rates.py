"""Laws of counted shares: known tables, scipy, exact coverage, and lots that err together."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from natkit.core.stats import exact_bounds
from natkit.money.rates import at_most, parts_to_meet, seen_to_show, share, weighed


@pytest.mark.parametrize(("k", "n"), [(0, 59), (1, 59), (7, 164), (59, 59), (1, 1), (0, 1)])
def test_bounds_are_those_of_clopper_and_pearson(k, n):
    found = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    assert exact_bounds(k, n) == pytest.approx((found.low, found.high), abs=1e-12)
    assert at_most(k, n) == pytest.approx(
        stats.binomtest(k, n, alternative="less").proportion_ci(0.95, "exact").high
    )


def test_none_of_59_still_allows_five_percent():
    assert at_most(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert at_most(0, 58) > 0.05 > at_most(0, 59)
    assert at_most(0, 1000) == pytest.approx(3 / 1000, rel=0.01)  # the rule of three


@pytest.mark.parametrize(("p", "n"), [(0.01, 60), (0.2, 25), (0.5, 164)])
def test_bounds_hold_the_true_share_as_often_as_they_say(p, n):
    """Every outcome weighed by its probability: no simulation, no tolerance."""
    chance = stats.binom.pmf(np.arange(n + 1), n, p)
    held = [low <= p <= high for low, high in (exact_bounds(k, n) for k in range(n + 1))]
    below = [p <= at_most(k, n) for k in range(n + 1)]
    assert chance[held].sum() >= 0.95
    assert chance[below].sum() >= 0.95


PLANS = {
    (0.05, 0): 59,
    (0.02, 0): 149,
    (0.01, 0): 299,
    (0.02, 1): 236,
    (0.02, 2): 313,
    (0.05, 1): 93,
}


@pytest.mark.parametrize(("allowed", "misses"), PLANS)
def test_how_many_must_be_seen_is_known_from_tables(allowed, misses):
    n = seen_to_show(allowed, misses)
    assert n == PLANS[allowed, misses]
    assert at_most(misses, n) <= allowed < at_most(misses, n - 1)


def test_a_very_small_share_is_found_at_once():
    assert seen_to_show(1e-7) == int(np.ceil(np.log(0.05) / np.log1p(-1e-7)))


@pytest.mark.parametrize(("defects", "rate"), [(1, 0.01), (59, 0.005), (149, 0.2), (3, 0.9)])
def test_so_many_parts_hold_so_many_defects_in_95_of_100_cases(defects, rate):
    n = parts_to_meet(defects, rate)
    assert stats.binom.sf(defects - 1, n, rate) >= 0.95
    assert n == defects or stats.binom.sf(defects - 1, n - 1, rate) < 0.95


def counted(k, n):
    return share(np.arange(n) < k)


SETS = [(60, 0.1, 200, 0.05, 300, 100), (30, 0.02, 150, 0.2, 500, 50), (20, 0.3, 40, 0.3, 1, 1)]


@pytest.mark.parametrize(("n", "p", "m", "q", "a", "b"), SETS)
def test_the_interval_of_a_cost_holds_the_truth_and_is_not_far_wider(n, p, m, q, a, b):
    """Exact again: between 95 and 99 % of the probability lies in intervals that hold the truth."""
    chance = np.outer(stats.binom.pmf(range(n + 1), n, p), stats.binom.pmf(range(m + 1), m, q))
    first, second = [counted(k, n) for k in range(n + 1)], [counted(k, m) for k in range(m + 1)]
    held = 0.0
    for i, j in product(range(n + 1), range(m + 1)):
        if chance[i, j] > 1e-7:
            _, low, high = weighed([(a, first[i]), (b, second[j])])
            held += chance[i, j] * (low <= a * p + b * q <= high)
    assert 0.95 <= held <= 0.99


def test_one_share_alone_keeps_its_own_bounds():
    found = counted(3, 50)
    assert weighed([(2.0, found), (0.0, counted(1, 9))]) == pytest.approx(
        (2 * found["value"], 2 * found["low"], 2 * found["high"])
    )
    _, low, high = weighed([(1.0, found), (1.0, found)], together=True)
    assert (low, high) == pytest.approx((2 * found["low"], 2 * found["high"]))


def test_groups_of_one_image_change_nothing():
    hit = np.random.default_rng(0).random(80) < 0.2
    plain, each = share(hit), share(hit, np.arange(80))
    assert each["n_eff"] == pytest.approx(80)
    assert {k: each[k] for k in ("k", "n", "low", "high", "at_most")} == pytest.approx(
        {k: plain[k] for k in ("k", "n", "low", "high", "at_most")}
    )


def test_lots_widen_and_never_narrow():
    lots = np.repeat(np.arange(8), 10)
    alike = share(np.tile(np.arange(10) < 2, 8), lots)  # each lot 2 of 10: more alike than luck
    apart = share(lots < 2, lots)  # two lots all missed
    plain = share(lots < 2)
    assert alike["high"] > share(np.tile(np.arange(10) < 2, 8))["high"]  # eight lots are few
    assert apart["high"] > alike["high"] > plain["high"] - 0.15
    assert apart["n_eff"] < 8 < alike["n_eff"] < 80
    nothing = share(np.zeros(80, bool), lots)
    assert nothing["high"] > share(np.zeros(80, bool))["high"]
    assert share(np.ones(9, bool), np.zeros(9)) is None


def test_lots_that_err_together_are_covered():
    """40 lots of 8, their true shares from a beta distribution of mean 0.15 (intraclass 0.1)."""
    rng, held, naive, runs = np.random.default_rng(0), 0, 0, 400
    lots = np.repeat(np.arange(40), 8)
    for _ in range(runs):
        hit = rng.random(320) < rng.beta(1.35, 7.65, 40)[lots]
        found, plain = share(hit, lots), share(hit)
        held += found["low"] <= 0.15 <= found["high"]
        naive += plain["low"] <= 0.15 <= plain["high"]
    assert held / runs >= 0.93  # 0.95 less two standard errors
    assert naive / runs < 0.93


def test_a_cost_is_covered_where_a_hard_lot_has_more_errors_of_both_kinds():
    """8 lots of 65, each as hard as luck has it; margins in squares would hold the truth too seldom."""

    def drawn(rng, lots, per):
        lot = np.repeat(np.arange(lots), per)
        bad = rng.random(lots * per) < 0.3
        apart = np.maximum(1.6 + rng.normal(size=lots), -1)[lot]
        low = rng.normal(size=lots * per) + apart * np.where(bad, 0.5, -0.5) < 0
        return (low[bad], lot[bad]), (~low[~bad], lot[~bad])

    rng, runs = np.random.default_rng(1), 150
    missed, alarms = drawn(rng, 20_000, 20)
    truth = 100 * missed[0].mean() + 120 * alarms[0].mean()
    held = np.zeros(2)
    for _ in range(runs):
        parts = [
            (price, share(*kind)) for price, kind in zip((100, 120), drawn(rng, 8, 65), strict=True)
        ]
        ends = [weighed(parts, together)[1:] for together in (True, False)]
        held += [low <= truth <= high for low, high in ends]
    assert held[0] / runs >= 0.93
    assert held[1] / runs < 0.93
