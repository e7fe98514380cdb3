"""Cleaning that goes with the label: always found where it is planted, seldom where it is not, and stopped."""

import json

import numpy as np
import openpyxl
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import fisher_exact

import data_prep
from data_prep.rules.evidence import plain
from data_prep.rules.losses import ALL, TAKES, TOLD, count, held_back, share, uneven
from data_prep.rules.registry import RULES, Finding

KINDS = {"OK": 300, "NG": 100}


def classes(**sizes):
    return pd.Series(np.repeat(list(sizes or KINDS), list((sizes or KINDS).values())))


def planted(values, **lost):
    """bool (n,): the first so many of each value."""
    hit = np.zeros(len(values), bool)
    for value, n in lost.items():
        hit[np.flatnonzero(values == value)[:n]] = True
    return hit


def found(label, groups=(), rules=RULES, table=None, **hits):
    """``held_back`` of findings that name the planted images: action by rule, and what is said."""
    table = table.assign(path=[f"{i}.png" for i in range(len(table))])
    findings = [
        Finding(rule, "problem", tuple(table["path"][hit]), {}, int(hit.sum()))
        for rule, hit in hits.items()
    ]
    after = held_back(findings, table, label, groups, rules)
    return {f.rule: f.action for f in after if f.paths}, [f for f in after if not f.paths]


@pytest.mark.parametrize("rate", [0.02, 0.10])
def test_faults_that_know_no_class_seldom_stop_a_rule(rate):
    """At most 5 of 100 audits: twice 2.5 %, for images and for copies; the finding asks once here."""
    rng = np.random.default_rng(0)
    label, alarms = classes(), []
    for _ in range(200):
        camera = pd.Series(rng.choice(["A", "B", "C"], len(label), p=[0.5, 0.4, 0.1]))
        rules = {f"rule {i}": rng.random(len(label)) < rate for i in range(4)}
        rules[ALL] = np.logical_or.reduce(list(rules.values()))
        columns = {"label": label, "camera": camera}
        alarms.append(bool(uneven(columns, dict.fromkeys(columns, rules), "label")))
    assert np.mean(alarms) <= 0.05


@pytest.mark.parametrize("seed", range(20))
def test_a_class_that_would_lose_a_fifth_is_always_found(seed):
    """20 of 100 NG, where each other image has a chance of 1 %, among three rules that know no class."""
    rng = np.random.default_rng(seed)
    label = classes()
    hit = planted(label, NG=20) | ((label == "OK").to_numpy() & (rng.random(len(label)) < 0.01))
    rest = {r: (rng.random(len(label)) < 0.02) & ~hit for r in ("blank", "partly_missing", "stuck")}
    actions, said = found("label", table=pd.DataFrame({"label": label}), dead_block=hit, **rest)
    assert actions == {"dead_block": "reported"} | dict.fromkeys(rest, "quarantined")
    told = [f.evidence for f in said if f.rule == TAKES]
    assert [(e["column"], e["value"], e["cleaning"], e["lost"], e["n"]) for e in told] == [
        ("label", "NG", "dead_block", 20, 100)
    ]
    assert told[0]["share"]["low"] > told[0]["others"]["high"]


def test_the_test_is_fishers():
    label = classes(OK=50, NG=30, dirt=9)
    hit = planted(label, OK=4, NG=7, dirt=1)
    rows = count(label, hit)
    for value, row in rows.set_index("value").iterrows():
        mine = (label == value).to_numpy()
        four = [
            [(hit & mine).sum(), (~hit & mine).sum()],
            [(hit & ~mine).sum(), (~hit & ~mine).sum()],
        ]
        assert row["p"] == pytest.approx(fisher_exact(four, alternative="greater").pvalue)
    assert dict(zip(rows["value"], rows["n"], strict=True)) == {"OK": 50, "NG": 30, "dirt": 9}


def test_images_without_a_class_are_left_out():
    label = classes(OK=50, NG=30).where(np.arange(80) % 2 == 0)
    assert count(label, np.ones(80, bool))[["n", "lost"]].sum().tolist() == [40, 40]


def test_the_bounds_are_exact_ones():
    """0 of 59 allows 1 − 0.025^(1/59): the closed form of Clopper and Pearson."""
    assert plain(share(0, 59)) == {
        "value": 0,
        "low": 0,
        "high": round(1 - 0.025 ** (1 / 59), 4),
        "n": 59,
    }
    assert share(59, 59).low == round(0.025 ** (1 / 59), 4)
    assert plain(share(0, 0)) == {"value": 0, "low": 0, "high": 1, "n": 0}


