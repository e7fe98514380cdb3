"""A summary as a real run gives it, and its variants: what the tests of this room draw."""

import copy

import numpy as np
from scipy.stats import norm

from data_prep.rules.registry import RULES
from natkit.money import cost as money
from natkit.money.prices import Line, Prices, Work

QUARANTINE = ("absent", "unreadable", "blank", "partly_missing", "exact_copy")


def number(value, low, high, n=523):
    return {"value": value, "low": low, "high": high, "n": n}


def finding(rule, severity, action, count, evidence=None, examples=()):
    return {
        "rule": rule,
        "severity": severity,
        "action": action,
        "count": count,
        "share": count / 2690,
        "evidence": evidence or {},
        "examples": list(examples),
    }


def decision(rule, path, action="quarantined", by="natkit 0.1.0"):
    return {"time": "2026-11-23T05:03:00+00:00", "path": path, "rule": rule, "evidence": "{}",
            "action": action, "by": by}  # fmt: skip


def sentences():
    """Those of all rules, as data_prep puts them into a prepared folder."""
    return {
        lang: {
            f"rule.{code}.{part}": getattr(rule, part)[lang]
            for code, rule in RULES.items()
            for part in ("name", "why", "detail")
            if lang in getattr(rule, part)
        }
        for lang in ("en", "ja")
    }


def data():
    quarantined = [
        finding("exact_copy", "problem", "quarantined", 33,
                {"n": 33, "n_sets": 33, "sets": [], "n_label_conflicts": 4, "label_conflicts": []},
                ["images/cell0007_copy.png", "images/cell1190_copy.png"]),
        finding("unreadable", "problem", "quarantined", 30,
                {"n": 30, "reasons": {"truncated": 16, "empty": 14}}, ["images/cell0311.png"]),
        finding("partly_missing", "problem", "quarantined", 30, {}, ["images/cell2001.png"]),
        finding("absent", "problem", "quarantined", 32, {}, ["images/cell0044.png"]),
        finding("blank", "problem", "quarantined", 28, {}, ["images/cell0815.png"]),
    ]  # fmt: skip
    rest = [
        finding("shortcut", "warning", "reported", 2537,
                {"source": "table", "column": "shift", "auc": number(0.742, 0.718, 0.766, 2537)}),
        finding("shortcut", "warning", "reported", 2537,
                {"source": "image statistics", "column": "brightness, contrast, sharpness",
                 "auc": number(0.688, 0.661, 0.713, 2537)}),
        finding("group_imbalance", "warning", "weighted", 2537,
                {"column": "shift", "v": number(0.41, 0.37, 0.45, 2537)}),
        finding("missing_values", "warning", "reported", 32,
                {"column": "type", "missing": 32, "n": 2690, "by_group": {"camera": {"A": 0.01}}},
                ["images/cell0102.png"]),
        finding("class_imbalance", "note", "weighted", 2537,
                {"column": "defect", "counts": {"0": 1715, "1": 822}, "ratio": 2.0863}),
    ]  # fmt: skip
    kinds = ("absent", "truncated", "empty", "blank", "half_transferred", "exact_copy",
             "missing_value")  # fmt: skip
    planted = [
        {"kind": kind, "planted": 32, "found": 32 - 2 * (kind == "half_transferred"),
         "missed": 2 * (kind == "half_transferred"), "looked_for": True}
        for kind in kinds
    ]  # fmt: skip
    one = {"planted": 1, "found": 1, "missed": 0, "looked_for": True}
    planted.append({"kind": "biased_sample", **one})
    for kind, n in {"near_copy": 32, "blur": 32, "dark": 32, "gain": 1}.items():
        row = {"kind": kind, "planted": n, "found": 0, "missed": n, "looked_for": False}
        planted.append(row)
    return {
        "name": "solar cells, soiled",
        "licence": "CC BY-NC-SA 4.0 (elpv-dataset; Buerhop-Lutz et al. 2018)",
        "hash": "3f9a1c" + "0b" * 29,
        "counts": {"listed": 2690, "kept": 2537, "quarantined": 153, "mended": 0,
                   "train": 1521, "val": 493, "test": 523},
        "label": {"column": "defect", "counts": {"0": 1715, "1": 822}},
        "groups": [{"column": "camera", "role": "balanced", "values": 2},
                   {"column": "shift", "role": "balanced", "values": 3}],
        "findings": quarantined + rest,
        "sentences": sentences(),
        "looked_for": [*QUARANTINE, "missing_values", "class_imbalance", "group_imbalance",
                       "shortcut", "label_missing"],
        "planted": planted,
        "false_alarms": {"clean": 2317, "flagged": 3},
        "ledger": {"total": 2, "rows": [decision("exact_copy", "cells/0311.png"),
                                        decision("blank", "cells/0420.png", by="Sato")]},
    }  # fmt: skip


