"""Laws of the verdict: it never claims a win inside the interval, and gives its reasons."""

import pytest

from natkit.evidence.verdict import REASONS, judge


def evidence(linear, knn=None, left_out=()):
    """An evidence section with a (value, low, high) a control and probe."""
    gaps = {"linear": linear, "knn": knn or linear}
    return {
        "differences": [
            {
                "control": f"control {i}",
                "probe": probe,
                "auroc": {"value": value, "low": low, "high": high, "n": 100},
            }
            for probe, rows in gaps.items()
            for i, (value, low, high) in enumerate(rows)
        ],
        "left_out": list(left_out),
    }


WIN, CLOSE, LOSS = (0.10, 0.05, 0.15), (0.05, -0.01, 0.11), (-0.10, -0.15, -0.05)


@pytest.mark.parametrize(
    ("gaps", "decision", "by"),
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
def test_a_win_must_be_outside_the_interval_of_every_control(gaps, decision, by):
    verdict = judge(evidence(gaps))
    assert verdict["decision"] == decision
    assert verdict["control"] == f"control {by}"
    assert verdict["difference"]["value"] == gaps[by][0]


def test_neighbours_are_reported_and_decide_nothing():
    agreed, other = judge(evidence([WIN])), judge(evidence([WIN], knn=[LOSS]))
    assert agreed["decision"] == other["decision"] == "ahead"
    codes = [reason["code"] for reason in agreed["reasons"]]
    assert "knn_disagrees" not in codes
    (reason,) = [r for r in other["reasons"] if r["code"] == "knn_disagrees"]
    assert reason["value"] == LOSS[0]


def test_what_is_known_of_the_data_stands_beside_the_decision():
    auc = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50}
    findings = [
        {
            "rule": "shortcut",
            "action": "reported",
            "count": 0,
            "evidence": {"source": "table", "column": "camera", "auc": auc},
        },
        {"rule": "exact_copy", "action": "quarantined", "count": 7, "evidence": {}},
        {"rule": "blank", "action": "quarantined", "count": 3, "evidence": {}},
    ]
    verdict = judge(evidence([WIN]), findings)
    assert verdict["decision"] == "ahead"
    assert {"code": "shortcut_found", "source": "table", "column": "camera", **auc} in verdict[
        "reasons"
    ]
    assert {"code": "copies_removed", "count": 7} in verdict["reasons"]
    assert len(verdict["reasons"]) == 5


@pytest.mark.parametrize("code", ["no_label", "not_run"])
def test_no_evidence_gives_no_decision(code):
    verdict = judge({"reason": code})
    assert verdict["decision"] == "unscored"
    assert verdict["reasons"] == [{"code": code}]
    assert verdict["difference"] is None


def test_too_few_names_the_classes_that_are_short():
    counts = [
        {"class": "good", "train": 90, "val": 30, "test": 30},
        {"class": "crack", "train": 9, "val": 3, "test": 9},
    ]
    verdict = judge({"reason": "too_few", "label": "defect", "counts": counts})
    assert verdict["decision"] == "too_few"
    assert [r["class"] for r in verdict["reasons"]] == ["crack"]
    assert verdict["reasons"][0]["need_test"] == 10


def test_reasons_carry_exactly_what_is_promised():
    """The sentences of natkit.show.words are written from REASONS, so nothing may be missing."""
    counts = [{"class": "crack", "train": 4, "val": 3, "test": 9}]
    auc = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50}
    seen = {"source": "table", "column": "camera", "auc": auc}
    findings = [
        {"rule": "shortcut", "action": "reported", "count": 0, "evidence": seen},
        {"rule": "exact_copy", "action": "quarantined", "count": 7, "evidence": {}},
    ]
    sections = [
        evidence([WIN], knn=[LOSS], left_out=["crack"]),
        evidence([CLOSE]),
        evidence([LOSS]),
        {"reason": "too_few", "label": "defect", "counts": counts},
        {"reason": "no_label"},
        {"reason": "not_run"},
    ]
    given = [reason for s in sections for reason in judge(s, findings)["reasons"]]
    assert {reason["code"] for reason in given} == set(REASONS)
    for reason in given:
        assert set(reason) - {"code"} == set(REASONS[reason["code"]])
