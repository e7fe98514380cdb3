"""A summary as a real run gives it, and its variants: what the tests of this room draw."""

import copy

import numpy as np

from data_prep.rules import RULES

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
    return {"name": name, "role": role, "layer": layer, "probe": probe, "auroc": number(*auroc),
            "balanced_accuracy": number(*acc), "setting": setting, "val_auroc": val}  # fmt: skip


def evidence():
    return {
        "label": "defect", "classes": ["0", "1"], "metric": "auroc", "decides": "linear",
        "n_train": 1521, "n_val": 493, "n_test": 523,
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
        ],
        "differences": [
            {"control": "untrained", "probe": "linear", "auroc": number(0.063, 0.029, 0.098)},
            {"control": "pixels", "probe": "linear", "auroc": number(0.111, 0.07, 0.153)},
            {"control": "untrained", "probe": "knn", "auroc": number(0.098, 0.06, 0.137)},
            {"control": "pixels", "probe": "knn", "auroc": number(0.127, 0.083, 0.171)},
        ],
        "left_out": [],
    }  # fmt: skip


def verdict():
    return {
        "decision": "ahead", "probe": "linear", "control": "untrained",
        "difference": number(0.063, 0.029, 0.098),
        "reasons": [
            {"code": "ahead_of_all", "controls": 2, "n": 523},
            {"code": "shortcut_found", "source": "table", "column": "shift",
             **number(0.742, 0.718, 0.766, 2537)},
            {"code": "copies_removed", "count": 33}, {"code": "one_seed"}, {"code": "no_target"},
        ],
    }  # fmt: skip


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
        "map": map_section(), "evidence": evidence(), "cost": {"reason": "no_prices"},
        "verdict": verdict(), "provenance": provenance(),
    }  # fmt: skip


def undecided():
    """The best control within the interval, k nearest neighbours behind."""
    facts = complete()
    rows = facts["evidence"]["differences"]
    rows[0]["auroc"] = number(0.021, -0.013, 0.055)
    rows[2]["auroc"] = number(-0.03, -0.055, -0.004)
    facts["evidence"]["scores"][2]["auroc"] = number(0.821, 0.783, 0.857)
    facts["verdict"] |= {
        "decision": "undecided",
        "difference": rows[0]["auroc"],
        "reasons": [
            {"code": "inside_interval", "control": "untrained", **rows[0]["auroc"]},
            {"code": "knn_disagrees", "control": "untrained", **rows[2]["auroc"]},
            {"code": "one_seed"},
        ],
    }
    return facts


def behind():
    """Raw pixels better than NAT."""
    facts = complete()
    facts["evidence"]["differences"][1]["auroc"] = number(-0.05, -0.09, -0.011)
    facts["evidence"]["scores"][4]["auroc"] = number(0.892, 0.861, 0.921)
    gap = facts["evidence"]["differences"][1]["auroc"]
    reason = {"code": "behind_control", "control": "pixels", **gap}
    facts["verdict"] |= {
        "decision": "behind", "control": "pixels", "difference": gap, "reasons": [reason]
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
    facts["verdict"] = unscored("no_label")
    return facts


def unscored(code, decision="unscored"):
    return {"decision": decision, "probe": "linear", "control": None, "difference": None,
            "reasons": [{"code": code}]}  # fmt: skip


def too_few():
    """Labels, but too few of them."""
    facts = complete()
    counts = [{"class": "良品", "train": 210, "val": 70, "test": 71},
              {"class": "キズ", "train": 11, "val": 4, "test": 4}]  # fmt: skip
    facts["evidence"] = {"reason": "too_few", "label": "判定", "counts": counts}
    need = {"need_train": 5, "need_val": 1, "need_test": 10}
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
    facts["evidence"] |= {"label": script, "classes": bad, "left_out": bad}
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
    for row in facts["evidence"]["differences"]:
        row["control"] = new if row["control"] == old else row["control"]
    facts["verdict"]["control"] = new
    return facts


def nothing():
    """Every section absent."""
    facts = complete()
    for name in ("data", "training", "map", "evidence", "verdict", "provenance"):
        facts[name] = {"reason": "not_run"}
    return facts


CASES = {
    "complete": complete, "undecided": undecided, "behind": behind, "unlabelled": unlabelled,
    "too_few": too_few, "nothing": nothing, "hostile": hostile,
}  # fmt: skip
