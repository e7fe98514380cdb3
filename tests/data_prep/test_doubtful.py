"""What is worth a second look: planted label errors and strangers come first in the list."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from data_prep.rules import doubtful
from data_prep.rules.doubtful import reinspect
from natkit.core.errors import InputError
from natkit.data.embedding import Embedding


def digits(seed=0, flips=90, noise=0):
    """Pixels of digits as an embedding, their table, and the rows that were soiled."""
    rng = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    rows = rng.permutation(len(y))
    flipped, strange = rows[:flips], rows[flips : flips + noise]
    y[flipped] = (y[flipped] + rng.integers(1, 10, flips)) % 10
    x[strange] = rng.uniform(0, 16, (noise, 64))
    ids = np.arange(len(y)) + 1000
    table = pd.DataFrame({"id": ids, "path": [f"{i}.png" for i in ids], "digit": y})
    return Embedding(x, ids), table, flipped + 1000, strange + 1000


@pytest.mark.parametrize("cleanlab", [True, False], ids=["cleanlab", "written out"])
def test_planted_label_errors_come_first(monkeypatch, cleanlab):
    """5 % flipped: nine in ten of them are in the first rows, twice as many as were planted."""
    if cleanlab:
        pytest.importorskip("cleanlab")
    else:
        monkeypatch.setattr(doubtful.importlib.util, "find_spec", lambda name: None)
    embedding, table, flipped, _ = digits()
    found = reinspect(embedding, table, label="digit", n=180)
    assert np.isin(flipped, found["id"]).mean() >= 0.9
    assert np.isin(found["id"][:40], flipped).mean() >= 0.8
    assert found["score"].is_monotonic_decreasing
    assert found["score"].between(0, 1).all()
    truth = pd.Series(load_digits().target, index=np.arange(1797) + 1000)
    hits = found[found["id"].isin(flipped)]
    assert (hits["suggested"].astype(int) == truth[hits["id"]].to_numpy()).mean() > 0.85
    issue = found.loc[found["rule"] == "doubtful_label", "evidence"].map(lambda e: e["issue"])
    assert 60 < issue.sum() < 120


def test_the_two_ways_agree_on_most_rows():
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    probability = rng.dirichlet([0.5] * 3, 600) + 2 * np.eye(3)[(y + (rng.random(600) < 0.1)) % 3]
    probability /= probability.sum(axis=1, keepdims=True)
    ours, theirs = doubtful._by_threshold(y, probability), doubtful._by_cleanlab(y, probability)
    assert ours.sum() > 30
    assert (ours == theirs).mean() > 0.95


def test_the_confident_joint_has_its_known_answer():
    """Usual probabilities are 0.8 and 0.7: the last row alone counts for the other class."""
    y = np.array([0, 0, 1, 1])
    probability = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.5, 0.5]])
    assert doubtful._by_threshold(y, probability).tolist() == [False] * 4
    probability[3] = [0.85, 0.15]  # usual: 0.8 and 0.525
    assert doubtful._by_threshold(y, probability).tolist() == [False] * 3 + [True]


def test_pictures_of_nothing_are_outliers_and_digits_are_not():
    embedding, table, _, strange = digits(flips=0, noise=12)
    found = reinspect(embedding, table)
    assert set(found["id"][:12]) == set(strange)
    assert len(found) <= 12 + 0.01 * len(table)
    assert set(found["rule"]) == {"outlier"}
    assert list(found.columns) == doubtful.COLUMNS
    assert found["score"].iloc[0] > 0.4


def test_only_the_direction_of_a_vector_counts_for_outliers():
    embedding, table, _, _ = digits(flips=0, noise=12)
    length = np.random.default_rng(1).uniform(0.1, 10, (len(table), 1))
    longer = Embedding(embedding.vectors * length, embedding.ids)
    assert reinspect(longer, table)["id"].tolist() == reinspect(embedding, table)["id"].tolist()


def test_an_image_comes_once_and_the_list_is_as_long_as_wanted():
    embedding, table, _, strange = digits(noise=10)
    found = reinspect(embedding, table, label="digit", n=60)
    assert len(found) == found["id"].nunique() == 60
    whole = reinspect(embedding, table, label="digit", n=2000).set_index("id")
    assert not whole.index.has_duplicates
    assert all(e["z"] > doubtful.FAR for e in whole.loc[strange, "evidence"])


def test_a_part_does_not_vouch_for_its_own_error():
    """Six photos of a part share vector and wrong label; unseen parts speak against it."""
    rng = np.random.default_rng(0)
    part = np.repeat(np.arange(60), 6)
    kind = part % 2
    centre = rng.normal(size=(60, 40))
    centre[:, 0] += 3 * (np.arange(60) % 2)
    vectors = centre[part] + 0.01 * rng.normal(size=(360, 40))
    label = np.where(part == 7, 1 - kind, kind)
    table = pd.DataFrame({"id": range(360), "path": "x.png", "kind": label, "part": part})
    embedding = Embedding(vectors, np.arange(360))
    tied = reinspect(embedding, table, label="kind", part="part", n=360)
    assert set(np.flatnonzero(part == 7)) <= set(tied["id"][:18])
    alone = reinspect(embedding, table, label="kind", n=360)  # control
    assert not set(np.flatnonzero(part == 7)) & set(alone.query("score > 0.9")["id"])


def test_rare_classes_and_gaps_are_left_alone():
    embedding, table, _, _ = digits(flips=0)
    table["digit"] = table["digit"].astype(object)
    table.loc[:3, "digit"] = "rare"
    table.loc[10:600, "digit"] = None
    found = reinspect(embedding, table, label="digit", n=2000).query("rule == 'doubtful_label'")
    assert not found["label"].isna().any()
    assert "rare" not in set(found["label"]) | set(found["suggested"])
    one = reinspect(embedding, table.assign(digit="7"), label="digit")
    assert set(one["rule"]) <= {"outlier"}


def test_too_few_images_and_absent_columns_are_refused():
    embedding, table, _, _ = digits()
    with pytest.raises(InputError, match="holds 10"):
        reinspect(Embedding(embedding.vectors[:10], embedding.ids[:10]), table)
    with pytest.raises(InputError, match="no label column 'kind'"):
        reinspect(embedding, table, label="kind")
