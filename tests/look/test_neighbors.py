"""Laws of likeness: planted twins, angles known beforehand, what must not matter."""

import numpy as np
import pytest

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.look.neighbors import directions, principal, similar


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
