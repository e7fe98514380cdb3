"""Decisions: by hand, by a workbook there and back, undone, and replayed on new data."""

import json
import re
import shutil

import numpy as np
import openpyxl
import pandas as pd
import pytest
from PIL import Image

import data_prep
from data_prep.deciding import inspection
from data_prep.deciding.seen import SAID, VALUES
from natkit.core.errors import InputError
from natkit.data.decoding import read_image
from natkit.data.images import load


def by_rule(audit, rule):
    return next(f for f in audit.findings if f.rule == rule)


def test_a_decision_counts_over_the_rule_and_the_last_one_over_all(path_walked):
    audit = path_walked.audit
    blank, dark = by_rule(audit, "blank").paths[0], by_rule(audit, "dark").paths[0]
    changed = audit.undo([blank], by="Sato", note="a dark part").decide("quarantined", dark)
    assert changed.quarantined == audit.quarantined - {blank} | {dark}
    assert changed.decide("quarantined", [blank]).quarantined == audit.quarantined | {dark}
    assert audit.decisions == ()  # the first audit stays as it was
    assert changed.undo(rule="blank").quarantined & set(by_rule(audit, "blank").paths) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"action": "deleted", "rule": "dark"}, "but not 'deleted'"),
        ({"action": "kept", "paths": ["no.png"]}, "No finding names no.png"),
        ({"action": "kept", "rule": "drift"}, "of the rule 'drift' names any image"),
        ({"action": "mended", "rule": "blank"}, "blank can't be mended"),
        ({"action": "kept", "rule": "absent"}, "absent can't be kept"),
    ],
)
def test_what_cannot_be_decided_is_refused(path_walked, arguments, message):
    with pytest.raises(InputError, match=message):
        path_walked.audit.decide(**arguments)


def test_before_and_after_add_up(path_walked):
    audit = path_walked.audit
    whole, by = audit.before_after(), audit.before_after("camera")
    assert whole.loc["all", "before"] == len(path_walked.scan.table)
    assert whole.loc["all", "after"] == len(audit.kept)
    assert (by["before"] - by["set aside"] == by["after"]).all()
    assert by.sum().tolist() == whole.sum().tolist()
    assert whole.loc["all", "mended"] == len(by_rule(audit, "dead_lines").paths)


def test_the_mended_images_are_in_the_folder_and_the_users_stay(path_walked):
    prepared, audit = path_walked.prepared, path_walked.audit
    mended = by_rule(audit, "dead_lines").paths
    assert prepared.info["counts"]["mended"] == len(mended)
    rows = prepared.table.set_index("path")
    for path in mended:
        file = prepared.file(path)
        assert file == prepared.folder / "images" / f"{path}.png"
        own = path_walked.scan.root / path
        changed = (read_image(file) != read_image(own)).any(axis=2)
        assert 0 < changed.mean() < 0.05
        assert (
            rows.loc[path, "pixel_hash"]
            == data_prep.scanning.measuring.measure(file.parent, file.name)["pixel_hash"]
        )
    assert load(prepared.folder).pixels(32).shape[0] == len(prepared.table)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_workbook_goes_out_is_filled_in_and_comes_back(path_walked, tmp_path, lang):
    audit = path_walked.audit
    file = data_prep.to_xlsx(audit, tmp_path / "findings.xlsx", lang)
    book = openpyxl.load_workbook(file)
    sheet = book.active
    assert [c.value for c in sheet[1]] == list(inspection.HEADINGS[lang])
    assert sheet.max_row - 1 == sum(len(f.paths) for f in audit.findings)
    absent = len(by_rule(audit, "absent").paths) + len(by_rule(audit, "unreadable").paths)
    assert len(sheet._images) == sheet.max_row - 1 - absent
    assert data_prep.apply(audit, file).decisions == ()
    row = next(r for r in sheet.iter_rows(min_row=2) if r[2].value == "blank")
    row[7].value, row[8].value, row[9].value = inspection.WORDS[lang]["kept"], "佐藤", "=1+1"
    book.save(tmp_path / "filled.xlsx")
    (decision,) = data_prep.apply(audit, tmp_path / "filled.xlsx").decisions
    assert (decision.path, decision.rule) == (row[1].value, "blank")
    assert (decision.action, decision.by) == ("kept", "佐藤")


