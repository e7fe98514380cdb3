"""Laws of the suggestions: the doubtful ones, one of each kind, never a labelled image."""

import numpy as np
import pandas as pd
import pytest

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.look.suggest import label_next


def line(n=400, seed=0):
    """Two classes that meet in the middle of the first axis, in four groups along the second."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 12)) * 0.3
    vectors[:, 0] = np.linspace(-3, 3, n)
    vectors[:, 1] = rng.integers(4, size=n) * 2.0
    return Embedding(vectors, np.arange(n) + 50, {"name": "NAT"})


def labelled(emb, every=5):
    truth = np.where(emb.vectors[:, 0] > 0, "bad", "good")
    return pd.Series(np.where(np.arange(len(emb)) % every == 0, truth, None), dtype=object)


def test_the_doubtful_images_are_asked_for():
    emb = line()
    found = label_next(emb, labelled(emb), n=8)
    where = np.abs(emb.vectors[found["id"].to_numpy() - 50, 0])
    assert len(found) == 8
    assert np.median(where) < 0.5  # the classes meet at 0; a random choice has 1.5
    assert found["uncertainty"].is_monotonic_decreasing
    assert found["uncertainty"].between(0, 1).all()
    assert set(found["guess"]) <= {"good", "bad"}


def test_they_are_unlike_each_other():
    """Of four groups at the border each has its image."""
    emb = line()
    found = label_next(emb, labelled(emb), n=8)
    assert len(set(np.round(emb.vectors[found["id"].to_numpy() - 50, 1] / 2))) == 4


def test_a_labelled_image_is_never_asked_for():
    emb = line()
    labels = labelled(emb)
    for some in (labels, labels.where(np.arange(400) < 20)):
        found = label_next(emb, some, n=20)
        assert some[found["id"].to_numpy() - 50].isna().all()
        assert found["id"].is_unique


def test_without_labels_each_kind_is_shown_once():
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(5), (60, 50, 40, 30, 20))
    emb = Embedding(9 * np.eye(8)[kind] + rng.standard_normal((200, 8)), np.arange(200))
    found = label_next(emb, pd.Series([None] * 200), n=5)
    assert kind[found["id"]].tolist() == [0, 1, 2, 3, 4]
    assert found["stands_for"].tolist() == [60, 50, 40, 30, 20]
    assert found["uncertainty"].isna().all()
    assert found["guess"].isna().all()


def test_fewer_come_back_if_fewer_are_open():
    emb = line()
    labels = labelled(emb, every=1)
    labels[[3, 8]] = None
    assert sorted(label_next(emb, labels)["id"]) == [53, 58]


@pytest.mark.parametrize("value", [0, 1.0, True])
def test_labels_may_be_numbers(value):
    emb = line()
    labels = labelled(emb).map({"good": value, "bad": 7})
    assert set(label_next(emb, labels, n=4)["guess"]) <= {str(value), f"{float(value)}", "7", "7.0"}


def test_bad_input_is_named():
    emb = line()
    with pytest.raises(InputError, match="3 labels for 400 images"):
        label_next(emb, pd.Series([1, None, 2]))
    with pytest.raises(InputError, match="Every image has a label"):
        label_next(emb, pd.Series([1] * 400))
