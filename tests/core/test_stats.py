"""Cramér's V lies in an interval that holds the truth; many tests err as seldom together as one; spread and shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from natkit.core.stats import (
    cramers_v,
    exact_bounds,
    holm,
    robust_spread,
    tarone,
    v_interval,
    wilson_bounds,
)

TABLES = arrays(int, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(0, 40))


def test_cramers_v_has_its_known_values():
    assert cramers_v([[50, 0], [0, 50]]) == pytest.approx(1)
    assert cramers_v([[30, 20], [30, 20]]) == 0
    assert cramers_v([[1000, 500], [500, 1000]]) == pytest.approx(1 / 3, abs=0.002)
    assert cramers_v([[5, 5]]) == 0  # one group only


def test_cramers_v_of_independent_columns_is_near_nought():
    """The plain V would be about 0.2 here: 8 degrees of freedom, 100 rows."""
    rng = np.random.default_rng(0)
    values = [cramers_v(rng.multinomial(100, [1 / 15] * 15).reshape(5, 3)) for _ in range(200)]
    assert np.mean(values) < 0.08


@settings(max_examples=150, deadline=None)
@given(TABLES.filter(lambda table: table.sum() > 0), st.integers(0, 99))
def test_the_value_lies_in_its_interval(counts, seed):
    v, low, high = v_interval(counts, np.random.default_rng(seed))
    assert 0 <= low <= v <= high <= 1
    assert v == cramers_v(counts)


def test_of_columns_that_have_nothing_to_do_with_each_other_the_interval_begins_at_nought():
    """Where resampling alone would put it above: `0.000 (0.004–0.144)`."""
    rng = np.random.default_rng(0)
    for shape in ((3, 4), (5, 6), (2, 12)):
        counts = rng.multinomial(300, np.full(np.prod(shape), 1 / np.prod(shape)), 40)
        lows = [v_interval(c.reshape(shape), rng)[1] for c in counts]
        assert np.mean(np.array(lows) > 0) <= 0.1


@pytest.mark.parametrize("strength", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("k", [2, 4])
def test_the_interval_holds_the_truth(strength, k):
    """Of two columns of k values that agree so much more often than chance, V is the strength."""
    rng = np.random.default_rng(1)
    p = (np.full((k, k), (1 - strength) / k) + np.eye(k) * strength) / k
    held = []
    for counts in rng.multinomial(400, p.ravel(), 60):
        _, low, high = v_interval(counts.reshape(k, k), rng)
        held.append(low <= strength <= high)
    assert np.mean(held) >= 0.87  # 95 % less what 60 draws may lie off


def test_a_value_of_its_own_for_every_row_tells_nothing():
    counts = np.kron(np.eye(3, dtype=int), np.ones((10, 1), int))  # 30 rows of a table, 3 clusters
    assert v_interval(counts, np.random.default_rng(0)) == (0.0, 0.0, 0.0)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.04]) == pytest.approx([0.04])
    assert len(holm([])) == 0


def test_tests_corrected_by_holm_err_in_5_percent_together():
    rng = np.random.default_rng(2)
    false = [min(holm(rng.uniform(size=20))) < 0.05 for _ in range(2000)]
    plain = [rng.uniform(size=20).min() < 0.05 for _ in range(2000)]
    assert np.mean(false) <= 0.065
    assert np.mean(plain) > 0.5  # what it would be without


def test_tests_that_can_never_reach_the_level_cost_nothing():
    p = np.array([0.02] + [0.3] * 99)
    least = np.array([1e-9] + [0.3] * 99)
    assert tarone(p, least, 0.025).tolist() == [True] + [False] * 99
    assert not tarone(p, np.full(100, 1e-9), 0.025).any()


def test_robust_spread_is_that_of_most():
    values = np.random.default_rng(0).normal(3, 2, 20000)
    values[:2000] = 1e6
    assert robust_spread(values) == pytest.approx(2, rel=0.2)
    rows = np.stack([np.arange(5.0), 10 * np.arange(5.0)])
    assert robust_spread(rows, axis=1) == pytest.approx(np.array([[1.4826], [14.826]]))
    assert robust_spread([-1.0, 1.0, 1.0], 0.0) == pytest.approx(1.4826)
    assert np.isnan(robust_spread([]))


def test_bounds_of_a_share_have_their_closed_forms():
    z = 1.959964
    assert exact_bounds(0, 59) == pytest.approx((0, 1 - 0.025 ** (1 / 59)))
    assert exact_bounds(0, 0) == (0, 1)
    assert wilson_bounds(0, 20) == pytest.approx((0, z**2 / (20 + z**2)), abs=1e-6)