def training(epochs=20):
    history = [
        {"epoch": e, "loss": float(0.55 + 0.4 * np.exp(-e / 6)), "seconds": 4.9,
         "agreement": float(0.6 - 0.5 * np.exp(-e / 6)), "others": 0.01,
         "changed": None if e == 1 else float(0.18 + 0.75 * np.exp(-e / 5))}
        for e in range(1, epochs + 1)
    ]  # fmt: skip
    return {
        "images": 1521, "epochs": epochs, "seconds": 97.4, "images_per_second": 624.6,
        "device": "cpu", "backbone": "small residual network, 16–128 channels",
        "features": 128, "dim": 64, "n_targets": 2048, "matching": "soft", "views": 2, "seed": 0,
        "params": {"lr": 0.002, "epsilon": 0.2, "size": 96, "batch": 256}, "history": history,
    }  # fmt: skip


def map_section(n=2537, clusters=6, seed=0, pictures=True):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 6, (clusters, 2))
    cluster = rng.choice(clusters, n, p=rng.dirichlet(np.full(clusters, 4.0)))
    xy = centres[cluster] + rng.normal(0, 1, (n, 2)) * [1.3, 0.8]
    noise = rng.random(n) < 0.12
    shown = np.where(noise, -1, cluster)
    label = np.where(rng.random(n) < 0.15 + 0.6 * (cluster == 3), "1", "0")
    sizes = [int((shown == c).sum()) for c in range(clusters)]
    return {
        "n": n, "seed": seed, "n_neighbors": 15, "min_dist": 0.1, "engine": "umap",
        "trustworthiness": 0.931,
        "honesty": [
            {"measure": "trustworthiness", "value": 0.931, "control": 0.64, "flagged": False},
            {"measure": "overlap", "value": 0.58, "control": 0.05, "flagged": False},
            {"measure": "stability", "value": 0.78, "control": 0.006, "flagged": False},
            {"measure": "islands", "value": clusters, "control": clusters - 1, "flagged": True},
        ],
        "purity": [
            {"name": name, "column": "type", "value": value, "low": value - 0.01,
             "high": value + 0.01, "n": n, "chance": 0.52}
            for name, value in (("NAT", 0.97), ("untrained", 0.93), ("pixels", 0.88))
        ],
        "points": [[round(float(x), 3), round(float(y), 3), int(c)]
                   for (x, y), c in zip(xy, shown, strict=True)],
        "ids": list(range(n)),
        "clusters": [
            {"cluster": c, "n": sizes[c], "share": sizes[c] / n, "name": None, "medoid": 0,
             "typical": list(range(8)), "borderline": list(range(16, 20)), "odd": list(range(8, 16)),
             "because": {"column": "type", "value": "mono", "outside": 0.31, "v": 0.55,
                         "inside": {"value": 0.94, "low": 0.91, "high": 0.96, "n": sizes[c]}},
             "picture": f"figures/cluster_{c}.png" if pictures else None,
             "labels": {v: int(((shown == c) & (label == v)).sum()) for v in ("0", "1")}}
            for c in range(clusters)
        ],
        "noise": int(noise.sum()), "method": "HDBSCAN",
        "explained_by": [
            {"column": column, "v": v, "low": max(0.0, v - 0.03), "high": v + 0.03}
            for column, v in (("type", 0.61), ("camera", 0.34), ("defect", 0.29), ("shift", 0.05))
        ],
        "colour": {"column": "defect", "values": label.tolist()},
    }  # fmt: skip


