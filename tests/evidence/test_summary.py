"""Laws of the summary: whole, plain, checked, and honest about what is absent."""

import json
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from natkit.core.errors import InputError
from natkit.data import annotations, manifest
from natkit.data.embedding import Embedding
from natkit.evidence.reasons import REASONS
from natkit.evidence.scoring import score
from natkit.evidence.sections import load_section, save_section
from natkit.evidence.summary import check, collect, summarize
from natkit.money import cost
from natkit.money.prices import Line, Prices, Work

FINDING = {
    "rule": "exact_copy",
    "severity": "warning",
    "action": "quarantined",
    "count": 2,
    "share": 0.01,
    "evidence": {"sets": 2},
    "examples": ["a.png", "b.png"],
}
TRAINING = {
    "images": np.int64(100),
    "epochs": 2,
    "seconds": np.float32(1.5),
    "images_per_second": 133.0,
    "device": "cpu",
    "backbone": "small",
    "features": 128,
    "dim": 64,
    "n_targets": 2048,
    "matching": "soft",
    "views": 2,
    "seed": 0,
    "params": {"lr": 2e-3},
    "history": [
        {"epoch": 1, "loss": 1.9, "agreement": 0.1, "others": 0.0, "changed": None, "seconds": 0.7},
        {"epoch": 2, "loss": 1.7, "agreement": 0.4, "others": 0.0, "changed": 0.4, "seconds": 0.8},
    ],
}
MAP = {
    "n": 3,
    "seed": 0,
    "n_neighbors": 2,
    "min_dist": 0.1,
    "engine": "umap",
    "trustworthiness": 0.9,
    "honesty": [{"measure": "islands", "value": 3, "control": 0, "flagged": False}],
    "purity": [],
    "points": [(0.5, 1.0, 0), (0.25, 1.0, 0), (9.0, 9.0, -1)],
    "ids": np.arange(3),
    "clusters": [
        {
            "cluster": 0,
            "n": 2,
            "share": 2 / 3,
            "name": "mono",
            "medoid": 1,
            "borderline": [],
            "because": None,
            "typical": [0],
            "odd": [1],
            "picture": "figures/cluster_0.png",
            "labels": {"0": 2},
        }
    ],
    "noise": 1,
    "method": "HDBSCAN",
    "explained_by": [{"column": "camera", "v": 0.2, "low": 0.1, "high": 0.3}],
    "colour": {"column": "defect", "values": ["0", "0", ""]},
}
PROVENANCE = {
    "natkit": "0.1.0",
    "python": "3.11",
    "platform": "Linux",
    "packages": {"numpy": "2.4"},
    "data_hash": "0" * 64,
    "seed": 0,
    "device": "cpu",
    "command": "natkit demo",
    "started": "2026-01-01T00:00:00",
    "seconds": 10,
    "licences": ["CC BY-NC-SA 4.0"],
}
SCORES = (np.arange(40) % 2 == 1, np.linspace(0.1, 0.9, 40))
COST = cost.section(
    Prices("EUR", missed=50, false_alarm=1, label=0.3, engineer_hour=80, upkeep_year=0),
    Line(0.01, 1e6, today_missed=0.3, today_false_alarms=0.1, today_part=0.05),
    Work(labels=1000, engineer_hours=40, gpu_hours=0),
    val=SCORES,
    test=SCORES,
)
PLANTED = (
    [{"kind": "blur", "planted": 3, "found": 0, "missed": 3, "looked_for": False}],
    {"clean": 90, "flagged": 0},
)


