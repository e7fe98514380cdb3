"""Rules: complete in both languages, changed and extended by a file, faults named."""

import re
from dataclasses import replace
from string import Formatter

import pandas as pd
import pytest

import data_prep
from data_prep.rules.finders import IMAGES, SIGNALS, Stage, finders, finds
from data_prep.rules.own import own_findings
from data_prep.rules.registry import (
    ACTIONS,
    LANGUAGES,
    RULES,
    SENTENCES,
    Finding,
)
from data_prep.rules.user_rules import load_rules, read_rules, with_own
from natkit.core.errors import InputError


def test_every_rule_says_the_same_in_both_languages():
    for rule in RULES.values():
        assert rule.action in ACTIONS
        for part in SENTENCES:
            said = getattr(rule, part)
            assert set(said) == (set(LANGUAGES) if part != "detail" or said else set()), rule.code
            takes = [{n for _, n, _, _ in Formatter().parse(s) if n} for s in said.values()]
            assert not said or takes[0] == takes[1], (rule.code, part)
            if said and part != "detail":
                assert re.search(r"[ぁ-んァ-ヶ一-龠]", said["ja"]), (rule.code, part)
                assert not re.search(r"[ぁ-んァ-ヶ一-龠]", said["en"]), (rule.code, part)


def table(**columns):
    n = len(next(iter(columns.values())))
    base = {"path": [f"{i}.png" for i in range(n)], "status": "ok", "listed": True, "noise": 0.01}
    return pd.DataFrame({**base, "width": 10, **columns})


def hits(body, **columns):
    rules = with_own({"mine": {"name": {"en": "Mine", "ja": "独自"}, **body}})
    found = own_findings(table(**columns), rules)
    return sorted(p for f in found for p in f.paths)


def test_a_rule_about_certain_images_takes_values_lists_and_bounds():
    columns = {
        "camera": ["A", "B", "B", "B", None],
        "taken": ["2026-04-02", "2026-03-31T23:59:59", "2026-04-01", "2026/05/01", "2026-04-02"],
        "count": [1, 2, 3, 4, 5],
    }
    since = {"from": "2026-04-01", "before": "2026-05-01"}
    assert hits({"where": {"camera": "B"}}, **columns) == ["1.png", "2.png", "3.png"]
    assert hits({"where": {"camera": "B", "taken": since}}, **columns) == ["2.png"]
    assert hits({"where": {"camera": ["A", "C"]}}, **columns) == ["0.png"]
    assert hits({"where": {"count": {"min": 2, "max": 3}}}, **columns) == ["1.png", "2.png"]
    assert hits({"where": {"count": 4}}, **columns) == ["3.png"]


def test_a_rule_about_a_column_is_any_check_of_pandera():
    columns = {"thick": [0.2, 0.5, None, 0.1], "code": ["P1", "X", "P22", None]}
    bounds = {"in_range": {"min_value": 0.1, "max_value": 0.3}}
    assert hits({"column": "thick", "check": bounds}, **columns) == ["1.png"]
    form = {"str_matches": {"pattern": r"P\d+$"}}
    assert hits({"column": "code", "check": form}, **columns) == ["1.png"]


def test_a_row_that_the_table_does_not_list_is_not_checked():
    columns = {"thick": [9.0, 9.0], "listed": [True, False]}
    check = {"column": "thick", "check": {"le": {"max_value": 1}}}
    assert hits(check, **columns) == ["0.png"]


def test_a_rule_about_a_measured_number_has_limits():
    assert hits({"measure": "noise", "above": 0.05}, noise=[0.01, 0.06]) == ["1.png"]
    assert hits({"measure": "width", "below": 8}, width=[10, 4]) == ["1.png"]


