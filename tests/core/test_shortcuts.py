"""What tells the label is called the same by audit, verdict and report, of images and of signals."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import data_prep
from natkit.core.shortcuts import Source
from natkit.evidence.verdict import judge
from natkit.show.words.catalogue import words
from natkit.show.words.titles import source

N = 120
LABEL = np.where(np.arange(N) % 2, "ng", "ok")


def pictures(folder):
    """Half of them 1.5 times as bright: those of one class."""
    for i in range(N):
        rng = np.random.default_rng(i)
        pixels = rng.integers(40, 120, (24, 24)) * (1.5 if i % 2 else 1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:03}.png")
    table = pd.DataFrame({"file": [f"{i:03}.png" for i in range(N)], "judged": LABEL})
    return data_prep.scan(folder, table)


def signals(_folder):
    values = np.random.default_rng(0).normal(size=(N, 64, 1)) * (1 + (LABEL == "ng"))[:, None, None]
    table = pd.DataFrame({"path": [f"s{i:03}" for i in range(N)], "judged": LABEL})
    return data_prep.scan_signals(values.astype(np.float32).transpose(0, 2, 1), table, "drawn")


def evidence():
    """Of a run that would be a go: ahead of its control, target met."""

    def number(value, low, high):
        return {"value": value, "low": low, "high": high, "n": N}

    ours = {"name": "NAT", "role": "ours", "probe": "linear", "score": number(0.9, 0.85, 0.95)}
    gap = {
        "control": "pixels",
        "role": "control",
        "probe": "linear",
        "score": number(0.2, 0.1, 0.3),
    }
    both = [{"probe": "linear"}, {"probe": "knn"}]
    return {
        "metric": "auroc", "target": 0.8, "n_test": N, "checks": [], "groups": [], "units": None,
        "scores": [{**ours, "trainings": [0.9], **probe} for probe in both],
        "differences": [gap | probe for probe in both],
        "twins": {"count": 0, "n": N}, "left_out": [],
    }  # fmt: skip


@pytest.mark.parametrize(("make", "where"), [(pictures, Source.IMAGES), (signals, Source.SIGNALS)])
def test_the_same_shortcut_ends_in_the_same_verdict(make, where, tmp_path):
    audit = data_prep.audit(make(tmp_path), "judged")
    told = [f for f in audit.findings if f.rule == "shortcut"]
    assert [f.evidence["source"] for f in told] == [where]
    rows = [{"rule": f.rule, "action": f.action, "evidence": f.evidence, "count": 0} for f in told]
    verdict = judge(evidence(), {"findings": rows})
    assert (verdict["decision"], verdict["ground"]) == ("not_enough", "shortcut")
    (reason,) = [row for row in verdict["reasons"] if row["code"] == "statistics_do"]
    assert reason["source"] == where
    assert judge(evidence(), {"findings": []})["decision"] == "go"


def test_a_word_that_nobody_knows_is_refused_and_not_passed_over():
    auc = {"value": 0.99, "low": 0.98, "high": 1.0, "n": N}
    row = {"rule": "shortcut", "action": "reported", "count": 0}
    row["evidence"] = {"source": "pixel statistics", "column": "brightness", "auc": auc}
    with pytest.raises(ValueError, match="pixel statistics"):
        judge(evidence(), {"findings": [row]})


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_source_has_its_words(lang):
    said = [source(words(lang), {"source": str(where), "column": ""}) for where in Source]
    assert len(set(said)) == len(Source)
    assert not set(said) & {str(where) for where in Source}


def test_the_words_stand_in_one_place_alone():
    root = Path(__file__).parents[2]
    files = [p for room in ("natkit", "data_prep") for p in (root / room).rglob("*.py")]
    known = {str(where) for where in Source if where.measured}
    where = {
        path.name
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in known
    }
    assert where == {"shortcuts.py"}