def score(name, role, probe, auroc, acc, setting, val, layer=None):
    return {"name": name, "role": role, "layer": layer, "probe": probe, "score": number(*auroc),
            "also": {"balanced_accuracy": number(*acc),
                     "average_precision": number(acc[0] - 0.1, acc[1] - 0.1, acc[2] - 0.1),
                     "macro_f1": number(acc[0] - 0.02, acc[1] - 0.02, acc[2] - 0.02)},
            "setting": setting, "chosen_on": "val", "val_score": val,
            "trainings": [auroc[0]]}  # fmt: skip


def gap(control, probe, role="control", *value):
    return {"control": control, "role": role, "probe": probe, "score": number(*value)}


def evidence():
    return {
        "label": "defect", "kind": "classes", "classes": ["0", "1"], "metric": "auroc", "chance": 0.5,
        "decides": "linear", "target": 0.75, "n_train": 1521, "n_val": 493, "n_test": 523,
        "units": None,
        "scores": [
            score("NAT", "ours", "linear", (0.842, 0.806, 0.875), (0.771, 0.733, 0.807),
                  {"C": 0.1}, 0.851, "backbone"),
            score("NAT", "ours", "knn", (0.811, 0.772, 0.847), (0.722, 0.683, 0.759),
                  {"k": 15}, 0.823, "backbone"),
            score("untrained", "control", "linear", (0.779, 0.737, 0.818), (0.701, 0.66, 0.741),
                  {"C": 1.0}, 0.79, "backbone"),
            score("untrained", "control", "knn", (0.713, 0.668, 0.757), (0.64, 0.6, 0.68),
                  {"k": 30}, 0.72, "backbone"),
            score("pixels", "control", "linear", (0.731, 0.686, 0.773), (0.662, 0.62, 0.703),
                  {"C": 0.01}, 0.74),
            score("pixels", "control", "knn", (0.684, 0.637, 0.729), (0.621, 0.58, 0.66),
                  {"k": 30}, 0.69),
            score("supervised", "reference", "head", (0.851, 0.815, 0.884), (0.779, 0.74, 0.815),
                  {}, 0.86, "class scores"),
            score("majority", "floor", "none", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), {}, 0.5),
        ],
        "differences": [
            gap("untrained", "linear", "control", 0.063, 0.029, 0.098),
            gap("pixels", "linear", "control", 0.111, 0.07, 0.153),
            gap("untrained", "knn", "control", 0.098, 0.06, 0.137),
            gap("pixels", "knn", "control", 0.127, 0.083, 0.171),
            gap("supervised", "linear", "reference", -0.009, -0.031, 0.012),
        ],
        "checks": [
            {"check": "within", "column": "shift", "control": "untrained",
             "score": number(0.058, 0.022, 0.094)},
            {"check": "within", "column": "shift", "control": "pixels",
             "score": number(0.102, 0.06, 0.145)},
        ],
        "groups": [
            {"column": "shift", "value": "night", "n": 231, "score": number(0.801, 0.74, 0.858, 231)},
            {"column": "shift", "value": "day", "n": 286, "score": number(0.866, 0.82, 0.908, 286)},
            {"column": "shift", "value": "", "n": 6, "score": None},
        ],
        "twins": {"count": 0, "n": 523},
        "left_out": [],
        "curve": curve(),
        "robustness": [
            {"name": name, "kind": kind, "strength": strength,
             "score": number(value, value - 0.04, value + 0.03),
             "change": number(change, change - 0.02, change + 0.02)}
            for kind, strength in (("brightness", -0.2), ("blur", 0.01))
            for name, value, change in (("NAT", 0.82, -0.022), ("pixels", 0.69, -0.041))
        ],
        "held_out": [
            {"column": "shift", "value": "day", "n": 1310, "score": number(0.81, 0.78, 0.84, 1310),
             "control": "untrained", "difference": number(0.05, 0.03, 0.07, 1310)},
            {"column": "shift", "value": "night", "n": 40, "score": None, "control": None,
             "difference": None},
        ],
    }  # fmt: skip


