"""Laws of the probes: scikit-learn by hand, what must not matter, and what must be refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)
from sklearn.preprocessing import StandardScaler

from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.data.embedding import Embedding
from natkit.evidence import kinds
from natkit.evidence.scoring import score


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
    assert len(section["scores"]) == 5
    for row in section["scores"][:4]:
        made = emb if row["role"] == "ours" else controls[0]
        val, area, hits = by_hand(made, table, row["probe"], k)
        assert row["val_score"] == pytest.approx(val, abs=1e-6)
        assert row["score"]["value"] == pytest.approx(area, abs=1e-6)
        assert row["also"]["balanced_accuracy"]["value"] == pytest.approx(hits, abs=1e-6)
        assert row["score"]["low"] < area < row["score"]["high"]
        assert row["score"]["n"] == section["n_test"] == 80


def test_differences_are_paired():
    """Two embeddings that rank alike differ by nothing, in the interval too."""
    emb, _, table = sample()
    twin = Embedding(emb.vectors * 2 + 1, emb.ids, {"name": "twin"})
    for row in score(emb, [twin], table, "defect").facts["differences"]:
        assert row["score"]["high"] - row["score"]["low"] < 1e-3
        assert abs(row["score"]["value"]) < 1e-3


def test_repeats_to_the_bit_and_the_seed_moves_the_interval_alone():
    parts = sample()
    first, second, other = (score(*parts, "defect", seed=s).section() for s in (0, 0, 1))
    assert first == second
    moved = [
        (a["score"]["low"] != b["score"]["low"], a["score"]["value"] == b["score"]["value"])
        for a, b in zip(first["scores"], other["scores"], strict=True)
    ]
    assert moved == [(True, True)] * 4 + [(False, True)]  # the majority is no estimate


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
        assert (a["setting"], a["val_score"]) == (b["setting"], b["val_score"])
        assert a["score"] != b["score"]


def test_val_images_are_not_learnt_from(monkeypatch):
    """With nothing to choose, garbage in the val images must leave the test scores as they are."""
    settings = {"linear": [{"C": 0.1}], "knn": [{"k": 5}]}
    monkeypatch.setattr(kinds.Classes, "settings", settings)
    emb, controls, table = sample()
    val = table["split"].to_numpy() == "val"
    garbage = np.where(val[:, None], np.random.default_rng(9).normal(0, 9, emb.vectors.shape), 0)
    broken = Embedding(emb.vectors + garbage, emb.ids, emb.meta)
    clean = score(emb, controls, table, "defect").facts["scores"][:2]
    dirty = score(broken, controls, table, "defect").facts["scores"][:2]
    for a, b in zip(clean, dirty, strict=True):
        assert a["score"] == b["score"]
        assert a["val_score"] != b["val_score"]


def test_too_few_images_of_a_class_decide_nothing():
    emb, controls, table = sample()
    test = np.flatnonzero((table["split"] == "test") & (table["defect"] == 1))
    nine = table.drop(index=test[9:])
    kept = np.isin(emb.ids, nine["id"])
    cut = [Embedding(e.vectors[kept], e.ids[kept], e.meta) for e in (emb, *controls)]
    proof = score(cut[0], cut[1:], nine, "defect")
    assert proof.section()["reason"] == "too_few"
    assert proof.section()["counts"][1]["test"] == 9
    assert proof.verdict["ground"] == "too_few"
    assert repr(proof) == "Evidence(not_enough: too_few)"
    assert proof.table.empty


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_one_class_in_a_split_decides_nothing(part):
    emb, controls, table = sample()
    lost = (table["split"] == part) & (table["defect"] == 1)
    table.loc[lost, "split"] = "train" if part != "train" else "val"
    assert score(emb, controls, table, "defect").verdict["ground"] == "too_few"


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
    assert same[0]["score"]["value"] == pytest.approx(clean[0]["score"]["value"], abs=1e-3)


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
        (lambda e, c, t: {"target": 80}, r"target is a score in \(0, 1\], got 80"),
        (lambda e, c, t: {"groups": ["camera"]}, "no column 'camera'"),
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
        score(*sample(n=200, seed=seed, noise=noise), "defect", seed=seed).verdict["comparison"]
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
        assert (row == before) == (row["probe"] != "linear")
    x, y = emb.vectors.astype(float), table["defect"].to_numpy()
    train, val, test = (table["split"].to_numpy() == part for part in ("train", "val", "test"))
    x = StandardScaler().fit(x[train]).transform(x)
    found = []
    for setting in kinds.LOGISTIC:
        model = LogisticRegression(C=setting["C"], solver="newton-cholesky", tol=1e-10)
        model.fit(x[train], y[train], sample_weight=table["weight"][train])
        chances = model.predict_proba(x[test])
        called = (chances / np.bincount(y[train], table["weight"][train])).argmax(axis=1)
        areas = [roc_auc_score(y[p], model.predict_proba(x[p])[:, 1]) for p in (val, test)]
        found.append([*areas, balanced_accuracy_score(y[test], called)])
    best = max(found, key=lambda areas: areas[0])
    row = weighed["scores"][0]
    assert row["score"]["value"] == pytest.approx(best[1], abs=2e-3)
    assert row["also"]["balanced_accuracy"]["value"] == pytest.approx(best[2], abs=1e-6)
    with pytest.raises(InputError, match="no column 'trust'"):
        score(emb, controls, table, "defect", sample_weight="trust")


def more(n=600, seed=0):
    """A larger sample, ours far better, with columns to look at it by."""
    emb, controls, table = sample(n=n, seed=seed, noise=(0.1, 3.0))
    rng = np.random.default_rng(seed + 1)
    table["camera"] = rng.choice(["A", "B", "C"], n)
    return emb, controls, table


def test_several_trainings_are_averaged_and_widen_the_interval():
    emb, controls, table = more()
    rng = np.random.default_rng(5)
    runs = [
        Embedding(emb.vectors + s * rng.standard_normal(emb.vectors.shape), emb.ids, emb.meta)
        for s in (0.2, 0.9, 1.6)
    ]
    each = [score(run, controls, table, "defect").facts["scores"][0]["score"] for run in runs]
    proof = score(runs, controls, table, "defect")
    row = proof.facts["scores"][0]
    assert row["trainings"] == pytest.approx([one["value"] for one in each])
    assert row["score"]["value"] == pytest.approx(np.mean(row["trainings"]))
    spread = np.std(row["trainings"], ddof=1) / np.sqrt(3)
    assert row["score"]["high"] - row["score"]["low"] > 2 * 2.5 * spread  # t with 2 degrees: 4.3
    codes = [reason["code"] for reason in proof.verdict["reasons"]]
    assert "trainings" in codes
    assert "one_training" not in codes


def test_lots_are_resampled_whole():
    """Ten images that always go together are worth one: the interval is √10 as wide."""
    emb, controls, table = more(n=200)
    rng = np.random.default_rng(0)
    big = pd.concat([table.assign(id=table["id"] + 1000 * i, lot=table["id"]) for i in range(10)])
    grown = [
        Embedding(
            np.tile(e.vectors, (10, 1)),
            np.concatenate([e.ids + 1000 * i for i in range(10)]),
            e.meta,
        )
        for e in (emb, *controls)
    ]
    plain, lots = (score(grown[0], grown[1:], big, "defect", groups=g).facts for g in ([], ["lot"]))
    wide, narrow = (
        f["scores"][2]["score"]["high"] - f["scores"][2]["score"]["low"] for f in (lots, plain)
    )
    assert 2.5 < wide / narrow < 4.0
    assert lots["units"] == {"column": "lot", "n": 50, "crossing": 0}
    assert plain["units"] is None
    torn = score(
        grown[0],
        grown[1:],
        big.assign(split=rng.permutation(big["split"])),
        "defect",
        groups=["lot"],
    )
    assert torn.facts["units"]["crossing"] > 10
    assert torn.verdict["ground"] == "leak"


def test_groups_are_scored_worst_first_by_hand():
    emb, controls, table = more()
    rng = np.random.default_rng(3)
    bad = (table["camera"] == "B").to_numpy()
    vectors = np.where(bad[:, None], rng.standard_normal(emb.vectors.shape) * 2, emb.vectors)
    ours = Embedding(vectors, emb.ids, emb.meta)
    table.loc[table.index[:3], "camera"] = "D"
    proof = score(ours, controls, table, "defect", groups=["camera"])
    rows = proof.facts["groups"]
    assert list(proof.rows("groups")["value"]) == [row["value"] for row in rows]
    assert proof.rows("held_out").empty
    assert [row["value"] for row in rows][0] == "B"
    assert rows[-1] == {"column": "camera", "value": "D", "n": rows[-1]["n"], "score": None}
    told = proof.positive()
    part = table.set_index("id").loc[told["test"]["ids"], "camera"].to_numpy() == "B"
    expected = roc_auc_score(told["test"]["positive"][part], told["test"]["score"][part])
    assert rows[0]["score"]["value"] == pytest.approx(expected, abs=1e-9)


def test_a_shortcut_alone_gives_no_lead_within_the_camera():
    rng = np.random.default_rng(0)
    n = 900
    split = np.repeat(["train", "val", "test"], [450, 150, 300])
    camera = rng.random(n) < 0.5
    label = rng.random(n) < np.where(camera, 0.8, 0.2)
    ours, other = (rng.standard_normal((n, 6)) for _ in range(2))
    ours[:, 0] += 5 * camera
    ids = np.arange(n)
    table = pd.DataFrame(
        {"id": ids, "split": split, "ng": label, "camera": np.where(camera, "B", "A")}
    )
    made = [Embedding(v, ids, {"name": name}) for name, v in (("NAT", ours), ("pixels", other))]
    blind = score(made[0], made[1:], table, "ng", target=0.6)
    assert blind.verdict["decision"] == "go"  # without the column nobody can know
    seen = score(made[0], made[1:], table, "ng", target=0.6, groups=["camera"])
    assert (seen.verdict["decision"], seen.verdict["ground"]) == ("not_enough", "shortcut")
    whole = score(made[0], made[1:], table.assign(ng=camera), "ng", target=0.6, groups=["camera"])
    assert whole.verdict["ground"] == "shortcut"
    assert {"code": "confounded", "column": "camera"} in whole.verdict["reasons"]


def leaking(seed):
    """Half of the test images repeat a train image as ours sees it, and its label; labels mean nothing."""
    rng = np.random.default_rng(seed)
    n = 900
    split = np.repeat(["train", "val", "test"], [450, 150, 300])
    label = rng.random(n) < 0.5
    ours, other = (rng.standard_normal((n, 150)) for _ in range(2))
    ours[600:750] = ours[:150] + 0.05 * rng.standard_normal((150, 150))
    label[600:750] = label[:150]
    ids = np.arange(n)
    table = pd.DataFrame({"id": ids, "split": split, "ng": label})
    made = [Embedding(v, ids, {"name": name}) for name, v in (("NAT", ours), ("pixels", other))]
    return score(made[0], made[1:], table, "ng", target=0.51)


def test_a_leak_is_found_and_does_not_decide():
    """What is left without the copies is noise, which wins once in forty; the benchmark counts 500."""
    proofs = [leaking(seed) for seed in range(6)]
    for proof in proofs:
        assert proof.facts["twins"]["count"] == pytest.approx(150, abs=3)
    assert sum(proof.verdict["comparison"] == "ahead" for proof in proofs) >= 4
    assert sum(proof.verdict["ground"] == "leak" for proof in proofs) >= 4
    assert sum(proof.verdict["decision"] == "go" for proof in proofs) <= 1


def test_class_scores_are_read_as_they_are_and_decide_nothing():
    emb, controls, table = more()
    table["defect"] = table["defect"].map({0: "good", 1: "scratch"})
    truth = table["defect"].to_numpy() == "scratch"
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((len(emb), 2)) + 3 * np.c_[truth, ~truth]  # columns: scratch, good
    meta = {
        "name": "supervised",
        "layer": "class scores",
        "classes": ["scratch", "good"],
        "chosen_on": "val",
    }
    head = Embedding(logits, emb.ids, meta)
    plain = score(emb, controls, table, "defect")
    proof = score(emb, [*controls, head], table, "defect")
    (row,) = [r for r in proof.facts["scores"] if r["name"] == "supervised"]
    assert (row["role"], row["probe"]) == ("reference", "head")
    test = (table["split"] == "test").to_numpy()
    assert row["score"]["value"] == pytest.approx(roc_auc_score(truth[test], logits[test, 0]))
    assert proof.verdict["comparison"] == plain.verdict["comparison"]
    assert proof.verdict["difference"] == plain.verdict["difference"]
    with pytest.raises(InputError, match="class scores for scratch, bad, but the label has good"):
        score(emb, [*controls, Embedding(logits, emb.ids, {**meta, "classes": ["scratch", "bad"]})],
              table, "defect")  # fmt: skip
    with pytest.raises(InputError, match="at least one control must be read by a probe"):
        score(emb, [head], table, "defect")


def test_a_measurement_is_scored_as_ridge_by_hand():
    emb, controls, table = more()
    rng = np.random.default_rng(0)
    table["width"] = emb.vectors[:, 0] * 2 + rng.standard_normal(len(table)) * 0.3
    proof = score(emb, controls, table, "width")
    assert (proof.facts["kind"], proof.facts["metric"], proof.facts["chance"]) == (
        "measurement",
        "r2",
        0,
    )
    x, y = emb.vectors.astype(float), table["width"].to_numpy()
    train, val, test = (table["split"].to_numpy() == part for part in ("train", "val", "test"))
    x = StandardScaler().fit(x[train]).transform(x)
    fitted = [Ridge(alpha=s["alpha"]).fit(x[train], y[train]) for s in kinds.RIDGE]
    best = max(fitted, key=lambda model: r2_score(y[val], model.predict(x[val])))
    row = proof.facts["scores"][0]
    assert row["score"]["value"] == pytest.approx(
        r2_score(y[test], best.predict(x[test])), abs=1e-6
    )
    error = mean_absolute_error(y[test], best.predict(x[test]))
    assert row["also"]["mean_absolute_error"]["value"] == pytest.approx(error, abs=1e-6)
    assert proof.verdict["comparison"] == "ahead"
    with pytest.raises(InputError, match="Only classes can be missed or caught"):
        proof.positive()


def test_several_labels_are_scored_by_mean_average_precision_by_hand():
    emb, controls, table = more()
    rng = np.random.default_rng(0)
    columns = ["crack", "stain", "never"]
    for i, column in enumerate(columns[:2]):
        table[column] = (emb.vectors[:, i] + 0.3 * rng.standard_normal(len(table)) > 0.8).astype(
            float
        )
    table["never"] = 0.0
    table.loc[table.index[::11], "stain"] = np.nan  # difficult: neither counted as there nor as not
    proof = score(emb, controls, table, columns)
    assert (proof.facts["kind"], proof.facts["metric"]) == ("labels", "map")
    assert (proof.facts["classes"], proof.facts["left_out"]) == (["crack", "stain"], ["never"])
    x = emb.vectors.astype(float)
    train, val, test = (table["split"].to_numpy() == part for part in ("train", "val", "test"))
    x = StandardScaler().fit(x[train]).transform(x)
    reached = {}
    for c in (0.001, 0.01, 0.1, 1.0, 10.0):
        rows = {"val": [], "test": []}
        for column in columns[:2]:
            y, known = table[column].to_numpy(), table[column].notna().to_numpy()
            model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10)
            model.fit(x[train & known], y[train & known])
            for name, part in (("val", val), ("test", test)):
                chances = model.predict_proba(x[part & known])[:, 1]
                rows[name].append(average_precision_score(y[part & known], chances))
        reached[c] = np.mean(rows["val"]), np.mean(rows["test"])
    best = max(reached, key=lambda c: reached[c][0])
    assert proof.facts["scores"][0]["score"]["value"] == pytest.approx(reached[best][1], abs=1e-6)
    with pytest.raises(
        InputError, match="columns of 0 and 1, empty where unknown, but 'crack' holds '2'"
    ):
        score(emb, controls, table.assign(crack=2), columns)


def test_chances_of_one_class_are_those_that_were_scored():
    emb, controls, table = more()
    proof = score(
        emb, controls, table.assign(defect=table["defect"].map({0: "good", 1: "ng"})), "defect"
    )
    told = proof.positive("ng")
    for part in ("val", "test"):
        assert len(told[part]["ids"]) == proof.facts[f"n_{part}"]
    area = roc_auc_score(told["test"]["positive"], told["test"]["score"])
    assert area == pytest.approx(proof.facts["scores"][0]["score"]["value"])
    with pytest.raises(InputError, match="no class 'scratch'; the classes are good, ng"):
        proof.positive("scratch")
    with pytest.raises(InputError, match="no chances of 'other'"):
        proof.positive(name="other")


def test_too_many_classes_are_refused_and_five_labels_are_counted():
    emb, controls, table = more(n=2400)
    table["split"] = "train"
    with pytest.raises(InputError, match="has 240 different values; up to 100"):
        score(emb, controls, table.assign(part=[f"p{i % 240}" for i in range(2400)]), "part")
    emb, controls, table = more()
    five = table["defect"].astype(float).where(np.arange(len(table)) < 5)
    proof = score(emb, controls, table.assign(defect=five), "defect")
    assert proof.facts["labelled"] == 5
    assert proof.facts["need"] == {"train": 5, "val": 1, "test": 10}
    assert proof.verdict["decision"] == "not_enough"
    with pytest.raises(InputError, match="holds infinite numbers"):
        score(emb, controls, table.assign(defect=np.where(table["id"] < 9, np.inf, 1.0)), "defect")


def test_parts_are_added_beside_the_scores():
    emb, controls, table = more()
    proof = score(emb, controls, table, "defect")
    assert proof.add(robustness=[]).facts["robustness"] == []
    assert proof.facts["robustness"] is None
    with pytest.raises(InputError, match="no part 'speed'; there are curve, robustness, held_out"):
        proof.add(speed=1)
