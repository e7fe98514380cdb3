"""Laws of the probes: scikit-learn by hand, what must not matter, and what must be refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.evidence import probe as module
from natkit.evidence.probe import class_names, score


def sample(n=240, d=8, k=2, seed=0, signal=1.2, noise=(0.5, 1.0)):
    """An embedding and controls that see one thing through different noise, and its table."""
    rng = np.random.default_rng(seed)
    split = rng.permutation(
        np.repeat(["train", "val", "test"], [n // 2, n // 4, n - n // 2 - n // 4])
    )
    y = rng.integers(0, k, n)
    core = rng.standard_normal((n, d))
    core[:, :k] += signal * np.eye(k)[y]
    ids = rng.permutation(n) + 5
    embeddings = [
        Embedding(
            core + level * rng.standard_normal((n, d)), ids, {"name": f"e{i}", "layer": "backbone"}
        )
        for i, level in enumerate(noise)
    ]
    return embeddings[0], embeddings[1:], pd.DataFrame({"id": ids, "split": split, "defect": y})


def by_hand(emb, table, probe, k):
    """The same probe in the fewest lines of scikit-learn and NumPy, with another solver."""
    x, y = emb.vectors.astype(float), table["defect"].to_numpy()
    train, val, test = (table["split"].to_numpy() == part for part in ("train", "val", "test"))
    x = StandardScaler().fit(x[train]).transform(x)
    if x.shape[1] > 512:
        kept = min(256, train.sum())
        pca = PCA(kept, svd_solver="randomized", random_state=0).fit(x[train])
        x = pca.transform(x)

    def area(rows, chances):
        return roc_auc_score(y[rows], chances[:, 1] if k == 2 else chances, multi_class="ovr")

    def linear(c):
        model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10).fit(x[train], y[train])
        return model.predict_proba

    def knn(near):
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)

        def chances(query):
            query = query / np.linalg.norm(query, axis=1, keepdims=True)
            distance = 1 - query @ unit[train].T
            nearest = np.argsort(distance, axis=1)[:, :near]
            votes = 1 / np.take_along_axis(distance, nearest, axis=1)
            share = np.stack([(votes * (y[train][nearest] == c)).sum(axis=1) for c in range(k)], 1)
            return share / votes.sum(axis=1, keepdims=True)

        return chances

    models = {
        "linear": [linear(c) for c in (0.001, 0.01, 0.1, 1.0, 10.0)],
        "knn": [knn(near) for near in (5, 15, 30)],
    }[probe]
    best = max(models, key=lambda chances: area(val, chances(x[val])))
    chances = best(x[test])
    named = (chances / np.bincount(y[train])).argmax(axis=1)
    return area(val, best(x[val])), area(test, chances), balanced_accuracy_score(y[test], named)


@pytest.mark.parametrize(("k", "d"), [(2, 8), (4, 8), (2, 600)])
def test_scores_agree_with_scikit_learn_by_hand(k, d):
    emb, controls, table = sample(n=320, k=k, d=d, signal=2.0)
    section = score(emb, controls, table, "defect").section()
    assert len(section["scores"]) == 4
    for row in section["scores"]:
        made = emb if row["role"] == "ours" else controls[0]
        val, area, hits = by_hand(made, table, row["probe"], k)
        assert row["val_auroc"] == pytest.approx(val, abs=1e-6)
        assert row["auroc"]["value"] == pytest.approx(area, abs=1e-6)
        assert row["balanced_accuracy"]["value"] == pytest.approx(hits, abs=1e-6)
        assert row["auroc"]["low"] < area < row["auroc"]["high"]
        assert row["auroc"]["n"] == section["n_test"] == 80


def test_differences_are_paired():
    """Two embeddings that rank alike differ by nothing, in the interval too."""
    emb, _, table = sample()
    twin = Embedding(emb.vectors * 2 + 1, emb.ids, {"name": "twin"})
    for row in score(emb, [twin], table, "defect").facts["differences"]:
        assert row["auroc"]["high"] - row["auroc"]["low"] < 1e-3
        assert abs(row["auroc"]["value"]) < 1e-3


def test_repeats_to_the_bit_and_the_seed_moves_the_interval_alone():
    parts = sample()
    first, second, other = (score(*parts, "defect", seed=s).section() for s in (0, 0, 1))
    assert first == second
    moved = [
        (a["auroc"]["low"] != b["auroc"]["low"], a["auroc"]["value"] == b["auroc"]["value"])
        for a, b in zip(first["scores"], other["scores"], strict=True)
    ]
    assert moved == [(True, True)] * 4


def test_order_of_rows_does_not_matter():
    emb, controls, table = sample()
    mixed = np.random.default_rng(1).permutation(len(emb))
    turned = [Embedding(c.vectors[mixed], c.ids[mixed], c.meta) for c in controls]
    expected = score(emb, controls, table, "defect").facts
    assert score(emb, turned, table.iloc[mixed], "defect").facts == expected


def test_rows_without_label_are_not_used():
    emb, controls, table = sample()
    labels = table["defect"].astype(float).where(np.arange(len(table)) % 5 > 0)
    has = labels.notna().to_numpy()
    cut = [Embedding(e.vectors[has], e.ids[has], e.meta) for e in (emb, *controls)]
    expected = score(cut[0], cut[1:], table[has], "defect").facts
    assert score(emb, controls, table.assign(defect=labels), "defect").facts == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.astype(float),
        lambda y: y.astype(bool),
        lambda y: y.map({0: "good", 1: "scratch"}),
        lambda y: y.map({0: " 良品", 1: "不良 "}).astype(object),
        lambda y: y.map({0: False, 1: True}).astype(object).where(y.index > 0),
    ],
)
def test_kind_of_label_does_not_matter(change):
    emb, controls, table = sample()
    table.loc[0, "split"] = "train"
    given = table.assign(defect=change(table["defect"]))
    plain = table["defect"].where(given["defect"].notna())
    expected = score(emb, controls, table.assign(defect=plain), "defect").facts
    assert score(emb, controls, given, "defect").facts["scores"] == expected["scores"]


def test_one_class_has_one_name():
    mixed = pd.Series([1, 1.0, "1", "1 ", np.float64(1), np.int64(1)], dtype=object)
    assert set(class_names(mixed)) == {"1"}
    assert class_names(pd.Series([None, np.nan, "", "  ", pd.NA], dtype=object)).isna().all()
    assert list(class_names(pd.Series([0.5, True], dtype=object))) == ["0.5", "True"]


def test_test_images_choose_nothing():
    """Garbage in the test images must leave the chosen settings and val scores as they are."""
    emb, controls, table = sample()
    test = table["split"].to_numpy() == "test"
    garbage = np.where(test[:, None], np.random.default_rng(9).normal(0, 9, emb.vectors.shape), 0)
    broken = Embedding(emb.vectors + garbage, emb.ids, emb.meta)
    clean = score(emb, controls, table, "defect").facts["scores"][:2]
    dirty = score(broken, controls, table, "defect").facts["scores"][:2]
    for a, b in zip(clean, dirty, strict=True):
        assert (a["setting"], a["val_auroc"]) == (b["setting"], b["val_auroc"])
        assert a["auroc"] != b["auroc"]


def test_val_images_are_not_learnt_from(monkeypatch):
    """With nothing to choose, garbage in the val images must leave the test scores as they are."""
    monkeypatch.setattr(module, "SETTINGS", {"linear": [{"C": 0.1}], "knn": [{"k": 5}]})
    emb, controls, table = sample()
    val = table["split"].to_numpy() == "val"
    garbage = np.where(val[:, None], np.random.default_rng(9).normal(0, 9, emb.vectors.shape), 0)
    broken = Embedding(emb.vectors + garbage, emb.ids, emb.meta)
    clean = score(emb, controls, table, "defect").facts["scores"][:2]
    dirty = score(broken, controls, table, "defect").facts["scores"][:2]
    for a, b in zip(clean, dirty, strict=True):
        assert a["auroc"] == b["auroc"]
        assert a["val_auroc"] != b["val_auroc"]


def test_too_few_images_of_a_class_decide_nothing():
    emb, controls, table = sample()
    test = np.flatnonzero((table["split"] == "test") & (table["defect"] == 1))
    nine = table.drop(index=test[9:])
    kept = np.isin(emb.ids, nine["id"])
    cut = [Embedding(e.vectors[kept], e.ids[kept], e.meta) for e in (emb, *controls)]
    proof = score(cut[0], cut[1:], nine, "defect")
    assert proof.section()["reason"] == "too_few"
    assert proof.section()["counts"][1]["test"] == 9
    assert proof.verdict["decision"] == "too_few"
    assert repr(proof) == "Evidence(too_few)"
    assert proof.table.empty


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_one_class_in_a_split_decides_nothing(part):
    emb, controls, table = sample()
    lost = (table["split"] == part) & (table["defect"] == 1)
    table.loc[lost, "split"] = "train" if part != "train" else "val"
    assert score(emb, controls, table, "defect").verdict["decision"] == "too_few"


def test_a_rare_third_class_is_left_out_and_named():
    emb, controls, table = sample()
    labels = table["defect"].map({0: "good", 1: "scratch"})
    labels[table.index[table["split"] == "train"][:4]] = "crack"
    section = score(emb, controls, table.assign(defect=labels), "defect").section()
    assert section["left_out"] == ["crack"]
    assert section["classes"] == ["good", "scratch"]
    assert section["n_train"] == 120 - 4


def test_a_constant_column_does_no_harm():
    emb, controls, table = sample()
    wide = Embedding(np.c_[emb.vectors, np.full(len(emb), 7.0)], emb.ids, emb.meta)
    clean, same = (score(e, controls, table, "defect").facts["scores"] for e in (emb, wide))
    assert same[0]["auroc"]["value"] == pytest.approx(clean[0]["auroc"]["value"], abs=1e-3)


def refused(change, match):
    emb, controls, table = sample()
    given = {"emb": emb, "controls": controls, "table": table, "label": "defect"}
    with pytest.raises(InputError, match=match):
        score(**{**given, **change(emb, controls, table)})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda e, c, t: {"controls": []}, "at least one control"),
        (lambda e, c, t: {"controls": c[0]}, "needs a list"),
        (lambda e, c, t: {"controls": [e]}, "a name of its own"),
        (lambda e, c, t: {"label": "scratch"}, "no column 'scratch'; it has id, split, defect"),
        (lambda e, c, t: {"table": t.drop(columns="split")}, "no column 'split'"),
        (lambda e, c, t: {"table": t.drop(columns="id")}, "no column 'id'"),
        (lambda e, c, t: {"table": t.iloc[3:]}, "3 are missing"),
        (lambda e, c, t: {"table": t.assign(split="holdout")}, "split holds"),
        (lambda e, c, t: {"table": t.assign(defect=1)}, "has 1 values"),
        (lambda e, c, t: {"table": t.assign(defect=np.nan)}, "has 0 values"),
        (lambda e, c, t: {"table": t.assign(defect=np.linspace(0, 1, len(t)))}, "a measurement"),
        (
            lambda e, c, t: {"controls": [Embedding(c[0].vectors[1:], c[0].ids[1:], c[0].meta)]},
            "the same ids",
        ),
        (
            lambda e, c, t: {"emb": Embedding(np.ones((len(e), 4)), e.ids, {"name": "NAT"})},
            "'NAT' gives every train image the same vector",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(change, match):
    refused(change, match)


def share_ahead(noise, runs):
    decisions = [
        score(*sample(n=200, seed=seed, noise=noise), "defect", seed=seed).verdict["decision"]
        for seed in range(runs)
    ]
    return np.mean([decision == "ahead" for decision in decisions])


def test_no_win_is_claimed_where_there_is_none():
    """Same signal, same amount of noise: "ahead" in at most 5 of 100."""
    assert share_ahead(noise=(1.0, 1.0), runs=40) <= 0.05


def test_a_real_win_is_seen():
    """Control: the law above is not kept by never saying "ahead"."""
    assert share_ahead(noise=(0.0, 4.0), runs=10) >= 0.8


def test_weights_of_train_reach_the_linear_probe_and_nothing_else():
    emb, controls, table = sample()
    table["weight"] = np.random.default_rng(1).choice([0.1, 1.0, 5.0], len(table))
    plain = score(emb, controls, table, "defect").section()
    ones = score(emb, controls, table.assign(weight=1.0), "defect", sample_weight="weight")
    assert ones.section() == plain
    weighed = score(emb, controls, table, "defect", sample_weight="weight").section()
    for row, before in zip(weighed["scores"], plain["scores"], strict=True):
        assert (row == before) == (row["probe"] == "knn")
    x, y = emb.vectors.astype(float), table["defect"].to_numpy()
    train, val, test = (table["split"].to_numpy() == part for part in ("train", "val", "test"))
    x = StandardScaler().fit(x[train]).transform(x)
    found = []
    for setting in module.SETTINGS["linear"]:
        model = LogisticRegression(C=setting["C"], solver="newton-cholesky", tol=1e-10)
        model.fit(x[train], y[train], sample_weight=table["weight"][train])
        areas = [roc_auc_score(y[p], model.predict_proba(x[p])[:, 1]) for p in (val, test)]
        found.append(areas)
    best = max(found, key=lambda areas: areas[0])
    assert weighed["scores"][0]["auroc"]["value"] == pytest.approx(best[1], abs=2e-3)
    with pytest.raises(InputError, match="no column 'trust'"):
        score(emb, controls, table, "defect", sample_weight="trust")
