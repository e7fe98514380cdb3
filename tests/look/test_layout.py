"""Laws of the drawing: the two engines agree on islands, new images land beside their likes."""

import builtins

import numpy as np
import pytest

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.look import layout
from natkit.look.project import project

PLANTED = np.repeat(np.arange(4), 40)


def cloud(seed):
    rng = np.random.default_rng(seed)
    vectors = 10 * np.eye(16)[PLANTED] + rng.standard_normal((160, 16))
    return Embedding(vectors, 1000 * seed + np.arange(160), {"name": "NAT"})


@pytest.fixture(scope="module")
def drawn():
    return project(cloud(1))


def nearest_island(xy, points):
    apart = np.linalg.norm(points[:, None] - xy, axis=2)
    return PLANTED[apart.argmin(axis=1)]


def test_new_images_land_on_the_island_of_their_kind(drawn):
    before = drawn.xy.copy()
    placed = drawn.place(cloud(2))
    assert placed.dtype == np.float32
    assert placed.shape == (160, 2)
    assert (nearest_island(drawn.xy, placed) == PLANTED).all()
    assert np.array_equal(drawn.xy, before)


def test_an_old_image_lands_where_it_was(drawn):
    """The same vectors, in another order and number, so that nothing is looked up."""
    some = np.random.default_rng(0).permutation(160)[:50]
    old = cloud(1)
    placed = drawn.place(Embedding(old.vectors[some], old.ids[some]))
    away = np.linalg.norm(placed - drawn.xy[some], axis=1)
    assert np.median(away) < 0.05 * np.ptp(drawn.xy, axis=0).max()


def test_images_of_another_network_are_refused(drawn):
    other = Embedding(np.random.default_rng(0).standard_normal((9, 5)), np.arange(9), {"name": "x"})
    with pytest.raises(InputError, match="can't be compared with images of 16 numbers each"):
        drawn.place(other)


def test_torchdr_draws_the_same_islands():
    found = project(cloud(1), engine="torchdr")
    apart = np.linalg.norm(found.xy[:, None] - found.xy, axis=2) + 1e9 * np.eye(160)
    assert (PLANTED[apart.argmin(axis=1)] == PLANTED).all()
    assert found.params["engine"] == "torchdr"
    with pytest.raises(InputError, match="can't take new images"):
        found.place(cloud(2))


def test_engines_that_are_not_there_are_named(monkeypatch):
    with pytest.raises(InputError, match="'umap' or 'torchdr', got 'tsne'"):
        project(cloud(1), engine="tsne")
    real = builtins.__import__

    def without(name, *rest):
        if name == "torchdr":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"needs the extra gpu: pip install natkit\[gpu\]"):
        layout.by_torchdr(np.zeros((9, 3)), (), 3, 0)