def test_a_class_that_would_be_lost_whole_is_kept_however_small():
    label = classes(OK=300, crack=1)
    hit = planted(label, OK=30, crack=1)
    actions, (said,) = found("label", table=pd.DataFrame({"label": label}), blank=hit)
    assert actions == {"blank": "reported"}
    assert (said.rule, said.evidence["value"]) == (TAKES, "crack")


def test_a_trifle_is_told_and_not_stopped():
    """2 % of a class against none of the other: surely more, but no loss of a class."""
    label = classes(OK=5000, NG=1000)
    hit = planted(label, NG=20)
    actions, (said,) = found("label", table=pd.DataFrame({"label": label}), blank=hit)
    assert actions == {"blank": "quarantined"}
    assert (said.rule, said.severity) == (TOLD, "warning")


def test_what_cannot_be_read_is_told_by_class():
    label = classes()
    hit = planted(label, NG=30)
    for rule in ("absent", "unreadable", "mixed_kinds"):
        actions, (said,) = found("label", table=pd.DataFrame({"label": label}), **{rule: hit})
        assert actions == {rule: "quarantined"}
        assert (said.rule, said.severity, said.evidence["cleaning"]) == (TOLD, "problem", rule)


def test_rules_that_take_a_class_only_together_are_found():
    label = classes()
    hits = {}
    for i, rule in enumerate(("blank", "partly_missing", "dead_lines", "stuck")):
        hits[rule] = planted(label, NG=3 * i + 3, OK=i + 1) & ~planted(label, NG=3 * i, OK=i)
    actions, (said,) = found("label", table=pd.DataFrame({"label": label}), **hits)
    assert set(actions.values()) == {"reported"}
    assert (said.evidence["cleaning"], said.evidence["lost"]) == (ALL, 12)


def test_mending_takes_from_a_class_and_not_from_a_camera():
    table = pd.DataFrame({"label": classes(), "camera": classes()})
    hit = planted(table["camera"], NG=40)
    assert found(None, ["camera"], table=table, dead_lines=hit) == ({"dead_lines": "mended"}, [])
    actions, (said,) = found("label", ["camera"], table=table, dead_lines=hit)
    assert actions == {"dead_lines": "reported"}
    assert said.evidence["column"] == "label"


def test_without_a_label_groups_are_looked_at():
    table = pd.DataFrame({"camera": classes(A=300, B=100)})
    hit = planted(table["camera"], B=30)
    actions, (said,) = found(None, ["camera"], table=table, partly_missing=hit)
    assert actions == {"partly_missing": "reported"}
    assert (said.rule, said.evidence["column"], said.evidence["value"]) == (TAKES, "camera", "B")


def test_switched_off_it_only_tells():
    rules = {code: rule for code, rule in RULES.items() if code != TAKES}
    table = pd.DataFrame({"label": classes()})
    actions, (said,) = found(
        "label", rules=rules, table=table, blank=planted(table["label"], NG=30)
    )
    assert actions == {"blank": "quarantined"}
    assert (said.rule, said.severity) == (TOLD, "warning")


