"""Laws of likeness: planted twins, angles known beforehand, what must not matter."""

import numpy as np
import pytest

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.look.neighbors import Index, similar
from natkit.look.space import directions, principal


def cloud(n=40, d=6, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, d))
    return Embedding(vectors, np.arange(n) + 100, {"name": "NAT"})


def test_a_planted_twin_is_nearest_and_the_image_itself_is_not_shown():
    emb = cloud()
    vectors = emb.vectors.copy()
    vectors[17] = vectors[3] + 0.001
    near = similar(Embedding(vectors, emb.ids), 103, k=5)
    assert near["id"].iloc[0] == 117
    assert len(near) == 5
    assert 103 not in set(near["id"])
    assert near["distance"].is_monotonic_increasing


def test_distances_are_those_of_the_angle():
    """Mean 0, so centring changes nothing: same way 0, a right angle 1, opposite 2."""
    emb = Embedding(np.array([[1, 0], [3, 0], [0, 1], [0, -1], [-4, 0]]), np.arange(5))
    near = similar(emb, 0, k=9).set_index("id")["distance"]
    assert near.to_dict() == pytest.approx({1: 0, 2: 1, 3: 1, 4: 2})


def test_a_common_offset_does_not_matter():
    emb = cloud()
    moved = Embedding(emb.vectors + 50, emb.ids)
    assert list(similar(emb, 100)["id"]) == list(similar(moved, 100)["id"])


def test_components_keep_the_distances_of_narrow_vectors():
    """Six numbers into six components is a turn: no distance changes."""
    emb = cloud()
    unit, x = directions(emb), principal(emb, seed=0)
    assert x.dtype == np.float32
    assert np.allclose(np.linalg.norm(unit, axis=1), 1)
    before = np.linalg.norm(unit[:, None] - unit, axis=2)
    assert np.allclose(before, np.linalg.norm(x[:, None] - x, axis=2), atol=1e-5)


def test_at_most_50_components():
    assert principal(cloud(n=80, d=70), seed=0).shape == (80, 50)


@pytest.mark.parametrize(
    ("emb", "match"),
    [
        (cloud(n=4), "at least 5 images"),
        (
            Embedding(np.ones((9, 3)), np.arange(9), {"name": "NAT"}),
            "'NAT' gives every image the same",
        ),
    ],
)
def test_nothing_to_see_is_said(emb, match):
    with pytest.raises(InputError, match=match):
        directions(emb)


def test_an_unknown_id_is_named():
    with pytest.raises(InputError, match="no id 7; it holds 40 from 100 to 139"):
        similar(cloud(), 7)


def test_the_index_finds_what_comparing_every_pair_finds():
    emb = cloud(n=400, d=20)
    unit = directions(emb)
    index = Index(emb)
    for row in (0, 7, 399):
        cosine = unit @ unit[row]
        cosine[row] = -9
        expected = emb.ids[np.argsort(-cosine)[:6]]
        assert index.similar(emb.ids[row], 6)["id"].tolist() == expected.tolist()
    assert index.recall == 1
    assert repr(index) == "Index(400 images, exact)"


def test_a_new_image_finds_the_one_it_is_a_copy_of():
    emb = cloud()
    near = Index(emb).like(emb.vectors[5], k=3)
    assert near["id"].iloc[0] == 105
    assert near["distance"].iloc[0] == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def graph():
    return Index(clumps(3000), exact=False)


def clumps(n, seed=0, first=0):
    rng = np.random.default_rng(seed)
    middle = 3 * np.random.default_rng(9).standard_normal((20, 32))
    return Embedding(
        middle[rng.integers(20, size=n)] + rng.standard_normal((n, 32)), first + np.arange(n)
    )


def test_the_graph_finds_nearly_all_and_its_recall_is_the_true_one(graph):
    emb = clumps(3000)
    exact = Index(emb)
    some = np.random.default_rng(5).choice(3000, 100, replace=False)
    hits = [len(set(graph.similar(i, 10)["id"]) & set(exact.similar(i, 10)["id"])) for i in some]
    assert graph.recall >= 0.95
    assert np.mean(hits) / 10 == pytest.approx(graph.recall, abs=0.03)
    one, other = graph.similar(17, 5), exact.similar(17, 5)
    assert one["distance"].to_numpy() == pytest.approx(other["distance"].to_numpy(), abs=1e-4)


def test_a_recall_can_be_bad(graph, monkeypatch):
    """Control: a search that finds anything is not called good."""
    anything = np.random.default_rng(0).integers(3000, size=(200, 11))
    monkeypatch.setattr(graph, "_search", lambda unit, k: (anything, None))
    monkeypatch.setattr(graph, "recall", graph.recall)
    graph._measure()
    assert graph.recall < 0.05


@pytest.mark.parametrize("exact", [True, False])
def test_a_saved_index_answers_as_before(tmp_path, exact):
    index = Index(clumps(1500), exact=exact)
    index.save(tmp_path / "index.npz")
    again = Index.load(tmp_path / "index.npz")
    assert again.recall == index.recall
    same = [set(again.similar(i, 10)["id"]) & set(index.similar(i, 10)["id"]) for i in range(50)]
    assert np.mean([len(s) for s in same]) >= (10 if exact else 9.5)


@pytest.mark.parametrize("exact", [True, False])
def test_added_images_are_found_and_old_distances_stay(exact):
    index = Index(clumps(1500), exact=exact)
    before = index.similar(3, 1)
    index.add(clumps(300, seed=1, first=5000))
    assert len(index) == 1800
    assert index.recall >= 0.95
    vector = clumps(300, seed=1).vectors[8]
    assert index.like(vector, 1)["id"].item() == 5008
    again = index.similar(3, 1)
    assert again["distance"].item() <= before["distance"].item() + 1e-6


def test_bad_input_of_an_index_is_named(tmp_path):
    index = Index(cloud())
    with pytest.raises(InputError, match="40 of the 40 ids are in the index already, such as 100"):
        index.add(cloud())
    with pytest.raises(InputError, match="vectors of 6 numbers, but these have 4"):
        index.like(np.zeros(4))
    (tmp_path / "no.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="not an index that natkit wrote"):
        Index.load(tmp_path / "no.npz")
