"""Laws of the map: islands stay islands, repeats to the bit, says how far to trust it."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.data.embedding import Embedding
from natkit.evidence.summary import check
from natkit.look import honesty, layout
from natkit.look import project as module
from natkit.look.association import text
from natkit.look.clusters import clusters
from natkit.look.layout import EPOCHS
from natkit.look.project import project
from natkit.look.space import directions


@pytest.fixture(scope="module")
def emb():
    rng = np.random.default_rng(0)
    island = np.repeat(np.arange(3), (60, 40, 50))
    vectors = 10 * np.eye(16)[island] + rng.standard_normal((150, 16))
    return Embedding(vectors, 1000 - np.arange(150), {"name": "NAT"})


@pytest.fixture(scope="module")
def drawn(emb):
    return project(emb, seed=1)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    island = np.repeat(np.arange(3), (60, 40, 50))
    columns = {
        "id": 1000 - np.arange(150),
        "defect": np.where(np.arange(150) % 10 == 0, np.nan, island == 1),
        "camera": rng.choice(["A", "B"], 150),
    }
    return pd.DataFrame(columns).iloc[rng.permutation(150)]


def test_islands_stay_islands(drawn):
    """Each image's nearest image on the map is of its own island."""
    island = np.repeat(np.arange(3), (60, 40, 50))
    apart = np.linalg.norm(drawn.xy[:, None] - drawn.xy, axis=2) + 1e9 * np.eye(150)
    assert (island[apart.argmin(axis=1)] == island).all()
    assert drawn.xy.dtype == np.float32
    assert drawn.xy.shape == (150, 2)


def test_repeats_to_the_bit_and_follows_the_seed(emb, drawn):
    again = project(emb, seed=1)
    assert np.array_equal(again.xy, drawn.xy)
    assert again.trustworthiness == drawn.trustworthiness
    assert not np.array_equal(project(emb, seed=2).xy, drawn.xy)


def test_trust_is_high_for_a_true_map_and_half_for_a_shuffled_one(drawn, emb):
    unit = directions(emb)
    shuffled = np.random.default_rng(0).permutation(drawn.xy)
    assert drawn.trustworthiness > 0.75
    assert honesty._trust(unit, unit, seed=0) == 1
    assert honesty._trust(unit, shuffled, seed=0) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("n", "d"), [(5, 1), (5, 64), (15, 3)])
def test_few_points_are_enough(n, d):
    small = project(Embedding(np.random.default_rng(0).standard_normal((n, d)), np.arange(n)))
    assert np.isfinite(small.xy).all()
    assert small.params["n_neighbors"] == n - 1


def test_too_few_points_are_refused(emb):
    with pytest.raises(InputError, match="at least 5 images"):
        project(Embedding(emb.vectors[:4], emb.ids[:4]))


def test_the_section_fits_the_summary(emb, drawn, table):
    found = clusters(emb)
    section = drawn.section(found, table, "defect", ["camera"])
    absent = {"reason": "not_run"}
    names = ("data", "training", "evidence", "verdict", "provenance")
    check(
        {
            "format": "natkit-summary",
            "version": 1,
            "map": section,
            "cost": {"reason": "no_prices"},
            **dict.fromkeys(names, absent),
        }
    )
    assert section["n"] == len(section["points"]) == 150
    assert section["ids"] == emb.ids.tolist()
    assert [about["n"] for about in section["clusters"]] == np.bincount(
        found.labels[found.labels >= 0]
    ).tolist()
    assert sum(about["n"] for about in section["clusters"]) + section["noise"] == 150
    assert [row["column"] for row in section["explained_by"]] == ["defect", "camera"]
    named = dict(zip(section["ids"], section["colour"]["values"], strict=True))
    truth = table.set_index("id")["defect"]
    assert all(named[i] == {0: "0", 1: "1"}.get(truth[i], "") for i in named)
    about = section["clusters"][0]
    members = truth[emb.ids[found.labels == 0]]
    assert about["labels"] == {str(int(v)): int(n) for v, n in members.value_counts().items()}


def test_without_a_label_nothing_is_coloured(emb, drawn, table):
    section = drawn.section(clusters(emb), table)
    assert section["colour"] == {"column": None, "values": []}
    assert section["explained_by"] == []
    assert section["clusters"][0]["labels"] is None


def test_a_large_map_is_drawn_by_a_sample(emb, drawn, table, monkeypatch):
    monkeypatch.setattr(module, "DRAWN", 100)
    section = drawn.section(clusters(emb), table, "defect")
    assert len(section["points"]) == len(section["ids"]) == len(section["colour"]["values"])
    assert section["n"] == 150
    where = {int(i): xy for i, xy in zip(drawn.ids, drawn.xy, strict=True)}
    assert all(
        np.allclose(where[i], point[:2], atol=1e-3)
        for i, point in zip(section["ids"], section["points"], strict=True)
    )


def test_a_sample_has_of_every_cluster_its_share_and_a_few_of_the_smallest():
    counts = {0: 5000, 1: 2000, 2: 990, 3: 7, 4: 2, -1: 1}
    labels = np.random.default_rng(0).permutation(np.repeat(list(counts), list(counts.values())))
    shown = module._by_cluster(labels, 5000, seed=0)
    assert len(shown) == len(set(shown)) <= 5000
    kept = {c: int((labels[shown] == c).sum()) for c in counts}
    assert (kept[3], kept[4], kept[-1]) == (5, 2, 1)
    for c in range(3):
        assert abs(kept[c] / 5000 - counts[c] / 8000) < 0.002


def test_clusters_of_other_images_are_refused(emb, drawn, table):
    other = clusters(Embedding(emb.vectors, emb.ids + 1))
    with pytest.raises(InputError, match="of other images"):
        drawn.section(other, table)


def test_values_have_one_name_in_the_map_and_in_the_scores():
    values = [1, 1.0, 0.5, "scratch ", True, np.float64(2), None, float("nan")]
    assert [text(v) for v in values] == class_names(pd.Series(values, dtype=object)).fillna(
        ""
    ).tolist()


def test_the_import_of_umap_says_nothing(monkeypatch):
    """Control: without our filter the same import warns that TensorFlow is absent."""
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    layout._import_umap()  # warnings are errors here
    monkeypatch.delitem(sys.modules, "umap")
    with pytest.warns(ImportWarning, match="Tensorflow not installed"):
        import umap  # noqa: F401


def test_the_map_tells_its_progress(tmp_path, monkeypatch):
    """Every epoch of the layout counts, and umap's own bar is back afterwards."""
    import umap.layouts

    own = umap.layouts.tqdm
    monkeypatch.setenv("NATKIT_PROGRESS", str(tmp_path / "log"))
    vectors = np.random.default_rng(0).normal(size=(40, 8))
    project(Embedding(vectors, np.arange(40)))
    last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    assert last == {"what": "draw the map", "done": EPOCHS, "total": EPOCHS, "note": {}}
    assert umap.layouts.tqdm is own
