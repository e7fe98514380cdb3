"""Imbalance and shortcuts: planted ones are found, with the right number; others are not."""

import numpy as np
import pandas as pd
import pytest

from data_prep.rules.bias import balanced_weights, class_imbalance, group_imbalance, shortcuts


def labels(n, share=0.3, seed=0):
    return pd.Series(
        (np.random.default_rng(seed).random(n) < share).astype(int).astype(str), name="ng"
    )


def judge(y, columns=None, statistics=None, together=None, seed=0):
    n = len(y)
    together = np.arange(n) if together is None else together
    found = shortcuts(
        y,
        pd.DataFrame(columns or {}, index=y.index),
        pd.DataFrame(statistics or {}, index=y.index),
        together,
        seed,
    )
    return [(f.evidence["source"], f.evidence["column"], f.evidence["auc"]) for f in found]


@pytest.mark.parametrize(("n", "severity"), [(60, None), (150, "note"), (600, "warning")])
def test_class_imbalance_is_told_by_its_ratio(n, severity):
    y = pd.Series(["ok"] * n + ["ng"] * 40, name="judged")
    found = class_imbalance(y)
    assert [f.severity for f in found] == ([severity] if severity else [])
    if severity:
        assert found[0].evidence == {
            "column": "judged",
            "counts": {"ok": n, "ng": 40},
            "ratio": n / 40,
        }


def test_a_group_that_goes_with_the_label_is_found_and_an_independent_one_is_not():
    y = labels(600)
    rng = np.random.default_rng(1)
    night = np.where(rng.random(600) < np.where(y == "1", 0.8, 0.4), "night", "day")
    (finding,) = group_imbalance(y, pd.Series(night, name="shift"), seed=0)
    v = finding.evidence["v"]
    assert v["value"] == pytest.approx(0.37, abs=0.08)  # phi of 0.8 and 0.4 at a share of 0.3
    assert 0.1 < v["low"] < v["value"] < v["high"] < 0.6
    assert sum(sum(row.values()) for row in finding.evidence["counts"].values()) == 600


@pytest.mark.parametrize("values", [2, 3, 4])
def test_a_weak_confounding_is_found_among_independent_groups(values):
    """V = 0.2 at n = 500 in at least 38 of 40 sets, beside two groups that mean nothing."""
    steps = np.linspace(-1, 1, values)
    rise = 0.2 * np.sqrt(0.3 * 0.7) * steps / steps.std()  # of the rate of defects, by value
    found, alarms = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = pd.DataFrame({"lot": rng.integers(values, size=500)})
        y = pd.Series((rng.random(500) < 0.3 + rise[groups["lot"]]).astype(int).astype(str))
        groups = groups.assign(camera=rng.integers(3, size=500), day=rng.integers(4, size=500))
        names = [f.evidence["column"] for f in group_imbalance(y, groups, seed)]
        found += "lot" in names
        alarms += len(set(names) - {"lot"}) > 0
    assert found >= 38
    assert alarms <= 3


def test_a_tiny_table_does_not_alarm():
    """Both images of camera B are defective: chance alone does that once in 12 such sets."""
    y = pd.Series(["1"] * 6 + ["0"] * 14)
    camera = pd.Series(["B"] * 2 + ["A"] * 18, name="camera")
    assert group_imbalance(y, camera, seed=0) == []
    whole = pd.Series(["B"] * 6 + ["A"] * 14, name="camera")  # control
    (finding,) = group_imbalance(y, whole, seed=0)
    assert finding.evidence["p"] < 0.01


def test_false_alarms_of_both_checks_are_rare():
    """40 sets of 200 images where nothing is there to be found; 8 % are allowed, 5 % promised."""
    rng = np.random.default_rng(5)
    shortcut, confounded = 0, 0
    for seed in range(40):
        y = labels(200, seed=seed)
        cols = {"camera": rng.choice(list("ABC"), 200), "heat": rng.normal(size=200)}
        cols |= {"serial": np.arange(200), "name": [f"n{i}" for i in range(200)]}
        shortcut += bool(judge(y, cols, {"brightness": rng.random(200)}, seed=seed))
        confounded += bool(group_imbalance(y, pd.Series(cols["camera"], name="camera"), seed))
    assert shortcut <= 3
    assert confounded <= 3