def parts(folder, n=150, dark=10):
    """Noise pictures: a third NG, of which the first ``dark`` are far darker, as burnt parts are."""
    folder.mkdir()
    rows, rng, burnt = [], np.random.default_rng(0), 0
    for i in range(n):
        ng = i % 3 == 0
        level = 30 if ng and burnt < dark else 120
        burnt += ng
        pixels = np.clip(rng.normal(level, level / 5, (32, 32)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"p{i:03d}.png")
        rows.append(
            {"file": f"p{i:03d}.png", "defect": "NG" if ng else "OK", "camera": "AB"[i % 2]}
        )
    return data_prep.scan(folder, pd.DataFrame(rows))


DARK = {"dark": {"action": "quarantined"}}


def test_an_audit_keeps_the_class_until_a_person_decides(tmp_path):
    scan = parts(tmp_path / "in")
    assert len(data_prep.audit(scan, rules=DARK).quarantined) == 10  # nobody said what a class is
    audit = data_prep.audit(scan, "defect", ["camera"], rules=DARK)
    first = audit.findings[0]
    assert (first.rule, first.severity, first.action) == (TAKES, "problem", "reported")
    assert audit.quarantined == set()
    assert len(audit.held) == 10
    by = audit.losses.set_index(["column", "value"])
    assert by.loc[("defect", "NG"), ["images", "set aside", "held back"]].tolist() == [50, 0, 10]
    assert by.loc[("defect", "OK"), ["images", "set aside", "held back"]].tolist() == [100, 0, 0]
    assert by.loc[("camera", "A"), "images"] == 75

    prepared = data_prep.prepare(audit, tmp_path / "prepared")
    assert (prepared.table["defect"] == "NG").sum() == 50
    said = prepared.ledger[prepared.ledger["rule"] == TAKES]
    assert json.loads(said["evidence"].iloc[0])["lost"] == 10
    assert set(prepared.ledger.query("rule == 'dark'")["action"]) == {"reported"}
    rows = {(r["column"], r["value"]): r for r in prepared.info["losses"]}
    assert rows["defect", "NG"]["held"] == 10
    assert rows["defect", "NG"]["share"] == plain(share(0, 50))

    sheet = openpyxl.load_workbook(data_prep.to_xlsx(audit, tmp_path / "findings.xlsx"))["by class"]
    told = {row[:2]: row[2:] for row in sheet.iter_rows(min_row=2, values_only=True)}
    bounds = share(0, 50)
    assert told["defect", "NG"] == (50, 0, 0, bounds.low, bounds.high, 0, 10)
    assert data_prep.apply(audit, tmp_path / "findings.xlsx").decisions == ()

    named = [f for f in audit.findings if f.rule == "dark"][0].paths
    decided = audit.decide("quarantined", named[:4], "dark", by="Sato").undo(named[4:6], "dark")
    assert decided.quarantined == set(named[:4])
    assert decided.held == set(named[6:])
    again = data_prep.replay(data_prep.prepare(decided, tmp_path / "second"), scan)
    assert again.quarantined == set(named[:4])
    assert again.held == set(named[6:])


def test_a_rule_of_the_users_own_is_a_decision_and_only_told(tmp_path):
    scan = parts(tmp_path / "in")
    own = {"too_dark": {"measure": "brightness", "below": 0.2, "action": "quarantined"}}
    audit = data_prep.audit(scan, "defect", rules=own)
    assert len(audit.quarantined) == 10
    assert [f.evidence["cleaning"] for f in audit.findings if f.rule == TOLD] == ["too_dark"]


def test_a_class_of_copies_of_another_is_not_wiped_out(tmp_path):
    """Someone saved OK pictures once more as NG: the first of each pair stays, and it is never NG."""
    scan = parts(tmp_path / "in", dark=0)
    table = scan.table
    for path in table["path"][table["defect"] == "NG"]:
        twin = table["path"][table["defect"] == "OK"].iloc[int(path[1:4]) // 3]
        (scan.root / path).write_bytes((scan.root / twin).read_bytes())
        (scan.root / path).rename(scan.root / f"z{path}")
    rows = table[["path", "defect"]].rename(columns={"path": "file"})
    rows["file"] = rows["file"].where(rows["defect"] == "OK", "z" + rows["file"])
    audit = data_prep.audit(data_prep.scan(scan.root, rows), "defect")
    assert audit.kept["defect"].value_counts().to_dict() == {"OK": 100, "NG": 50}
    assert audit.findings[0].evidence["cleaning"] == "exact_copy"
    prepared = data_prep.prepare(audit, tmp_path / "prepared")
    assert (prepared.table.groupby("pixel_hash")["split"].nunique() == 1).all()


def test_copies_within_a_class_are_told_and_one_of_each_stays(tmp_path):
    scan = parts(tmp_path / "in", dark=0)
    ng = list(scan.table["path"][scan.table["defect"] == "NG"])
    for path in ng[1:]:
        (scan.root / path).write_bytes((scan.root / ng[0]).read_bytes())
    rows = scan.table[["path", "defect"]].rename(columns={"path": "file"})
    audit = data_prep.audit(data_prep.scan(scan.root, rows), "defect")
    assert audit.kept["defect"].value_counts().to_dict() == {"OK": 100, "NG": 1}
    told = [f for f in audit.findings if f.rule == TOLD]
    assert [(f.evidence["cleaning"], f.evidence["lost"]) for f in told] == [("exact_copy", 49)]


def test_signals_are_kept_alike_with_their_gaps_marked(tmp_path):
    """A training takes no gaps, so what is kept is filled straight, and says where."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(120, 2, 200))
    values[:20, 0, 50:120] = np.nan
    table = pd.DataFrame({"state": ["worn"] * 40 + ["new"] * 80})
    audit = data_prep.audit(data_prep.scan_signals(values, table), "state")
    assert audit.findings[0].rule == TAKES
    assert audit.quarantined == set()
    assert len(audit.held) == 20
    prepared = data_prep.prepare(audit, tmp_path / "prepared")
    assert len(prepared.table) == 120
    marks = np.load(prepared.folder / "filled.npy")
    assert marks.sum() == 20 * 70
    decided = audit.decide("quarantined", rule="signal_lost", by="Sato")
    assert len(data_prep.prepare(decided, tmp_path / "second").table) == 100
