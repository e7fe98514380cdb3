"""The money section says what its numbers say, in both languages, and no more."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from natkit.core.errors import InputError
from natkit.facts.base import absent
from natkit.facts.cost import Cost
from natkit.facts.numbers import Range
from natkit.facts.summary import Summary
from natkit.money.cost import LONGEST
from natkit.money.prices import Line, Prices, Work
from natkit.show.blocks import figures
from natkit.show.report import charts
from natkit.show.report.page import report
from natkit.show.words import money
from natkit.show.words.catalogue import words

EN, JA = words("en"), words("ja")
both = pytest.mark.parametrize("w", [EN, JA], ids=["en", "ja"])


@pytest.mark.parametrize(
    ("amount", "currency", "exact", "en", "ja"),
    [
        (1_234_567, "JPY", True, "¥1,234,567", "1,234,567円"),
        (1_234_567, "JPY", False, "¥1,230,000", "1,230,000円"),
        (1234, "EUR", True, "€1,234", "1,234ユーロ"),
        (0.5, "USD", True, "$0.50", "0.50ドル"),
        (-45.25, "EUR", True, "−€45.25", "−45.25ユーロ"),
        (99.96, "CHF", False, "CHF 100", "100 CHF"),
        (0, "JPY", False, "¥0", "0円"),
    ],
)
def test_money_is_written_as_its_readers_write_it(amount, currency, exact, en, ja):
    assert EN.money(amount, currency, exact) == en
    assert JA.money(amount, currency, exact) == ja


def test_small_rates_are_ppm_and_short_times_are_not_nothing():
    assert [EN.rate(x) for x in (0.0003, 0.012, 0)] == ["300 ppm", "1.2%", "0%"]
    assert [EN.months(x) for x in (0.01, 0.44, 13.6)] == [
        "under 0.1 months", "0.4 months", "14 months"
    ]  # fmt: skip
    assert [EN.amount(x) for x in (0, 0.0926, 4, 155.5, 1e-9)] == [
        "0", "0.093", "4", "156", "under 0.001"
    ]  # fmt: skip


def told(cost, w=EN):
    """All sentences of the section."""
    cost = Cost.of(cost)
    said = [*money.lead(cost, w), *money.lacking(cost, w)]
    if not absent(cost.point):
        said += money.point(cost, w)
    return " ".join(said)


def saving(examples, value, low, high, paid=None):
    cost = examples.cost()
    cost["saving"] = {"value": value, "low": low, "high": high}
    cost["payback"] = paid or {"value": 12.0, "low": 6.0, "high": 24.0}
    return cost


@pytest.mark.parametrize(
    ("numbers", "en", "ja"),
    [
        ((9e5, 4e5, 2e6), "would save ¥900,000 a year", "年間効果は900,000円の見込みです（"),
        ((9e5, -1e5, 2e6), "a saving is not shown", "効果があるとは言えません"),
        ((9e5, 0.0, 2e6), "a saving is not shown", "効果があるとは言えません"),
        ((-1e5, -1e6, 2e6), "no saving is to be expected", "効果は見込めません"),
        ((-9e5, -2e6, -4e5), "costs ¥900,000 a year more", "年間900,000円上回ります"),
    ],
)
def test_a_saving_is_claimed_only_outside_the_interval(numbers, en, ja, examples):
    cost = saving(examples, *numbers, {"reason": "not_shown"})
    assert en in told(cost)
    assert ja in told(cost, JA)
    for w, claim in ((EN, "would save"), (JA, "見込みです（95%")):
        assert (claim in money.lead(Cost.of(cost), w)[0]) == (numbers[1] > 0)


@pytest.mark.parametrize(
    ("paid", "en"),
    [
        ({"value": 20.0, "low": 12.0, "high": 36.0}, "20 months (95% interval 12 months to 36"),
        ({"value": 20.0, "low": 12.0, "high": None}, "from 12 months to more than 60 months"),
        ({"reason": "beyond"}, "does not pay it back within 60 months"),
        ({"reason": "not_shown"}, "can’t be said"),
        ({"reason": "no_saving"}, "nothing is saved"),
    ],
)
def test_the_payback_is_told_as_it_is(paid, en, examples):
    assert en in told(saving(examples, 9e5, 1.0, 2e6, paid))
    assert money.LIMIT == LONGEST


@both
def test_a_cheaper_way_without_natkit_is_named_first(w, examples):
    """A miss that costs nearly nothing: no inspection is cheapest, and title and sentences say so."""
    for price, key in ((20, "cost.dearer_than"), (50, "cost.unclear_than")):
        cost = Cost.of(examples.cost(prices=replace(examples.PRICES, missed=price)))
        ours, other = cost.ours, cost.rival
        assert other.way == "nothing"
        assert w("way.nothing") in money.curve(cost, w)
        theirs = w.money(other.cost.value, "JPY")
        values = {"theirs": theirs, "ours": money.with_interval(cost, ours, w)}
        assert w(key, way=w("way.nothing"), **values) in told(cost, w)
    assert money.standing(Range(6, 5, 9), Range(4, 4, 4)) == "dearer"
    assert money.standing(Range(6, 5, 9), Range(9, 9, 9)) == "unclear"
    assert money.standing(Range(6, 5, 9), Range(10, 10, 10)) == "cheaper"


def test_none_missed_still_allows_what_it_allows(examples):
    """59 defects, all found: the sentence says 5.0 %, computed from the test at hand."""
    positive = np.arange(159) < 59
    cost = examples.cost(val=(positive, positive * 0.9), test=(positive, positive * 0.9))
    assert "With 0 of 59 missed, up to 5.0% may be missed" in told(cost)
    assert "不良59個のうち見逃しは0個" in told(cost, JA)


def test_lots_are_told(examples):
    cost = examples.cost(groups=np.arange(523) % 9)
    assert "9 with defects" in told(cost)
    assert "Korn–Graubard" in money.how(Cost.of(cost), EN)[0]
    assert "Clopper–Pearson" in money.how(Cost.of(examples.cost()), EN)[0]


def test_holding_back_all_or_none_is_said_plainly(examples):
    for price, said in ((1e9, "hold back every part"), (1e-6, "hold back no part")):
        cost = examples.cost(prices=replace(examples.PRICES, missed=price))
        blind = cost | {"point": cost["point"] | {"threshold": 0.0 if price > 1 else 1.1}}
        assert said in " ".join(money.point(Cost.of(blind), EN))


@both
def test_what_is_lacking_is_named(w, examples):
    cost = Cost.of(examples.cost(prices=Prices("EUR", label=0.5), line=Line(), work=Work()))
    said = money.lacking(cost, w)
    assert len(said) == 6
    for name in ("missed", "defect_rate", "labels", "engineer_hours", "own_gpu", "allowed_missed"):
        assert any(w(f"price.{name}") in line for line in said)
    assert money.lead(cost, w) == []
    assert money.lacking(Cost.of(examples.cost()), w) == []


@both
def test_every_number_of_the_tables_is_there(w, examples):
    cost = Cost.of(examples.cost())
    assert [row.way for row in money.ways(cost, w)][0] == w("way.natkit")
    assert len(money.ways(cost, w)) == 4
    assert money.project(cost, w)[-1].cost == w.money(cost.project.total, "JPY", exact=True)
    given = {name: said for name, said, _ in money.given(cost, w)}
    assert len(given) == 22
    assert given[w("price.defect_rate")] == "1.2%"
    stages = dict(money.plan(cost, w))
    assert [str(n) in stages[w("cost.poc")] for n in cost.plan.defects] == [True] * 3
    assert f"{cost.plan.check.passed:,}" in stages[w("cost.line")]
    assert "409" in " ".join(money.machine(cost, w))


def axes(draw, cost, w=EN):
    with figures.theme(w.lang):
        ax = draw(Figure(figsize=(9.6, 5.4)).subplots(), cost, w)
        ax.get_figure().draw_without_rendering()
    return ax


def test_the_curve_marks_the_chosen_point_and_the_other_ways(examples):
    cost = examples.cost()
    ax = axes(figures.cost_curve, cost)
    dot = [line for line in ax.lines if line.get_marker() == "o"]
    assert [tuple(d.get_xydata()[0]) for d in dot] == [
        (cost["point"]["threshold"], Cost.of(cost).ours.value)
    ]
    drawn = {line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"}
    ways = {row["cost"]["value"] for row in cost["ways"] if row["way"] != "natkit"}
    assert drawn == ways
    (band,) = ax.collections
    assert band.get_paths()[0].vertices[:, 1].max() == max(row[3] for row in cost["curve"])
    assert ax.get_ylim()[0] == 0


def test_a_way_far_dearer_does_not_flatten_the_curve(examples):
    line = replace(examples.LINE, today_false_alarms=0)
    cost = examples.cost(prices=replace(examples.PRICES, false_alarm=4000), line=line)
    assert axes(figures.cost_curve, cost).get_ylim()[1] < 100_000 < 4000 * 988


def test_names_of_ways_that_cost_the_same_do_not_hide_each_other(examples):
    cost = examples.cost(
        line=replace(examples.LINE, today_missed=1, today_false_alarms=0, today_part=0)
    )
    ax = axes(figures.cost_curve, cost)
    boxes = [t.get_window_extent() for t in ax.texts if "inspection" in t.get_text()]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])


def test_the_payback_crosses_zero_where_it_says(examples):
    cost = examples.cost()
    ax = axes(figures.payback, cost)
    months, balance = ax.lines[0].get_data()
    assert np.interp(0, balance, months) == pytest.approx(cost["payback"]["value"])
    assert balance[0] == -cost["project"]["total"]
    unpaid = saving(examples, -1e5, -1e6, 2e6, {"reason": "no_saving"})
    assert axes(figures.payback, unpaid).get_xlim()[1] == LONGEST
    assert "nothing is saved" in axes(figures.payback, unpaid).get_title("left")


def test_only_charts_with_numbers_are_drawn(examples):
    names = {"cost_curve", "payback"}
    facts = examples.complete()

    def drawn(facts):
        return names & set(charts._charts(Summary.of(facts), EN))

    assert drawn(facts) == names
    facts["cost"] = examples.cost(line=replace(examples.LINE, today_part=None))
    assert drawn(facts) == {"cost_curve"}
    assert not drawn(examples.too_few())


PARTS = ("point", "ways", "curve", "project", "saving", "payback", "compute", "plan")


@both
@pytest.mark.parametrize("part", [None, "point", "project", "saving", "compute", "plan"])
def test_a_report_without_a_part_is_whole_and_says_why(part, w, tmp_path, examples, monkeypatch):
    monkeypatch.setattr(charts, "draw", lambda facts, folder, words: {})
    facts, why = examples.complete(), {"reason": "missing", "missing": ["label"]}
    gone = {"point": ("point", "ways", "curve", "saving", "payback"), "saving": ("saving", "payback"),
            "project": ("project", "payback")}.get(part, (part,))  # fmt: skip
    facts["cost"] |= {name: why for name in gone if name}
    said = report(facts, tmp_path, w.lang).read_text("utf-8")
    section = re.search(r'<section id="cost">.*?</section>', said, re.S)[0]
    assert (w("price.label") in money.lacking(Cost.of(facts["cost"]), w)[0]) if part else True
    assert (w("page.missing") in section) == bool(part)
    assert (w("cost.ways") in section) == (part != "point")
    assert (w("cost.machine") in section) == (part != "compute")
    assert (w("cost.poc") in section) == (part != "plan")
    assert w("absent.code.no_prices") not in said


@both
def test_without_prices_the_report_says_so(w, tmp_path, examples, monkeypatch):
    monkeypatch.setattr(charts, "draw", lambda facts, folder, words: {})
    said = report(examples.unlabelled(), tmp_path, w.lang).read_text("utf-8")
    assert w("absent.code.no_prices") in said
    assert w("limit.no_cost") in said


def test_a_payback_that_the_saving_does_not_show_is_refused(tmp_path, examples):
    facts = examples.complete()
    facts["cost"]["saving"]["low"] = -1.0
    with pytest.raises(InputError, match="its saving shows {'reason': 'not_shown'}"):
        report(facts, tmp_path)
    assert not list(tmp_path.iterdir())
