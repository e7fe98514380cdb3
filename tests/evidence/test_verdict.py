"""Laws of the verdict: never go inside the interval, without a target, on a leak or a shortcut."""

from copy import deepcopy

import pytest

from natkit.evidence.reasons import REASONS
from natkit.evidence.verdict import judge

WIN, CLOSE, LOSS = (0.10, 0.05, 0.15), (0.05, -0.01, 0.11), (-0.10, -0.15, -0.05)


def number(value, low, high):
    return {"value": value, "low": low, "high": high, "n": 100}


def evidence(linear, knn=None, ours=(0.85, 0.80, 0.90), target=0.75, **more):
    """An evidence section with a (value, low, high) a control and probe."""
    gaps = {"linear": linear, "knn": knn or linear}
    section = {
        "metric": "auroc",
        "target": target,
        "n_test": 100,
        "scores": [
            {
                "name": "NAT",
                "role": "ours",
                "probe": probe,
                "score": number(*ours),
                "trainings": [0.85],
            }
            for probe in gaps
        ],
        "differences": [
            {"control": f"control {i}", "role": "control", "probe": probe, "score": number(*value)}
            for probe, rows in gaps.items()
            for i, value in enumerate(rows)
        ],
        "checks": [],
        "groups": [],
        "units": None,
        "twins": {"count": 0, "n": 100},
        "left_out": [],
    }
    return section | more


def check(kind, *values, column=None):
    return [
        {"check": kind, "column": column, "control": f"control {i}", "score": v and number(*v)}
        for i, v in enumerate(values)
    ]


def shortcut(low, high, where="image statistics"):
    auc = {"value": (low + high) / 2, "low": low, "high": high, "n": 50}
    seen = {"source": where, "column": "brightness", "auc": auc}
    return {"findings": [{"rule": "shortcut", "action": "reported", "count": 0, "evidence": seen}]}


def money(allowed, value, low, high):
    """A cost section with what 1,000 parts may cost, and do cost."""
    ways = [{"way": "natkit", "cost": {"value": value, "low": low, "high": high}}]
    return {"line": {"allowed_cost": allowed}, "prices": {"currency": "JPY"}, "ways": ways}


def codes(verdict):
    return [reason["code"] for reason in verdict["reasons"]]


@pytest.mark.parametrize(
    ("gaps", "comparison", "by"),
    [
        ([WIN], "ahead", 0),
        ([WIN, (0.07, 0.01, 0.12)], "ahead", 1),
        ([WIN, CLOSE], "undecided", 1),
        ([CLOSE, WIN], "undecided", 0),
        ([WIN, LOSS], "behind", 1),
        ([CLOSE, LOSS], "behind", 1),
        ([(-0.20, -0.41, 0.01), LOSS], "behind", 1),
        ([(0.0, 0.0, 0.0)], "undecided", 0),
        ([(0.05, 0.0, 0.10)], "undecided", 0),
        ([(-0.05, -0.10, 0.0)], "undecided", 0),
    ],
)
def test_a_win_must_be_outside_the_interval_of_every_control(gaps, comparison, by):
    verdict = judge(evidence(gaps))
    assert verdict["comparison"] == comparison
    assert verdict["control"] == f"control {by}"
    assert verdict["difference"]["value"] == gaps[by][0]
    decision = {"ahead": "go", "behind": "no_go", "undecided": "not_enough"}
    assert verdict["decision"] == decision[comparison]


@pytest.mark.parametrize(
    ("ours", "target", "decision", "ground"),
    [
        ((0.85, 0.80, 0.90), 0.80, "go", "met"),
        ((0.85, 0.80, 0.90), 0.81, "not_enough", "target_open"),
        ((0.85, 0.80, 0.90), 0.90, "not_enough", "target_open"),
        ((0.85, 0.80, 0.90), 0.91, "no_go", "below_target"),
        ((0.85, 0.80, 0.90), None, "not_enough", "no_target"),
    ],
)
def test_go_needs_the_target_to_be_met_by_the_lower_bound(ours, target, decision, ground):
    verdict = judge(evidence([WIN], ours=ours, target=target))
    assert (verdict["decision"], verdict["ground"]) == (decision, ground)
    if target is None:
        assert {"code": "could_meet", "low": 0.80} in verdict["reasons"]
        assert verdict["target"] is None