def test_a_column_that_names_the_label_comes_first_with_auc_one():
    y = labels(400)
    rng = np.random.default_rng(1)
    shift = np.where(rng.random(400) < np.where(y == "1", 0.85, 0.35), "night", "day")
    kind = np.where(y == "1", rng.choice(["dent", "stain"], 400), "ok")
    found = judge(y, {"shift": shift, "kind": kind, "camera": rng.choice(list("AB"), 400)})
    assert [(source, column) for source, column, _ in found] == [
        ("table", "kind"),
        ("table", "shift"),
    ]
    assert found[0][2]["value"] == pytest.approx(1)
    assert found[1][2]["value"] == pytest.approx(0.75, abs=0.06)  # (1 + 0.85 - 0.35) / 2


def test_columns_that_tell_the_label_only_together_are_found():
    """Three weak columns: none reaches the limit alone."""
    y = labels(500, share=0.5)
    rng = np.random.default_rng(2)
    weak = {c: np.where(rng.random(500) < np.where(y == "1", 0.58, 0.44), "x", "y") for c in "abc"}
    found = judge(y, weak)
    assert [(source, column) for source, column, _ in found] == [("table", "a, b, c")]


def test_image_statistics_that_tell_the_label_are_found():
    y = labels(400)
    brightness = np.random.default_rng(3).normal(size=400) + 1.5 * (y == "1")
    ((source, column, auc),) = judge(y, None, {"brightness": brightness})
    assert (source, column) == ("image statistics", "brightness")
    assert auc["value"] == pytest.approx(0.856, abs=0.04)  # Phi(1.5 / sqrt 2), less the fifths


def test_a_gap_that_goes_with_the_label_is_a_shortcut():
    y = labels(300)
    values = np.random.default_rng(3).normal(size=300)
    values[(y == "1").to_numpy()] = np.nan
    ((_, column, auc),) = judge(y, {"heat": values})
    assert (column, auc["value"]) == ("heat", pytest.approx(1))
    whole = pd.Series(np.arange(300), dtype="Int64").where(y == "0")
    assert judge(y, {"count": whole})[0][2]["value"] == pytest.approx(1)


def test_what_a_split_keeps_together_is_no_shortcut():
    """Lots are good or bad as a whole; across lots that says nothing."""
    lot = np.repeat(np.arange(40), 10)
    y = pd.Series(np.where(np.random.default_rng(0).random(40) < 0.4, "1", "0")[lot], name="ng")
    columns = {"lot": [f"L{k}" for k in lot]}
    assert judge(y, columns)[0][2]["value"] == pytest.approx(1)  # control: images torn from lots
    assert judge(y, columns, together=lot) == []


def test_more_classes_and_missing_labels_are_handled():
    y = pd.Series(list("abc") * 60 + ["d"] + [None] * 5, name="kind")
    camera = y.map({"a": "A", "b": "B", "c": "B", "d": "B"}).fillna("A")
    ((_, _, auc),) = judge(y, {"camera": camera.tolist()})
    assert auc["n"] == 181
    assert auc["value"] == pytest.approx((1 + 0.75 + 0.75) / 3, abs=0.02)


def test_weights_balance_classes_and_groups():
    rng = np.random.default_rng(0)
    y = (rng.random(900) < 0.2).astype(int)
    shift = (rng.random(900) < np.where(y == 1, 0.7, 0.4)).astype(int)
    camera = (rng.random(900) < np.where(y == 1, 0.5, 0.3)).astype(int)
    w = balanced_weights(y, [shift, camera])
    assert w.mean() == pytest.approx(1)
    assert w[y == 1].sum() == pytest.approx(w[y == 0].sum(), rel=1e-3)
    for group in (shift, camera):
        for value in (0, 1):
            here = group == value
            assert w[here & (y == 1)].sum() == pytest.approx(w[here & (y == 0)].sum(), rel=0.02)
            assert w[here].sum() == pytest.approx(here.sum(), rel=0.02)


def test_weights_are_clipped():
    y = np.array([1] + [0] * 999)
    w = balanced_weights(y, [])
    assert w.max() <= 10.1
