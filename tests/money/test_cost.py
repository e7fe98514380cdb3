"""Laws of the money: closed forms, brute force, what doubling does, and nothing made up."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from natkit.core.errors import InputError
from natkit.money import cost
from natkit.money.prices import Line, Prices, Work

PRICES = Prices("JPY", missed=20_000, false_alarm=120, label=30, engineer_hour=6_000, gpu_hour=400,
                own_gpu=450_000, own_gpu_years=4, own_gpu_hour=30, upkeep_year=600_000)  # fmt: skip
LINE = Line(defect_rate=0.005, parts_a_year=1_200_000, today_missed=0.1, today_false_alarms=0.02,
            today_part=40, allowed_missed=0.05)  # fmt: skip
WORK = Work(labels=2_500, engineer_hours=160, gpu_hours=10, images=20_000, epochs=100,
            images_per_second=500, trainings_a_year=12)  # fmt: skip


def scored(n, seed, share=0.3):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < share
    return positive, stats.norm.cdf(rng.normal(size=n) + 2.4 * positive - 1.2)


VAL, TEST = scored(500, 0), scored(520, 1)


def whole(**more):
    given = {"prices": PRICES, "line": LINE, "work": WORK, "val": VAL, "test": TEST}
    return cost.section(**(given | more))


def way(section, name):
    return next(row for row in section["ways"] if row["way"] == name)


def brute(positive, score, rate, missed, alarm):
    """The lowest expected cost of all thresholds, part by part."""
    return min(
        rate * missed * (score[positive] < t).mean() + (1 - rate) * alarm * (score[~positive] >= t).mean()
        for t in np.r_[0, score, score + 1e-9, 2]
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.floats(0.001, 0.999), st.floats(0.01, 1e6), st.floats(0.01, 1e6),
    st.booleans(),
)  # fmt: skip
def test_no_threshold_is_cheaper_than_the_chosen_one(seed, rate, missed, alarm, ties):
    positive, score = scored(60, seed)
    score = np.round(score, 1) if ties else score
    if positive.all() or not positive.any():
        return
    t = cost.threshold(positive, score, rate, missed, alarm)
    got = rate * missed * (score[positive] < t).mean()
    got += (1 - rate) * alarm * (score[~positive] >= t).mean()
    assert got == pytest.approx(brute(positive, score, rate, missed, alarm), rel=1e-9)
    assert not np.isin(t, score) or t == 0


def test_the_real_defect_rate_and_the_price_of_a_miss_move_the_threshold_the_right_way():
    """Rarer defects: hold back fewer. A dearer miss: hold back more."""
    by_rate = [cost.threshold(*VAL, rate, 1000, 100) for rate in (1e-6, 0.005, 0.05, 0.3, 0.999)]
    assert by_rate == sorted(by_rate, reverse=True)
    assert len(set(by_rate)) == 5
    positive, score = VAL
    assert not (score[~positive] >= by_rate[0]).any()
    assert not (score[positive] < by_rate[-1]).any()
    by_price = [cost.threshold(*VAL, 0.005, price, 100) for price in (1, 1e4, 1e5, 1e8)]
    assert by_price == sorted(by_price, reverse=True)


def test_a_score_that_tells_nothing_holds_back_all_or_none():
    """Between two ways that cost the same, the one that misses fewer."""
    positive, blind = VAL[0], np.full(500, 0.5)
    assert cost.threshold(positive, blind, 0.01, 100, 2) == cost.NONE_HELD
    assert cost.threshold(positive, blind, 0.01, 300, 2) == 0
    assert cost.threshold(positive, blind, 0.5, 1, 1) == 0


def test_the_share_of_defects_in_the_sample_does_not_matter():
    positive, score = VAL
    again = np.r_[np.arange(500), np.tile(np.flatnonzero(positive), 4)]  # five times the defects
    assert cost.threshold(positive[again], score[again], 0.005, 1000, 100) == cost.threshold(
        *VAL, 0.005, 1000, 100
    )


def test_the_point_is_chosen_on_val_and_counted_on_test():
    found = whole()
    t = found["point"]["threshold"]
    assert t == cost.threshold(*VAL, 0.005, 20_000, 120)
    positive, score = TEST
    missed, alarms = found["point"]["missed"], found["point"]["false_alarms"]
    assert (missed["k"], missed["n"]) == ((score[positive] < t).sum(), positive.sum())
    assert (alarms["k"], alarms["n"]) == ((score[~positive] >= t).sum(), (~positive).sum())
    exact = stats.binomtest(missed["k"], missed["n"]).proportion_ci(0.95, "exact")
    assert (missed["low"], missed["high"]) == pytest.approx((exact.low, exact.high))
    ours = way(found, "natkit")
    expected = 5 * 20_000 * missed["value"] + 995 * 120 * alarms["value"]
    assert ours["cost"]["value"] == pytest.approx(expected)
    assert ours["missed"]["value"] == pytest.approx(5 * missed["value"])
    assert ours["cost"]["low"] < expected < ours["cost"]["high"]
    assert [t, *ours["cost"].values()] in found["curve"]


def test_ways_without_natkit_are_exact():
    found = whole()
    assert way(found, "nothing")["cost"] == dict.fromkeys(cost.ENDS, pytest.approx(100_000))
    assert way(found, "all_held")["cost"]["value"] == pytest.approx(995 * 120)
    today = 5 * 20_000 * 0.1 + 995 * 120 * 0.02 + 40_000
    assert way(found, "today")["cost"]["value"] == pytest.approx(today)
    assert found["curve"][0][:2] == [0, pytest.approx(995 * 120)]
    assert found["curve"][-1][:2] == [cost.NONE_HELD, pytest.approx(100_000)]
    assert [row["way"] for row in whole(line=replace(LINE, today_part=None))["ways"]] == [
        "natkit", "nothing", "all_held"
    ]  # fmt: skip


MONEY = [f.name for f in fields(Prices) if f.name not in ("currency", "own_gpu_years")]


def doubled(value, where=""):
    """Every number that is money, doubled."""
    if isinstance(value, dict):
        return {key: doubled(inner, f"{where}/{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [doubled(inner, f"{where}/{i}") for i, inner in enumerate(value)]
    step = where.split("/")
    money = (
        step[1] in ("prices", "saving") and step[-1] != "own_gpu_years"
        or step[1] == "ways" and step[3] == "cost" or step[1] == "curve" and step[-1] != "0"
        or step[1] == "project" and step[-1] != "count" or step[-1] == "today_part"
        or step[1] == "compute" and step[2] in ("training", "rented_year", "own_year")
    ) and isinstance(value, int | float)  # fmt: skip
    return 2 * value if money else value


def flat(value, where=""):
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from flat(inner, f"{where}/{key}")
    else:
        yield where, value


def test_doubling_all_prices_doubles_all_money_and_nothing_else():
    twice = replace(PRICES, **{name: 2 * getattr(PRICES, name) for name in MONEY})
    got = whole(prices=twice, line=replace(LINE, today_part=80))
    assert dict(flat(got)) == pytest.approx(dict(flat(doubled(whole()))))


def test_cost_rises_with_the_price_of_a_miss():
    costs = [
        way(whole(prices=replace(PRICES, missed=p)), "natkit")["cost"]["value"]
        for p in (1_000, 20_000, 80_000)
    ]
    assert costs[0] < costs[1] < costs[2]


def test_the_project_is_counts_times_prices():
    found = whole()["project"]
    assert [found[kind]["cost"] for kind in cost.KINDS] == [75_000, 960_000, 4_000]
    assert found["total"] == 1_039_000
    free = cost.project(replace(PRICES, gpu_hour=None), replace(WORK, gpu_hours=0))
    assert free["total"] == 1_035_000  # what isn't used needs no price


def test_the_saving_is_todays_cost_less_ours_and_the_upkeep():
    found = whole()
    today, ours = way(found, "today")["cost"]["value"], way(found, "natkit")["cost"]
    assert found["saving"]["value"] == pytest.approx((today - ours["value"]) * 1200 - 600_000)
    assert found["saving"]["low"] == pytest.approx((today - ours["high"]) * 1200 - 600_000)
    assert found["saving"]["high"] == pytest.approx((today - ours["low"]) * 1200 - 600_000)


def test_payback_of_a_made_case():
    """1,200,000 to be paid by 600,000 a year (400,000 to 900,000): 24 months (16 to 36)."""
    paid = {"total": 1_200_000.0}
    saving = {"value": 600_000.0, "low": 400_000.0, "high": 900_000.0}
    assert cost.payback(paid, saving) == {"value": 24, "low": 16, "high": 36}
    assert cost.payback(paid, saving | {"low": 200_000.0}) == {"value": 24, "low": 16, "high": None}
    assert cost.payback(paid, saving | {"low": 0.0}) == {"reason": "not_shown"}
    assert cost.payback(paid, saving | {"low": -1.0, "value": 0.0}) == {"reason": "no_saving"}
    slow = {"value": 200_000.0, "low": 1.0, "high": 900_000.0}
    assert cost.payback(paid, slow) == {"reason": "beyond"}
    assert cost.payback({"reason": "missing", "missing": ["label"]}, saving)["missing"] == ["label"]


def test_an_own_machine_pays_above_the_break_even():
    """20,000 × 100 / 500 / 3600 = 1.11 h; 450,000 / 4 years = 112,500 a year; 370 gained an hour."""
    found = whole()["compute"]
    assert found["hours"] == pytest.approx(10 / 9)
    assert found["hours_year"] == pytest.approx(40 / 3)
    assert found["training"] == pytest.approx(4000 / 9)
    assert found["break_even"] == pytest.approx(112_500 / 370)
    times = found["break_even"] / found["hours"]
    even = whole(work=replace(WORK, trainings_a_year=times))["compute"]
    assert even["own_year"] == pytest.approx(even["rented_year"])
    assert whole(prices=replace(PRICES, own_gpu_hour=400))["compute"]["break_even"] is None


def test_the_plan_counts_defects_parts_and_months():
    found = whole()["plan"]
    assert found["defects"] == [59, 93, 124]
    assert all(
        n * 0.005 > d for n, d in zip(found["pilot"]["parts"], found["defects"], strict=True)
    )
    assert found["pilot"]["months"] == pytest.approx([n / 1e5 for n in found["pilot"]["parts"]])
    escape = 0.005 * 0.05 / (0.005 * 0.05 + 0.995)  # bad among passed, if 5 % are missed
    n = found["check"]["passed"]
    assert (1 - escape) ** n <= 0.05 < (1 - escape) ** (n - 1)
    assert found["shown"] == (whole()["point"]["missed"]["at_most"] <= 0.05)
    assert whole(line=replace(LINE, parts_a_year=None))["plan"]["pilot"]["months"] is None


def test_lots_widen_the_interval_and_one_lot_tells_nothing():
    lots = np.arange(520) % 12
    wide, plain = whole(groups=lots), whole()
    assert wide["point"]["missed"]["groups"] == 12
    assert wide["point"]["missed"]["value"] == plain["point"]["missed"]["value"]
    missed, alarms = wide["point"]["missed"], wide["point"]["false_alarms"]
    top = (
        5 * 20_000 * missed["high"] + 995 * 120 * alarms["high"]
    )  # errors of a lot may go together
    assert way(wide, "natkit")["cost"]["high"] == pytest.approx(top)
    assert top > way(plain, "natkit")["cost"]["high"]
    assert whole(groups=np.zeros(520))["point"] == {"reason": "one_group"}


LACKING = {
    "missed": ("point", "ways", "curve", "saving", "payback"),
    "false_alarm": ("point", "ways", "curve", "saving", "payback"),
    "defect_rate": ("point", "ways", "curve", "saving", "payback", "plan"),
    "label": ("project", "payback"), "engineer_hour": ("project", "payback"),
    "gpu_hour": ("project", "payback", "compute"), "own_gpu": ("compute",),
    "upkeep_year": ("saving", "payback"), "parts_a_year": ("saving", "payback"),
    "today_missed": ("saving", "payback"), "allowed_missed": ("plan",), "labels": ("project", "payback"),
    "images_per_second": ("compute",),
}  # fmt: skip


@pytest.mark.parametrize("name", LACKING)
def test_what_is_not_known_gives_a_reason_and_no_number(name):
    given = {"prices": PRICES, "line": LINE, "work": WORK}
    for kind, facts in given.items():
        if hasattr(facts, name):
            given[kind] = replace(facts, **{name: None})
    found = whole(**given)
    lacks = {part for part, inner in found.items() if isinstance(inner, dict) and "reason" in inner}
    assert lacks == set(LACKING[name])
    assert all(found[part] == {"reason": "missing", "missing": [name]} for part in lacks)


def test_data_that_tells_nothing_gives_a_reason():
    positive, score = TEST
    for bad in (positive & False, positive | True):
        assert whole(test=(bad, score))["point"] == {"reason": "one_class"}
        assert whole(val=(bad, score))["saving"] == {"reason": "one_class"}
    assert whole(val=None)["point"] == {"reason": "no_scores"}
    assert whole(prices=Prices("JPY")) == {"reason": "no_prices"}
    empty = (np.zeros(0, bool), np.zeros(0))
    assert whole(test=empty)["point"] == {"reason": "one_class"}


def test_it_is_plain_json_even_from_numpy():
    found = whole(prices=replace(PRICES, missed=np.int64(20_000)), line=replace(LINE))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == whole()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Prices("yen"), "currency is 'yen'.*three capital letters"),
        (lambda: Prices("JPY", missed=-1), "missed is -1.*0 or more"),
        (lambda: Prices("JPY", label=float("nan")), "label is nan"),
        (lambda: Prices("JPY", label="30"), "label is '30'"),
        (lambda: Prices("JPY", label=True), "label is True"),
        (lambda: Prices("JPY", own_gpu_years=0), "own_gpu_years is 0.*above 0"),
        (lambda: Line(defect_rate=0), "defect_rate is 0.*inside.*1 % is 0.01"),
        (lambda: Line(defect_rate=1.0), "defect_rate is 1.0"),
        (lambda: Line(defect_rate=5), "defect_rate is 5"),
        (lambda: Line(today_missed=1.2), "today_missed is 1.2.*in 0..1"),
        (lambda: Line(parts_a_year=0), "parts_a_year is 0.*above 0"),
        (lambda: Work(images_per_second=0), "images_per_second is 0"),
        (lambda: Work(labels=-3), "labels is -3"),
        (lambda: whole(test=(TEST[0], TEST[1] * np.nan)), "520 scores such as nan"),
        (lambda: whole(test=(TEST[0], TEST[1] + 1)), "test holds .* in 0..1"),
        (lambda: whole(val=(VAL[0][:9], VAL[1])), r"val holds labels of shape \(9,\)"),
        (lambda: whole(test=(TEST[0] + 1, TEST[1])), "test holds the labels"),
        (lambda: whole(test=(np.full(520, "NG"), TEST[1])), "test holds the labels"),
        (lambda: whole(groups=np.arange(9)), "9 groups for 520"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()