@pytest.mark.parametrize(
    ("cost", "decision"),
    [((90, 80, 100), "go"), ((90, 80, 101), "not_enough"), ((130, 101, 160), "no_go")],
)
def test_a_target_in_money_takes_the_place_of_the_score(cost, decision):
    verdict = judge(evidence([WIN], target=None), cost=money(100, *cost))
    assert verdict["decision"] == decision
    assert verdict["target"] == {"kind": "cost", "value": 100}


@pytest.mark.parametrize(
    ("more", "data", "ground", "code"),
    [
        ({"checks": check("within", WIN, CLOSE, column="camera")}, {}, "shortcut", "not_within"),
        ({"checks": check("within", WIN, None, column="camera")}, {}, "shortcut", "confounded"),
        ({"checks": check("without_twins", CLOSE)}, {}, "leak", "not_without_twins"),
        ({"checks": check("without_twins", None)}, {}, "leak", "only_twins"),
        ({"units": {"column": "lot", "n": 40, "crossing": 3}}, {}, "leak", "units_cross"),
        ({}, shortcut(0.70, 0.80), "shortcut", "statistics_do"),
    ],
)
def test_what_a_leak_or_a_shortcut_could_do_is_no_go(more, data, ground, code):
    assert judge(evidence([WIN, WIN]))["decision"] == "go"
    verdict = judge(evidence([WIN, WIN], **more), data)
    assert (verdict["decision"], verdict["ground"]) == ("not_enough", ground)
    assert code in codes(verdict)


@pytest.mark.parametrize(
    ("more", "data", "code"),
    [
        ({"checks": check("within", WIN, WIN, column="camera")}, {}, "within"),
        (
            {"checks": check("without_twins", WIN), "twins": {"count": 4, "n": 100}},
            {},
            "without_twins",
        ),
        ({"units": {"column": "lot", "n": 40, "crossing": 0}}, {}, "ahead_of_all"),
        ({}, shortcut(0.60, 0.79), "shortcut_found"),
        ({}, shortcut(0.70, 0.95, "table"), "shortcut_found"),  # judged within the column instead
    ],
)
def test_what_holds_under_the_check_does_not_hinder(more, data, code):
    verdict = judge(evidence([WIN, WIN], **more), data)
    assert verdict["decision"] == "go"
    assert code in codes(verdict)


def test_a_group_that_is_below_the_target_for_certain_hinders():
    good = {"column": "camera", "value": "A", "n": 60, "score": number(0.88, 0.8, 0.95)}
    bad = {"column": "camera", "value": "B", "n": 40, "score": number(0.6, 0.5, 0.7)}
    rest = {"column": "camera", "value": "C", "n": 2, "score": None}
    verdict = judge(evidence([WIN], groups=[bad, good, rest]))
    assert (verdict["decision"], verdict["ground"]) == ("not_enough", "group_below")
    unsure = {**bad, "score": number(0.7, 0.6, 0.8)}
    verdict = judge(evidence([WIN], groups=[unsure, good, rest]))
    assert verdict["decision"] == "go"
    assert [r["value"] for r in verdict["reasons"] if r["code"] == "worst_group"] == ["B"]


def test_neighbours_references_and_the_map_are_told_and_decide_nothing():
    agreed = judge(evidence([WIN]))
    section = evidence([WIN], knn=[LOSS])
    section["differences"].append(
        {"control": "supervised", "role": "reference", "probe": "linear", "score": number(*LOSS)}
    )
    honesty = [{"measure": "overlap", "flagged": True}, {"measure": "islands", "flagged": False}]
    data = {"findings": [], "counts": {"listed": 100, "quarantined": 21}}
    other = judge(section, data, {"honesty": honesty})
    for key in ("decision", "comparison", "difference"):
        assert agreed[key] == other[key]
    assert {"knn_disagrees", "labels_do_better", "map_flagged", "much_set_aside"} <= set(
        codes(other)
    )
    assert not {"knn_disagrees", "labels_do_better", "map_flagged", "much_set_aside"} & set(
        codes(agreed)
    )