@pytest.fixture
def prepared(tmp_path):
    n = 120
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            "path": [f"{i}.png" for i in range(n)],
            "split": np.repeat(["train", "val", "test"], [60, 20, 40]),
            "weight": 1.0,
            "width": 8,
            "height": 8,
            "channels": 1,
            "bits": 8,
            "pixel_hash": "x",
            "defect": np.where(np.arange(n) == 0, np.nan, np.arange(n) % 2),
        }
    )
    info = {
        "label": "defect",
        "groups": [{"column": "camera", "role": "balanced", "values": 2}],
        "rules": ["absent", "exact_copy"],
        "sentences": {"en": {}, "ja": {}},
        "counts": {
            "listed": 122,
            "kept": n,
            "quarantined": 2,
            "mended": 0,
            "train": 60,
            "val": 20,
            "test": 40,
        },
        "findings": [FINDING],
    }
    ledger = pd.DataFrame(columns=annotations.LEDGER)
    return manifest.write(tmp_path / "prepared", tmp_path, table, ledger, info)


@pytest.fixture
def proof(prepared):
    rng = np.random.default_rng(0)
    y = prepared.table["defect"].fillna(0).to_numpy()[:, None]
    ids = prepared.table["id"]
    embeddings = [
        Embedding(rng.standard_normal((120, 4)) + signal * y, ids, {"name": name})
        for name, signal in (("NAT", 2), ("pixels", 0))
    ]
    return score(embeddings[0], embeddings[1:], prepared.table, "defect")


@pytest.fixture
def whole(prepared, proof):
    return summarize(prepared, TRAINING, MAP, proof, PLANTED, PROVENANCE, COST)


def test_a_whole_summary_is_plain_json_and_fits(whole):
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    check(whole)
    assert whole["data"]["label"] == {"column": "defect", "counts": {"0": 59, "1": 60}}
    assert whole["verdict"]["comparison"] == "ahead"
    assert {"code": "copies_removed", "count": 2} in whole["verdict"]["reasons"]
    assert whole["training"]["images"] == 100
    assert whole["cost"]["project"]["total"] == 3500
    assert whole["data"]["false_alarms"] == {"clean": 90, "flagged": 0}


def test_what_was_not_run_says_so(prepared):
    summary = summarize(prepared)
    for section in ("training", "map", "evidence", "provenance"):
        assert summary[section] == {"reason": "not_run"}
    assert summary["cost"] == {"reason": "no_prices"}
    assert summary["verdict"]["ground"] == "unscored"
    assert summary["data"]["planted"] is None


def test_without_a_label_the_reason_is_the_label(prepared):
    prepared.info["label"] = None
    summary = summarize(prepared)
    assert summary["evidence"] == {"reason": "no_label"}
    assert summary["data"]["label"] is None


def test_too_few_images_still_make_a_summary(prepared):
    table = prepared.table.assign(defect=np.where(prepared.table["id"] < 3, 1, 0))
    rng = np.random.default_rng(0)
    embeddings = [
        Embedding(rng.standard_normal((120, 4)), table["id"], {"name": name}) for name in "ab"
    ]
    summary = summarize(prepared, proof=score(embeddings[0], embeddings[1:], table, "defect"))
    assert summary["evidence"]["reason"] == "too_few"
    assert summary["verdict"]["reasons"][0]["class"] == "1"


@pytest.mark.parametrize(
    "section", ["data", "training", "map", "evidence", "cost", "verdict", "provenance"]
)
def test_every_section_may_be_absent_with_a_known_reason_alone(whole, section):
    check({**whole, section: {"reason": "not_run"}})
    with pytest.raises(InputError, match="no_time"):
        check({**whole, section: {"reason": "no_time"}})
    with pytest.raises(InputError, match=f"'{section}' is a required property"):
        check({name: value for name, value in whole.items() if name != section})