def curve():
    budgets = [10, 20, 50, 100, 200, 500, 1000, 1521]
    lines = []
    for name, role, top, rise in (
        ("NAT", "ours", 0.842, 0.045), ("untrained", "control", 0.779, 0.04),
        ("pixels", "control", 0.731, 0.03),
    ):  # fmt: skip
        middle = [top - rise * np.log2(1521 / b) / 1.6 for b in budgets]
        spread = [0.06 * (10 / b) ** 0.3 for b in budgets]
        rng = np.random.default_rng(len(name))
        dots = [
            [m + s * rng.normal() / 2 for m, s in zip(middle, spread, strict=True)]
            for _ in range(10)
        ]
        lines.append({
            "name": name, "role": role, "budgets": budgets, "draws": dots, "median": middle,
            "low": [m - s for m, s in zip(middle, spread, strict=True)],
            "high": [m + s for m, s in zip(middle, spread, strict=True)],
        })  # fmt: skip
    return {
        "label": "defect", "metric": "auroc", "repeats": 10, "n_train": 1521, "n_test": 523,
        "lines": lines, "target": {"value": 0.779, "from": "untrained"},
        "needed": [{"name": "NAT", "value": 322.0, "low": 140.0, "high": 710.0},
                   {"name": "untrained", "value": 1521.0, "low": 900.0, "high": 1521.0},
                   {"name": "pixels", "value": None, "low": 1400.0, "high": None}],
        "saved": [{"control": "untrained", "value": 1199.0, "low": 420.0, "high": 1380.0},
                  {"control": "pixels", "value": None, "low": 700.0, "high": None}],
        "gains": [{"name": "fine-tuned", "against": "supervised", "labels": 50, "value": -0.015,
                   "low": -0.057, "high": 0.026},
                  {"name": "NAT", "against": "untrained", "labels": 200, "value": 0.05, "low": 0.01,
                   "high": 0.09}],
        "more": {"labels": 50, "from": 1521, "value": 0.0009, "low": -0.0004, "high": 0.002},
    }  # fmt: skip


def verdict():
    return {
        "decision": "go", "ground": "met", "comparison": "ahead", "probe": "linear",
        "control": "untrained", "difference": number(0.063, 0.029, 0.098),
        "target": {"kind": "score", "value": 0.75},
        "reasons": [
            {"code": "ahead_of_all", "controls": 2, "n": 523},
            {"code": "within", "column": "shift", "control": "untrained", **number(0.058, 0.022, 0.094)},
            {"code": "target_met", "target": 0.75, **number(0.842, 0.806, 0.875)},
            {"code": "worst_group", "column": "shift", "value": "night", "score": 0.801, "low": 0.74,
             "high": 0.858, "n": 231},
            {"code": "shortcut_found", "source": "table", "column": "shift",
             **number(0.742, 0.718, 0.766, 2537)},
            {"code": "copies_removed", "count": 33}, {"code": "one_training"},
        ],
    }  # fmt: skip