def test_more_images_are_asked_for_only_where_they_could_settle_it():
    said = {row["code"]: row for row in judge(evidence([CLOSE]))["reasons"]}
    # half the interval is 0.06 at n = 100: (1.96 + 0.8416)² · (0.06 / 1.96 / 0.05)² · 100
    assert said["would_settle"]["n"] == pytest.approx(294, abs=2)
    assert "would_settle" not in codes(judge(evidence([(-0.02, -0.08, 0.04)])))
    met = {row["code"]: row for row in judge(evidence([WIN], target=0.82))["reasons"]}
    assert met["would_meet"]["n"] == pytest.approx(100 * (2.8016 * 0.05 / 1.96 / 0.03) ** 2, abs=2)
    assert "would_meet" not in codes(judge(evidence([WIN], target=0.88)))


@pytest.mark.parametrize("code", ["no_label", "not_run"])
def test_no_evidence_gives_no_decision(code):
    verdict = judge({"reason": code})
    assert (verdict["decision"], verdict["ground"]) == ("not_enough", "unscored")
    assert verdict["reasons"] == [{"code": code}]
    assert verdict["difference"] is None


TOO_FEW = {
    "reason": "too_few",
    "label": "defect",
    "labelled": 200,
    "need": {"train": 5, "val": 1, "test": 10},
    "counts": [
        {"class": "good", "train": 90, "val": 30, "test": 30},
        {"class": "crack", "train": 9, "val": 3, "test": 9},
    ],
}


def test_too_few_names_the_classes_that_are_short():
    verdict = judge(TOO_FEW)
    assert verdict["ground"] == "too_few"
    assert [r["class"] for r in verdict["reasons"]] == ["crack"]
    assert verdict["reasons"][0]["need_test"] == 10


def test_reasons_carry_exactly_what_is_promised():
    """The sentences of natkit.show.words are written from REASONS, so nothing may be missing."""
    copies = {"rule": "exact_copy", "action": "quarantined", "count": 7, "evidence": {}}
    data = shortcut(0.7, 0.9)
    data["findings"].append(copies)
    data["counts"] = {"listed": 100, "quarantined": 30}
    honesty = {"honesty": [{"measure": "overlap", "flagged": True}]}
    seeds = evidence([WIN], left_out=["crack"], target=0.88)
    for row in seeds["scores"]:
        row["trainings"] = [0.8, 0.9]
    low = {"column": "camera", "value": "B", "n": 40, "score": number(0.6, 0.5, 0.7)}
    learned = evidence(
        [WIN], knn=[LOSS], groups=[low], units={"column": "lot", "n": 9, "crossing": 1}
    )
    learned["differences"].append(
        {"control": "supervised", "role": "reference", "probe": "linear", "score": number(*LOSS)}
    )
    sections = [
        (seeds, None),
        (learned, None),
        (evidence([WIN], groups=[{**low, "score": number(0.8, 0.7, 0.9)}], target=0.82), None),
        (evidence([CLOSE]), None),
        (evidence([LOSS], target=None), None),
        (evidence([WIN], target=0.95), None),
        *((evidence([WIN], checks=check(kind, value, column="camera")), None)
          for kind in ("within", "without_twins") for value in (WIN, CLOSE, None)),
        *((evidence([WIN]), money(v, 90, 80, 100)) for v in (70, 90, 110)),
        (TOO_FEW, None), ({"reason": "no_label"}, None), ({"reason": "not_run"}, None),
    ]  # fmt: skip
    given = [
        reason
        for section, cost in deepcopy(sections)
        for reason in judge(section, data, honesty, cost)["reasons"]
    ]
    assert {reason["code"] for reason in given} == set(REASONS)
    for reason in given:
        assert set(reason) - {"code"} == set(REASONS[reason["code"]]), reason
