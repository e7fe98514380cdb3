"""Laws of leaks: planted twins are found, neighbours by chance are not."""

import numpy as np
import pytest

from natkit.evidence.leaks import crossing, twins


@pytest.mark.parametrize("d", [2, 5, 16, 128])
@pytest.mark.parametrize(("kind", "most"), [("even", 0.005), ("clusters", 0.005), ("uneven", 0.02)])
def test_neighbours_by_chance_are_no_twins(d, kind, most):
    """Points not spread evenly, as the promise of one in a thousand asks, give up to one in fifty."""
    rng = np.random.default_rng(d)
    x = rng.standard_normal((1600, d))
    if kind == "clusters":
        x += 6 * rng.standard_normal((20, d))[rng.integers(0, 20, len(x))]
    if kind == "uneven":
        x *= np.exp(rng.standard_normal((len(x), 1)) / 2)
    assert twins(x[:1200], x[1200:]).mean() <= most


@pytest.mark.parametrize(("d", "copies"), [(16, 1), (128, 1), (16, 8)])
def test_planted_twins_are_found(d, copies):
    """Also of images that stand in train up to eight times."""
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((1200, d)), rng.standard_normal((400, d))
    train[: 50 * copies] = np.repeat(test[:50], copies, axis=0)
    train[: 50 * copies] += 0.05 * rng.standard_normal((50 * copies, d))
    found = twins(train, test)
    assert found[:50].mean() >= 0.95
    assert found[50:].mean() <= 0.01


def test_with_few_images_nothing_is_called_a_twin():
    assert not twins(np.zeros((59, 3)), np.zeros((4, 3))).any()


def test_units_in_two_splits_are_counted():
    units = np.array(["a", "a", "b", "b", "c", "", ""])
    split = np.array(["train", "test", "test", "test", "val", "train", "test"])
    assert crossing(units, split) == 1