def test_a_file_changes_rules_and_adds_others(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        '[dark]\naction = "quarantined"\nlimit.share = 0.5\n[drift]\noff = true\n'
        '[flipped]\nname.en = "Flipped"\nname.ja = "反転"\nwhere.camera = "B"\nmend = "rotate_180"\n',
        encoding="utf-8",
    )
    rules = load_rules(file)
    assert (rules["dark"].action, rules["dark"].limit["share"]) == ("quarantined", 0.5)
    assert rules["dark"].limit["deviations"] == RULES["dark"].limit["deviations"]
    assert "drift" not in rules
    assert (rules["flipped"].action, rules["flipped"].mend) == ("mended", "rotate_180")
    assert rules["flipped"].name == {"en": "Flipped", "ja": "反転"}
    assert RULES["dark"].action == "reported"  # the defaults stay
    assert load_rules() == RULES


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"dark": {"colour": 1}}, r"'dark' holds colour; expected: off, action, limit.share"),
        ({"dark": {"limit": {"shore": 1}}}, r"holds limit.shore"),
        ({"dark": {"action": "mended"}}, r"has the action 'mended'"),
        ({"mine": {"action": "reported"}}, "has no condition; expected: where"),
        ({"mine": {"check": {}}}, r"column with check"),
        ({"mine": {"measure": "noise"}}, "without limit; expected: above or below"),
        ({"mine": {"where": {}, "mend": "delete"}}, "has the mend 'delete'"),
        ({"mine": {"where": {}, "action": "deleted"}}, "has the action 'deleted'"),
        ({"mine": 3}, "is no table"),
        ({"mine": {"where": {"line": 1}}}, "asks for the column 'line'"),
        ({"mine": {"where": {"width": {"over": 1}}}}, "the bounds are from, before, min, max"),
        ({"mine": {"measure": "smell", "above": 1}}, "the scan measures brightness"),
        ({"mine": {"column": "width", "check": {"tastes": {}}}}, "pandera does not know"),
    ],
)
def test_a_faulty_rule_is_named_with_the_remedy(body, message):
    with pytest.raises(InputError, match=message):
        own_findings(table(width=[1, 2]), with_own(body))


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "bad.toml").write_text("[dark\n")
    for name in ("bad.toml", "none.toml"):
        with pytest.raises(InputError, match=name):
            load_rules(tmp_path / name)


def test_a_finding_takes_the_action_of_its_rule_unless_told():
    assert Finding("blank", "problem", (), {}, 0).action == "quarantined"
    assert Finding("blank", "problem", (), {}, 0, action="reported").action == "reported"


def test_the_audit_uses_the_file(path_walked):
    rules = {"blank": {"action": "reported"}, "shortcut": {"off": True}}
    audit = data_prep.audit(path_walked.scan, "defect", ["camera"], rules=rules)
    actions = {f.rule: f.action for f in audit.findings}
    assert actions["blank"] == "reported"
    assert "shortcut" not in actions
    assert "shortcut" not in audit.looked_for
    blank = next(f for f in audit.findings if f.rule == "blank")
    assert set(blank.paths) <= set(audit.kept["path"])


def test_rules_saved_by_an_editor_of_windows_are_read(tmp_path):
    (tmp_path / "rules.toml").write_text("[dark]\nlimit = 9\n", "utf-8-sig", newline="\r\n")
    assert read_rules(tmp_path / "rules.toml") == {"dark": {"limit": 9}}


def test_every_rule_has_one_finder_that_says_what_it_needs():
    codes = [code for finder in finders() for code in finder.codes]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(RULES) - {"outlier", "doubtful_label"}  # those of reinspect()
    assert all(set(finder.about) <= {IMAGES, SIGNALS} for finder in finders())


def test_a_rule_is_looked_for_as_soon_as_it_is_registered(path_walked, monkeypatch):
    """Its function and its words are enough; no list names it."""
    monkeypatch.setattr("data_prep.rules.finders._registered", finders())

    @finds("square", stage=Stage.DRIFT, about=[IMAGES])
    def square(context):
        kept = context.kept
        paths = tuple(kept["path"][kept["width"] == kept["height"]])
        return [Finding("square", "note", paths, {}, len(paths))]

    square.__module__ = "data_prep.rules.drift"
    monkeypatch.setitem(RULES, "square", replace(RULES["dark"], code="square"))
    audit = data_prep.audit(path_walked.scan, rules={"dark": {"off": True}})
    assert "square" in audit.looked_for
    assert [f.count for f in audit.findings if f.rule == "square"] == [len(audit.kept)]