def scored(n, seed, defects=0.32, apart=1.42):
    """Labels, and scores whose area under the ROC curve is that of the evidence above, 0.842."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < defects
    return positive, norm.cdf(rng.normal(size=n) + apart * positive - apart / 2)


PRICES = Prices("JPY", missed=800, false_alarm=12, label=30, engineer_hour=6000, gpu_hour=300,
                own_gpu=450_000, own_gpu_years=4, own_gpu_hour=25, upkeep_year=400_000)  # fmt: skip
LINE = Line(defect_rate=0.012, parts_a_year=250_000, today_missed=0.35, today_false_alarms=0.05,
            today_part=5, allowed_missed=0.1)  # fmt: skip
WORK = Work(labels=2537, engineer_hours=240, gpu_hours=20, images=40_000, epochs=100,
            images_per_second=312, trainings_a_year=12)  # fmt: skip


def cost(prices=PRICES, line=LINE, work=WORK, **more):
    return money.section(
        prices, line, work, **{"val": scored(493, 1), "test": scored(523, 2)} | more
    )


def provenance():
    return {
        "natkit": "0.1.0", "python": "3.11.9", "platform": "Linux x86_64, 2 cores",
        "packages": {"torch": "2.15.0", "numpy": "2.4.6", "scikit-learn": "1.9.1",
                     "umap-learn": "0.5.12"},
        "data_hash": "3f9a1c" + "0b" * 29, "seed": 0, "device": "cpu",
        "command": "natkit demo --out demo --lang ja", "started": "2026-11-23T05:03:00+00:00",
        "seconds": 284.0,
        "licences": ["natkit: Apache-2.0", "solar cells: CC BY-NC-SA 4.0 (elpv-dataset)"],
    }  # fmt: skip


def complete():
    """Every section there, NAT ahead."""
    return {
        "format": "natkit-summary", "version": 1, "data": data(), "training": training(),
        "map": map_section(), "evidence": evidence(), "cost": cost(),
        "verdict": verdict(), "provenance": provenance(),
    }  # fmt: skip


def undecided():
    """The best control within the interval, k nearest neighbours behind."""
    facts = complete()
    rows = facts["evidence"]["differences"]
    rows[0]["score"] = number(0.021, -0.013, 0.055)
    rows[2]["score"] = number(-0.03, -0.055, -0.004)
    facts["evidence"]["scores"][2]["score"] = number(0.821, 0.783, 0.857)
    facts["evidence"]["target"] = None
    facts["verdict"] |= {
        "decision": "not_enough", "ground": "undecided", "comparison": "undecided", "target": None,
        "difference": rows[0]["score"],
        "reasons": [
            {"code": "inside_interval", "control": "untrained", **rows[0]["score"]},
            {"code": "would_settle", "n": 2460, "power": 0.8},
            {"code": "no_target"}, {"code": "could_meet", "low": 0.806},
            {"code": "knn_disagrees", "control": "untrained", **rows[2]["score"]},
            {"code": "one_training"},
        ],
    }  # fmt: skip
    return facts


def behind():
    """Raw pixels better than NAT."""
    facts = complete()
    facts["evidence"]["differences"][1]["score"] = number(-0.05, -0.09, -0.011)
    facts["evidence"]["scores"][4]["score"] = number(0.892, 0.861, 0.921)
    lost = facts["evidence"]["differences"][1]["score"]
    reason = {"code": "behind_control", "control": "pixels", **lost}
    facts["verdict"] |= {
        "decision": "no_go", "ground": "behind", "comparison": "behind", "control": "pixels",
        "difference": lost, "reasons": [reason],
    }  # fmt: skip
    return facts


def no_target():
    """Ahead of every control, but nobody said what would be good enough; no curve."""
    facts = complete()
    facts["evidence"] |= {"target": None, "curve": None, "robustness": None, "held_out": None}
    facts["verdict"] |= {
        "decision": "not_enough", "ground": "no_target", "target": None,
        "reasons": [{"code": "ahead_of_all", "controls": 2, "n": 523}, {"code": "no_target"},
                    {"code": "could_meet", "low": 0.806}],
    }  # fmt: skip
    return facts


def unlabelled():
    """A user's own folder without a table."""
    facts = complete()
    kept = [f for f in facts["data"]["findings"] if f["severity"] == "problem"]
    kept[0]["evidence"] = {"n_sets": 33, "n_label_conflicts": 0}
    facts["data"] |= {
        "label": None, "groups": [], "findings": kept, "planted": None, "false_alarms": None,
        "name": "ライン3 外観", "licence": None,
    }  # fmt: skip
    facts["map"]["colour"] = {"column": None, "values": []}
    facts["map"]["explained_by"] = []
    for cluster in facts["map"]["clusters"]:
        cluster["labels"] = None
    facts["evidence"] = {"reason": "no_label"}
    facts["cost"] = {"reason": "no_prices"}
    facts["verdict"] = unscored("no_label")
    return facts


def unscored(code, ground="unscored"):
    return {"decision": "not_enough", "ground": ground, "comparison": None, "probe": "linear",
            "control": None, "difference": None, "target": None, "reasons": [{"code": code}]}  # fmt: skip