def test_what_the_folder_and_the_sections_say_of_cleaning_is_collected(prepared, tmp_path):
    """Losses by class stand in prepared.json, pictures of mended images in sections/; either may be absent."""
    assert collect(tmp_path)["data"]["losses"] == collect(tmp_path)["data"]["mended"] == []
    file = tmp_path / "prepared" / "prepared.json"
    share = {"value": 0.1, "low": 0.01, "high": 0.3, "n": 20}
    row = {"column": "defect", "value": "1", "n": 20, "aside": 2, "mended": 0, "held": 0}
    info = json.loads(file.read_text()) | {"losses": [row | {"share": share}]}
    file.write_text(json.dumps(info))
    (tmp_path / "sections").mkdir(exist_ok=True)
    pictures = [{"path": "a.png", "rules": ["dead_lines"], "picture": "figures/mended_0.png"}]
    (tmp_path / "sections" / "mended.json").write_text(json.dumps(pictures))
    data = collect(tmp_path)["data"]
    assert data["losses"] == [row | {"share": share}]
    assert data["mended"] == pictures


def test_a_cost_section_on_disk_is_collected(prepared, tmp_path):
    (tmp_path / "sections").mkdir()
    (tmp_path / "sections" / "cost.json").write_text(json.dumps(COST), "utf-8")
    assert collect(tmp_path)["cost"] == COST
    (tmp_path / "sections" / "cost.json").unlink()
    assert collect(tmp_path)["cost"] == {"reason": "no_prices"}


def broken(whole, path, value):
    copy = deepcopy(whole)
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        (["extra"], 1, "at the top.*extra"),
        (["data", "hash"], "abc", "data/hash"),
        (["data", "counts", "kept"], -1, "data/counts/kept"),
        (["data", "findings", 0, "severity"], "bad", "data/findings/0/severity"),
        (["training", "history", 0, "loss"], "low", "training/history/0/loss"),
        (["training", "batch"], 1, "at training.*batch"),
        (["map", "points", 0], [1.0, 2.0], "map/points/0"),
        (["map", "ids"], [1], "their lengths are"),
        (["map", "clusters", 0, "picture"], "/etc/x.png", "map/clusters/0/picture"),
        (["map", "clusters", 0, "picture"], "../x.png", "map/clusters/0/picture"),
        (["evidence", "scores", 0, "score"], 0.9, "evidence/scores/0/score"),
        (["evidence", "scores", 0, "score"], {"value": 0.9}, "evidence/scores/0/score"),
        (["verdict", "decision"], "won", "verdict/decision"),
        (["verdict", "reasons", 0], {"code": "luck"}, "verdict/reasons/0/code"),
        (["version"], 2, "at version"),
        (["cost", "prices", "currency"], "yen", "cost/prices/currency"),
        (["cost", "prices", "label"], -1, "cost/prices/label"),
        (["cost", "ways", 0, "way"], "guess", "cost/ways/0/way"),
        (["cost", "point", "missed"], 0.1, "cost/point/missed"),
        (["cost", "curve", 0], [0.1, 2.0], "cost/curve/0"),
        (["cost", "saving"], {"value": 3}, "cost/saving"),
        (["cost", "payback"], {"reason": "soon"}, "cost/payback/reason"),
        (["cost", "plan", "missing"], ["luck"], "cost/plan/missing"),
        (["cost", "plan"], {}, "cost/plan"),
    ],
)
def test_what_does_not_fit_is_refused_and_located(whole, path, value, match):
    with pytest.raises(InputError, match=match):
        check(broken(whole, path, value))


def test_numbers_that_are_none_are_located(prepared):
    with pytest.raises(InputError, match="training/history/0/loss is nan"):
        summarize(prepared, broken(TRAINING, ["history", 0, "loss"], np.float32("nan")))


def test_schema_knows_every_reason(whole):
    for code in REASONS:
        check(broken(whole, ["verdict", "reasons", 0], {"code": code}))


def test_a_section_is_found_again_and_an_unknown_one_refused(tmp_path):
    assert load_section(tmp_path, "cost") is None
    save_section(tmp_path, "cost", {"reason": "no_prices"})
    assert load_section(tmp_path, "cost") == {"reason": "no_prices"}
    with pytest.raises(InputError, match="There is no section 'costs'; there are training"):
        save_section(tmp_path, "costs", {})
