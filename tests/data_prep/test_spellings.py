"""One class has one definition: in audit, weights, splits, training and scores; what looks alike is told."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import data_prep
import natkit
from data_prep.rules.groups import components
from data_prep.rules.spellings import alike_classes, folded
from data_prep.scanning.cells import merged_cells
from natkit.core.labels import class_names
from natkit.evidence.questions import question
from natkit.look.association import text
from natkit.method.supervised.tasks import goals_of


@pytest.fixture
def prepared(tmp_path):
    """Sixty pictures in two classes and thirty lots, whose names are written with and without spaces."""
    (tmp_path / "in").mkdir()
    for i in range(60):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i}.png")
    spaces = ["", " ", "\u3000", "\t"]
    label = [["OK", "NG"][i % 2] + spaces[i // 2 % 4] for i in range(60)]
    lot = [f"L{i // 2}" + spaces[i % 3] for i in range(60)]
    table = pd.DataFrame({"file": [f"{i}.png" for i in range(60)], "d": label, "lot": lot})
    table.loc[59, "d"] = "  "
    table.to_csv(tmp_path / "t.csv", index=False)
    scan = data_prep.scan(tmp_path / "in", tmp_path / "t.csv")
    audit = data_prep.audit(scan, label="d", groups=["lot"])
    return audit, natkit.load(data_prep.prepare(audit, tmp_path / "p").folder)


def test_spaces_at_the_ends_make_no_class_anywhere(prepared):
    audit, images = prepared
    table = images.table
    names = class_names(table["d"])
    assert set(names.dropna()) == {"NG", "OK"}
    train = table[table["split"] == "train"]
    spread = train["weight"].groupby(names[train.index]).agg(lambda w: w.max() / w.min())
    assert spread.max() < 1.001
    assert [r["values"] for r in images.prepared.info["groups"]] == [30]
    assert table["split"].groupby(class_names(table["lot"])).nunique().max() == 1
    assert goals_of(table, "d").names == ["NG", "OK"]
    assert {row["class"] for row in question(table, "d")["counts"]} == {"NG", "OK"}
    assert {text(v) for v in table["d"]} - {""} == {"NG", "OK"}
    (gone,) = [f for f in audit.findings if f.rule == "label_missing"]
    assert gone.paths == ("59.png",)
    assert table.set_index("path").loc["59.png", ["split", "weight"]].tolist() == ["train", 1.0]


def test_lots_written_in_several_ways_are_one(prepared):
    table = pd.DataFrame({"lot": ["A", "A ", "B", None, 7, 7.0, "7"]})
    assert components(table, ["lot"]).tolist() == [0, 0, 1, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("names", "severity"),
    [
        (["NG", "ＮＧ"], "warning"),
        (["NG", "ng"], "warning"),
        (["NG", "NG_x000D_"], "warning"),
        (["a&b", "a&amp;b"], "warning"),
        (["two words", "two  words"], "warning"),
        (["two words", "two\u200bwords"], "warning"),
        (["ｷｽﾞ", "キズ"], "warning"),
        (["NG\v", "N\vG"], "warning"),
        (["NG", "NG "], "note"),
        (["キズ", "キズ\u3000"], "note"),
        (["NG", "OK"], None),
        (["NG1", "NG2"], None),
        ([1, 2], None),
        ([1.0, 1], None),
    ],
)
def test_names_that_differ_in_spelling_only_are_told(names, severity):
    table = pd.DataFrame({"d": pd.Series([*names, *names, None], dtype=object)})
    found = alike_classes(table, ["d"])
    assert [f.severity for f in found] == ([] if severity is None else [severity])
    for finding in found:
        assert all(repr(name) in finding.evidence["spellings"] for name in names)
        assert finding.count == 4


@given(st.text())
def test_what_is_folded_stays_folded_and_is_one_with_its_class(name):
    (own,) = class_names(pd.Series([name], dtype=object))
    assert folded(own or "") == folded(name)
    assert folded(f" {name}\u3000") == folded(name)


@pytest.mark.parametrize(
    ("cells", "merged"),
    [
        (["L1", None, "L2", None, None], "L1"),
        (["L1", "L2", None, None, "L3", None], "L2"),
        (["L1", None, None, None], "L1"),
        ([None, "L1", None, None], None),
        (["L1", "L1", None, None, None], None),
        (["L1", "L2", "L3", None], None),
        (["L1", "L2"], None),
        ([None, None], None),
    ],
)
def test_merged_cells_are_told_from_gaps(cells, merged):
    assert merged_cells(pd.Series(cells, dtype=object)) == merged


def test_what_a_table_was_taken_for_is_told(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i}.png")
    rows = [f"{i};in/{i}.png;{['Fräse', 'ok', 'NA'][i % 3]};NA" for i in range(6)]
    lines = [";file;d;x", *rows, ";out/9.png;ok;", "Summe;;6;"]
    (tmp_path / "t.csv").write_bytes("\n".join(lines).encode("cp1252"))
    scan = data_prep.scan(tmp_path / "in", tmp_path / "t.csv")
    assert len(scan.table) == 6
    audit = data_prep.audit(scan, label="d")
    told = {f.rule: f.evidence for f in audit.findings}
    assert told["encoding"] == {"encoding": "cp1252", "example": "Fräse"}
    assert told["rows_elsewhere"] == {"rows": 1, "example": "out/9.png"}
    assert told["rows_without_image"] == {"rows": 1, "line": 9, "example": "Summe | 6"}
    assert told["words_as_gaps"] == {"column": "d", "words": "NA", "cells": 2}
    assert told["column_unnamed"]["column"] == "column 1"
    assert set(told) <= set(audit.looked_for)
    as_class = data_prep.audit(
        data_prep.scan(tmp_path / "in", tmp_path / "t.csv", missing=[]), label="d"
    )
    assert "words_as_gaps" not in {f.rule for f in as_class.findings}
    assert set(class_names(as_class.scan.table["d"])) == {"Fräse", "ok", "NA"}