def too_few():
    """Labels, but too few of them."""
    facts = complete()
    counts = [{"class": "良品", "train": 210, "val": 70, "test": 71},
              {"class": "キズ", "train": 11, "val": 4, "test": 4}]  # fmt: skip
    facts["evidence"] = {"reason": "too_few", "label": "判定", "labelled": 370, "counts": counts,
                         "need": {"train": 5, "val": 1, "test": 10}}  # fmt: skip
    need = {"need_train": 5, "need_val": 1, "need_test": 10}
    facts["cost"] = cost(val=None, test=None)
    facts["verdict"] = unscored("too_few", "too_few")
    facts["verdict"]["reasons"] = [{"code": "too_few", **counts[1], **need}]
    facts["data"]["label"] = {"column": "判定", "counts": {"良品": 351, "キズ": 19}}
    return facts


def hostile():
    """Labels and names that try to break out of the page."""
    facts = complete()
    script = "<script>document.title='pwned'</script>"
    bad = [script, "=cmd|' /C calc'!A0", "\u202eFDP.exe", "<img src=x onerror=alert(1)>",
           "x" * 300, "$\\frac{1}{$", "{{ 7*7 }} {n} %s", "😀 ﷽ 髙﨑 µ±℃①"]  # fmt: skip
    facts["data"]["name"] = script
    facts["data"]["label"] = {"column": "x" * 300, "counts": {v: 10 + i for i, v in enumerate(bad)}}
    facts["data"]["groups"] = [{"column": v, "role": "balanced", "values": 2} for v in bad]
    facts["data"]["licence"] = bad[3]
    for f in facts["data"]["findings"]:
        f["examples"] = bad if f["examples"] else []
        if "column" in f["evidence"]:
            f["evidence"]["column"] = bad[2] if f["rule"] == "shortcut" else bad[4]
    facts["data"]["ledger"] = {
        "total": 9_000,
        "rows": [decision("blank", v, "quarantined", v) | {"evidence": v} for v in bad],
    }
    facts["evidence"] |= {"label": script, "classes": bad, "left_out": bad}
    facts["evidence"]["groups"][0] |= {"column": script, "value": bad[2]}
    facts["evidence"]["held_out"][0] |= {"column": bad[4], "value": bad[1]}
    facts["evidence"]["robustness"][0]["kind"] = script
    facts["evidence"]["units"] = {"column": bad[3], "n": 40, "crossing": 0}
    facts["map"]["colour"] = {
        "column": bad[5],
        "values": [bad[i % len(bad)] for i in range(facts["map"]["n"])],
    }
    facts["map"]["purity"][0] |= {"name": script, "column": bad[2]}
    facts["map"]["explained_by"] = [{"column": v, "v": 0.5, "low": 0.4, "high": 0.6} for v in bad]
    for cluster in facts["map"]["clusters"]:
        cluster["labels"] = {v: 3 for v in bad}
        cluster["name"] = bad[cluster["cluster"] % len(bad)]
        cluster["because"] |= {"column": script, "value": bad[3]}
        cluster["picture"] = "figures/" + "y" * 200 + ".png"
    facts["provenance"] |= {"command": script, "licences": bad, "packages": {script: bad[2]}}
    facts["training"]["params"] = {script: bad[3]}
    old = facts["evidence"]["scores"][2]["name"]
    facts = _renamed(facts, old, script)
    facts["verdict"]["reasons"].append(
        {"code": "classes_left_out", "classes": ", ".join(bad), "count": len(bad)}
    )
    return facts


def _renamed(facts, old, new):
    facts = copy.deepcopy(facts)
    for row in facts["evidence"]["scores"]:
        row["name"] = new if row["name"] == old else row["name"]
    evidence = facts["evidence"]
    for row in [*evidence["differences"], *evidence["curve"]["saved"]]:
        row["control"] = new if row["control"] == old else row["control"]
    for row in [*evidence["curve"]["lines"], *evidence["curve"]["needed"]]:
        row["name"] = new if row["name"] == old else row["name"]
    evidence["curve"]["target"]["from"] = new
    facts["verdict"]["control"] = new
    return facts


def nothing():
    """Every section absent."""
    facts = complete()
    for name in ("data", "training", "map", "evidence", "cost", "verdict", "provenance"):
        facts[name] = {"reason": "not_run"}
    return facts


CASES = {
    "complete": complete, "no_target": no_target, "undecided": undecided, "behind": behind, "unlabelled": unlabelled,
    "too_few": too_few, "nothing": nothing, "hostile": hostile,
}  # fmt: skip
