"""Laws of the map's honesty: a true structure passes, what shuffled data shows too is flagged."""

import numpy as np
import pytest

from natkit.data.embedding import Embedding
from natkit.look import honesty as module
from natkit.look.project import project

RNG = np.random.default_rng(0)
PLANTED = np.repeat(np.arange(6), 50)


def rows(vectors, seed=0):
    found = project(Embedding(vectors, np.arange(len(vectors)), {"name": "NAT"}), seed)
    return found, {row["measure"]: row for row in found.honesty}


@pytest.fixture(scope="module")
def islands():
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((24, 24)))[0]
    vectors = 9 * np.eye(24)[PLANTED] + RNG.standard_normal((300, 24))
    return rows(vectors @ turn)


@pytest.fixture(scope="module")
def cloud():
    return rows(np.random.default_rng(1).standard_normal((300, 24)))


def test_planted_islands_are_true_and_nothing_is_flagged(islands):
    found, told = islands
    assert list(told) == ["trustworthiness", "overlap", "stability", "islands"]
    assert not any(row["flagged"] for row in told.values()), told
    assert told["islands"]["value"] == pytest.approx(1, abs=0.02)
    assert told["islands"]["control"] < 0.6
    assert found.trustworthiness == told["trustworthiness"]["value"]


def test_of_a_cloud_the_control_shows_as_much_and_it_is_said(cloud):
    """A Gaussian cloud is its own shuffled copy. (Its map does show islands, as many as ten.)"""
    _, told = cloud
    assert told["trustworthiness"]["flagged"]
    assert told["overlap"]["flagged"]
    assert told["islands"]["flagged"]


def test_shuffling_keeps_each_feature_and_breaks_their_ties():
    x = np.random.default_rng(0).standard_normal((200, 1)) @ np.ones((1, 5))
    emb = Embedding(x + 1e-3 * np.arange(5), np.arange(200), {"name": "NAT"})
    mixed = module.shuffled(emb, seed=0)
    assert np.array_equal(np.sort(mixed.vectors, axis=0), np.sort(emb.vectors, axis=0))
    before, after = (np.corrcoef(e.vectors.T)[0, 1:] for e in (emb, mixed))
    assert before.min() > 0.999
    assert np.abs(after).max() < 0.3


def test_shared_neighbours_have_known_answers():
    near = np.array([[1, 2], [0, 2], [3, 0]])
    assert module._shared(near, near[:, ::-1]) == 1
    assert module._shared(near, near + 10) == 0
    assert module._shared(near, np.array([[1, 9], [9, 2], [8, 9]])) == pytest.approx(2 / 6)


def test_neighbours_on_one_island_have_a_closed_form(monkeypatch):
    """Two islands of 50: whole 1, mixed at random 0, and none at all is no structure."""
    rng = np.random.default_rng(0)
    island = np.repeat([0, 1], 50)
    xy = 40 * island[:, None] + rng.standard_normal((100, 2))
    own = np.array([rng.choice(np.flatnonzero(island == i), 5) for i in island])
    assert module._kept_together(own, xy) == 1
    mixed = rng.integers(100, size=(100, 200))
    assert module._kept_together(mixed, xy) == pytest.approx(0, abs=0.03)
    monkeypatch.setattr(module, "dense", lambda xy: np.full(len(xy), -1))
    assert module._kept_together(own, xy) == 0


def test_a_map_that_is_the_data_keeps_every_neighbour():
    xy = np.random.default_rng(0).standard_normal((80, 2))
    near = module._neighbors(xy, 10)
    told = module.honesty(xy, near, [xy, xy], xy, near, np.random.default_rng(1).permutation(xy), 0)
    kept = {row["measure"]: row for row in told}
    assert kept["trustworthiness"]["value"] == kept["overlap"]["value"] == 1
    assert kept["stability"] == {
        "measure": "stability", "value": 1.0, "control": pytest.approx(10 / 79), "flagged": False,
    }  # fmt: skip
    assert kept["overlap"]["control"] == pytest.approx(10 / 79, abs=0.06)


def test_duplicate_images_do_no_harm():
    vectors = np.repeat(np.random.default_rng(0).standard_normal((12, 8)), 8, axis=0)
    found, told = rows(vectors)
    assert np.isfinite(found.xy).all()
    assert all(np.isfinite(row["value"]) for row in told.values())