def test_a_workbook_is_written_anew_unless_a_person_has_changed_it(path_walked, tmp_path, capsys):
    """Decisions that came after the first writing stand in the second; what a person wrote stays."""
    audit = path_walked.audit
    file = data_prep.to_xlsx(audit, tmp_path / "findings.xlsx")
    blank = by_rule(audit, "blank").paths[0]
    changed = audit.undo([blank], "blank", by="Sato")
    assert data_prep.to_xlsx(changed, file) == file
    rows = pd.read_excel(file).set_index(["path", "rule"])
    assert rows.loc[(blank, "blank"), "action"] == "kept"
    assert capsys.readouterr().out == ""

    book = openpyxl.load_workbook(file)  # a person decides about another one
    row = next(r for r in book.active.iter_rows(min_row=2) if r[2].value == "dark")
    row[7].value = "quarantine"
    book.save(file)
    filled = file.read_bytes()
    for _ in range(2):  # as often as the cell is run
        beside = data_prep.to_xlsx(changed, file)
        assert beside == tmp_path / "findings-2.xlsx"
        assert "findings.xlsx was changed by somebody" in capsys.readouterr().out
    assert file.read_bytes() == filled
    assert len(list(tmp_path.iterdir())) == 2
    (decision,) = data_prep.apply(audit, file).decisions
    assert (decision.path, decision.action) == (row[1].value, "quarantined")
    beside.write_bytes(filled)  # changed as well
    assert data_prep.to_xlsx(changed, file, "ja") == tmp_path / "findings-3.xlsx"
    assert "記入済み" in capsys.readouterr().out


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_an_inspector_reads_words_and_no_code(path_walked, tmp_path, lang):
    file = data_prep.to_xlsx(path_walked.audit, tmp_path / "findings.xlsx", lang)
    rows = list(openpyxl.load_workbook(file).active.iter_rows(min_row=2, values_only=True))
    said = {row[2]: row[5] for row in rows}
    assert {"en": "empty file", "ja": "空のファイル"}[lang] in [row[5] for row in rows]
    assert said["near_copy"].startswith({"en": "copy of images/", "ja": "元の画像 images/"}[lang])
    assert not any(sign in str(text) for text in said.values() for sign in '{}"[]')
    if lang == "ja":  # no key of ours is left in English
        own = [row[5] for row in rows if row[2] not in ("missing_values", "label_missing")]
        assert not [text for text in own if re.search(r"[a-z]_[a-z]|: |; ", str(text))]


def test_every_fact_of_an_image_has_its_words_in_both_languages(path_walked):
    known = {key for f in path_walked.audit.findings for facts in f.details for key in facts}
    for lang, words in SAID.items():
        assert known <= set(words), lang
    assert set(SAID["en"]) == set(SAID["ja"])
    assert set(VALUES["en"]) == set(VALUES["ja"])


