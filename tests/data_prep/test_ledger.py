"""The prepared folder: nothing of the user's changes, nothing leaks, every decision is a row."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import data_prep
from data_prep.rules.registry import Finding
from data_prep.writing.info import findings
from data_prep.writing.ledger import ledger
from natkit.core.errors import InputError
from natkit.data import manifest


def folder_of(tmp_path, n=40, **columns):
    """A folder of n small random pictures and the scan with a table of ``columns``."""
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    names = [f"{i:03}.png" for i in range(n)]
    for name in names:
        pixels = rng.integers(0, 255, (12, 12), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    return data_prep.scan(tmp_path / "in", table=pd.DataFrame({"path": names, **columns}))


def test_nothing_of_the_users_is_changed(path_walked):
    assert path_walked.unchanged == (True, True)


def test_the_prepared_folder_holds_what_is_kept(path_walked):
    prepared, audit = path_walked.prepared, path_walked.audit
    table = prepared.table
    assert table["id"].tolist() == list(range(len(table)))
    assert table["path"].tolist() == sorted(set(path_walked.scan.table["path"]) - audit.quarantined)
    assert set(manifest.COLUMNS) <= set(table.columns)
    assert {"part", "lot", "camera", "shift", "defect", "kind"} <= set(table.columns)
    counts = prepared.info["counts"]
    assert counts["kept"] == counts["train"] + counts["val"] + counts["test"] == len(table)
    assert counts["listed"] == counts["kept"] + counts["quarantined"]
    assert prepared.info["rules"] == list(audit.looked_for)
    assert [g["role"] for g in prepared.info["groups"]] == [
        *("balanced", "balanced", "balanced", "kept together")
    ]


def test_no_part_and_no_pixel_stands_in_two_splits(path_walked):
    table = path_walked.prepared.table
    assert table.groupby("part")["split"].nunique().max() == 1
    assert table["pixel_hash"].is_unique


def test_weights_have_mean_one_over_train_and_undo_the_bias(path_walked):
    train = path_walked.prepared.table.query("split == 'train'").fillna({"shift": "?"})
    assert train["weight"].mean() == pytest.approx(1, abs=1e-4)
    shares = train.groupby(["shift", "defect"])["weight"].sum().unstack()
    rate, plain = shares[1] / shares.sum(axis=1), train.groupby("shift")["defect"].mean()
    assert abs(rate["day"] - rate["night"]) < 0.1 < abs(plain["day"] - plain["night"])


def test_each_decision_is_a_row_of_the_ledger(path_walked):
    rows = path_walked.prepared.ledger
    for finding in path_walked.audit.findings:
        here = rows[rows["rule"] == finding.rule]
        assert set(finding.paths or [""]) <= set(here["path"])
        assert set(here["action"]) == {finding.action}
    assert all(isinstance(json.loads(text), dict) for text in rows["evidence"])
    assert rows["by"].str.startswith("natkit ").all()


def test_findings_in_prepared_json_are_short(path_walked):
    found = path_walked.prepared.info["findings"]
    assert [f["rule"] for f in found] == [f.rule for f in path_walked.audit.findings]
    keys = {"rule", "severity", "action", "count", "share", "evidence", "examples"}
    assert all(set(f) == keys and len(f["examples"]) <= 8 for f in found)
    assert all(0 < f["share"] <= 1 for f in found)


def test_a_finding_of_many_images_names_eight(path_walked):
    names = tuple(f"{i}.png" for i in range(50))
    many = Finding("blank", "problem", names, {"n": 50}, 50)
    (short,) = findings(type(path_walked.audit)(path_walked.scan, None, (), (many,)))
    assert short["examples"] == list(names[:8])
    assert short["count"] == 50


def test_cells_that_look_like_formulas_are_made_plain(path_walked):
    audit = path_walked.audit
    names = ("=cmd.png", "+1.png", "-1.png", "@x.png", "fine.png")
    finding = Finding("blank", "problem", names, {"n": 5}, 5)
    rows = ledger(type(audit)(audit.scan, None, (), (finding,)))
    assert rows["path"].tolist() == ["'=cmd.png", "'+1.png", "'-1.png", "'@x.png", "fine.png"]


def test_images_without_label_are_kept_for_train(tmp_path):
    scan = folder_of(tmp_path, ng=[0, 1] * 15 + [None] * 10)
    audit = data_prep.audit(scan, label="ng")
    prepared = data_prep.prepare(audit, tmp_path / "out")
    bare = prepared.table[prepared.table["ng"].isna()]
    assert (len(bare), set(bare["split"]), set(bare["weight"])) == (10, {"train"}, {1.0})
    assert prepared.info["counts"]["test"] == 6


def test_without_table_there_are_splits_and_no_label(tmp_path):
    folder_of(tmp_path)
    audit = data_prep.audit(data_prep.scan(tmp_path / "in"))
    prepared = data_prep.prepare(audit, tmp_path / "out")
    assert prepared.info["label"] is None
    assert prepared.info["counts"] == {
        **{"listed": 40, "kept": 40, "quarantined": 0, "mended": 0},
        **{"train": 24, "val": 8, "test": 8},
    }
    assert set(prepared.table["weight"]) == {1.0}


def test_the_licence_goes_with_the_images(tmp_path):
    scan = folder_of(tmp_path, ng=[0, 1] * 20)
    (tmp_path / "in" / "LICENCE.txt").write_text("CC BY\nmore", encoding="utf-8")
    prepared = data_prep.prepare(data_prep.audit(scan), tmp_path / "out")
    assert prepared.info["licence"] == "CC BY"


def test_the_same_seed_prepares_the_same_data(path_walked, tmp_path):
    again = data_prep.prepare(path_walked.audit, tmp_path / "again")
    assert again.data_hash == path_walked.prepared.data_hash
    other = data_prep.prepare(path_walked.audit, tmp_path / "other", seed=1)
    assert other.data_hash != path_walked.prepared.data_hash


def test_a_folder_with_contents_is_left_alone(path_walked, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="is not empty"):
        data_prep.prepare(path_walked.audit, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_too_few_images_are_refused(tmp_path):
    scan = folder_of(tmp_path, n=2)
    with pytest.raises(InputError, match="2 of 2 images are left"):
        data_prep.prepare(data_prep.audit(scan), tmp_path / "out")
    assert not (tmp_path / "out").exists()
