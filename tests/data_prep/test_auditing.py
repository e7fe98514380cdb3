"""Audit: findings are ranked, clean data has none, and a label that can't be used is refused."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import data_prep
from data_prep.rules.columns import check_classes
from data_prep.rules.registry import RULES, SEVERITIES, Finding
from data_prep.scanning.remarks import Remark
from natkit.core.errors import InputError
from natkit.core.labels import class_names


def test_the_clean_line_has_only_what_it_was_drawn_with(line):
    """``kind`` tells the defect, and its cameras differ in light and noise; nothing else is wrong."""
    scan = data_prep.scan(line.parent, table=line)
    audit = data_prep.audit(scan, label="defect", groups=["camera", "shift", "lot", "part"])
    serious = {
        (f.rule, f.evidence["column"]) for f in audit.findings if f.rule != "class_imbalance"
    }
    assert serious == {("shortcut", "kind"), ("drift", "camera")}
    assert audit.quarantined == set()


def test_findings_are_ranked_and_shown(path_walked):
    audit = path_walked.audit
    ranks = [(SEVERITIES.index(f.severity), -f.count) for f in audit.findings]
    assert ranks == sorted(ranks)
    assert list(audit.table["rule"]) == [f.rule for f in audit.findings]
    assert repr(audit).startswith(f"Audit({len(path_walked.scan.table)} images: 4 problems")
    assert all(f.rule in RULES for f in audit.findings)
    assert repr(Finding("blank", "problem", ("a",), {}, 1)) == (
        "Finding(blank: 1 found, problem, quarantined)"
    )


def test_an_image_is_quarantined_for_one_reason(path_walked):
    audit = path_walked.audit
    paths = [p for f in audit.findings if f.action == "quarantined" for p in f.paths]
    assert len(paths) == len(set(paths)) == len(path_walked.scan.table) - len(audit.kept)


def test_the_audit_is_the_same_twice(path_walked):
    again = data_prep.audit(path_walked.scan, label="defect", groups=path_walked.audit.groups)
    assert again.findings == path_walked.audit.findings


def test_without_label_only_what_needs_none_is_looked_for(path_walked):
    audit = data_prep.audit(path_walked.scan, groups="shift")
    assert audit.groups == ("shift",)
    without = {"label_missing", "class_imbalance", "group_imbalance", "shortcut", "leakage"}
    without |= {"outlier", "doubtful_label"}
    without |= {"signal_lost", "signal_gap", "stuck", "spikes", "dead_channel"}
    assert set(audit.looked_for) == set(RULES) - without
    assert {f.rule for f in audit.findings} <= set(audit.looked_for)


def test_columns_that_are_not_there_are_refused(path_walked):
    scan = path_walked.scan
    with pytest.raises(InputError, match=r"no label column 'ng'; it has part, lot, camera"):
        data_prep.audit(scan, label="ng")
    with pytest.raises(InputError, match=r"no group column 'line'"):
        data_prep.audit(scan, label="defect", groups=["line"])
    with pytest.raises(InputError, match="both label and group"):
        data_prep.audit(scan, label="defect", groups=["defect"])
    bare = data_prep.scan(scan.root)
    with pytest.raises(InputError, match="there is no table"):
        data_prep.audit(bare, label="defect")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 1, 1], r"holds one value \(1\)"),
        ([None, None], "holds no value"),
        (np.linspace(0, 1, 60), "60 different values: a measurement"),
        ([f"part {i}" for i in range(60)], "60 different values: a name or serial"),
    ],
)
def test_labels_that_are_no_classes_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        check_classes(pd.Series(values, name="y"))


def test_classes_are_text_without_decimals():
    assert class_names(pd.Series([1.0, 0.0])).tolist() == ["1", "0"]
    assert class_names(pd.Series([0.25, 2_000_000.0])).tolist() == ["0.25", "2000000"]
    assert class_names(pd.Series([1, None], dtype="Int64")).isna().tolist() == [False, True]
    assert class_names(pd.Series(["ng", None])).tolist()[0] == "ng"
    check_classes(pd.Series([1.0, 0.0, np.nan]))


def test_what_only_names_an_image_is_no_feature(tmp_path):
    """A path and a serial number tell nothing; a remark that is there for one class alone does."""
    n = 120
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 255, (16, 16), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:03}.png")
    ng = np.arange(n) % 3 == 0
    table = pd.DataFrame(
        {
            "file": [f"{i:03}.png" for i in range(n)],
            "ng": ng.astype(int),
            "serial": [f"S{(i * 37) % n:04}" for i in range(n)],
            "link": [f"https://mes/part/{i}" for i in range(n)],
            "remark": [f"seen by eye, no. {i}" if bad else None for i, bad in enumerate(ng)],
            "line": np.where(np.arange(n) % 2, "A", "B"),
            "heat": np.random.default_rng(0).normal(size=n),
        }
    )
    scan = data_prep.scan(tmp_path, table)
    assert set(scan.features) == {"ng", "remark", "line", "heat"}
    told = [
        f.evidence["column"] for f in data_prep.audit(scan, "ng").findings if f.rule == "shortcut"
    ]
    assert told == ["remark"]


def test_a_class_read_as_a_gap_is_told_where_one_class_is_left():
    remarks = [Remark("words_as_gaps", {"column": "region", "words": "NA", "cells": 20})]
    with pytest.raises(InputError, match=r"one value \(EU\), beside NA, which was read as a gap"):
        check_classes(pd.Series(["EU", None], name="region"), remarks)
    with pytest.raises(InputError, match=r"one value \(EU\); at least"):
        check_classes(pd.Series(["EU", None], name="site"), remarks)