def test_no_cell_of_the_workbook_is_a_formula(tmp_path):
    (tmp_path / "in").mkdir()
    for i, name in enumerate(("=1+2.png", "@x.png", "+y.png", "ok.png")):
        level = np.random.default_rng(i).integers(0, 255, (20, 20), np.uint8)
        Image.fromarray(level * (name == "ok.png")).save(tmp_path / "in" / name)
    audit = data_prep.audit(data_prep.scan(tmp_path / "in"))
    file = data_prep.to_xlsx(audit, tmp_path / "out.xlsx")
    cells = [c for row in openpyxl.load_workbook(file).active.iter_rows(min_row=2) for c in row]
    assert {c.data_type for c in cells if c.value} == {"s"}
    clean = data_prep.audit(data_prep.scan(tmp_path / "in"), rules={"blank": {"off": True}})
    nothing = data_prep.to_xlsx(clean, tmp_path / "nothing.xlsx")  # a workbook without rows
    assert data_prep.apply(clean, nothing).decisions == ()
    assert {"=1+2.png", "@x.png", "+y.png"} <= {c.value for c in cells}
    assert all(c.quotePrefix for c in cells if str(c.value)[0] in "=@+")
    book = openpyxl.load_workbook(file)
    for row in book.active.iter_rows(min_row=2):
        row[7].value = "quarantine"
    book.save(file)
    assert {d.path for d in data_prep.apply(audit, file).decisions} == {
        "=1+2.png",
        "@x.png",
        "+y.png",
    }
    table = pd.DataFrame({"path": ["'=1+2.png"], "rule": ["blank"], "decision": ["keep"]})
    table.to_csv(tmp_path / "d.csv", index=False)
    assert data_prep.apply(audit, tmp_path / "d.csv").decisions[0].path == "=1+2.png"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a"], "rule": ["blank"]}, "lacks the columns decision"),
        ({"path": ["a"], "rule": ["blank"], "decision": ["burn"]}, "decides 'burn' about a"),
        ({"path": ["a"], "rule": ["blank"], "decision": ["keep"]}, "names a"),
    ],
)
def test_a_workbook_that_does_not_fit_is_named(path_walked, tmp_path, columns, message):
    pd.DataFrame(columns).to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(InputError, match=message):
        data_prep.apply(path_walked.audit, tmp_path / "d.csv")


def test_decisions_stand_in_the_ledger_and_are_replayed_on_what_has_not_changed(
    path_walked, tmp_path
):
    audit = path_walked.audit
    first, second = by_rule(audit, "blank").paths[:2]
    changed = audit.undo([first, second], "blank", by="=Sato", note="dark parts")
    prepared = data_prep.prepare(changed, tmp_path / "prepared")
    rows = prepared.ledger[prepared.ledger["by"] == "'=Sato"]
    assert rows["path"].tolist() == [first, second]
    assert set(rows["action"]) == {"kept"}
    assert {json.loads(text)["note"] for text in rows["evidence"]} == {"dark parts"}

    new = tmp_path / "new"
    shutil.copytree(path_walked.scan.root, new)
    Image.fromarray(np.full((128, 128, 3), 9, np.uint8)).save(new / second)  # another blank one
    scan = data_prep.scan(new, table=new / "parts.csv")
    again = data_prep.replay(prepared, scan)
    assert [(d.path, d.action, d.by) for d in again.decisions] == [(first, "kept", "=Sato")]
    assert (again.label, again.groups) == (audit.label, audit.groups)
    assert second in again.quarantined
    assert first not in again.quarantined


def test_own_rules_go_with_the_folder_and_mend(path_walked, tmp_path):
    rules = {
        "turned": {"name": {"en": "Turned", "ja": "逆さ"}, "where": {"camera": "C"}, "mend": "rotate_180"},
    }  # fmt: skip
    audit = data_prep.audit(path_walked.scan, "defect", ["camera"], rules=rules)
    prepared = data_prep.prepare(audit, tmp_path / "prepared")
    path = prepared.table.query("camera == 'C'")["path"].iloc[0]
    own = read_image(path_walked.scan.root / path)
    assert np.array_equal(read_image(prepared.file(path)), own[::-1, ::-1])
    assert prepared.info["sentences"]["ja"]["rule.turned.name"] == "逆さ"
    again = data_prep.replay(tmp_path / "prepared", path_walked.scan)
    assert again.rules["turned"].mend == "rotate_180"


def test_a_whole_camera_is_mended_where_its_gain_is(path_walked, tmp_path):
    rules = {"gain": {"action": "mended"}}
    groups = ["camera", "shift"]
    audit = data_prep.audit(path_walked.scan, "defect", groups, rules=rules)
    (gain,) = [f for f in audit.findings if f.rule == "gain"]
    prepared = data_prep.prepare(audit, tmp_path / "prepared")
    after = data_prep.scan(prepared.folder / "images").table
    before = path_walked.scan.table.query("camera == @gain.evidence['value']")
    ratio = after["white"].median() / before["white"].median()
    assert ratio == pytest.approx(1 / gain.evidence["ratio"]["value"], rel=0.03)
