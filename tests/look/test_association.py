"""Laws of the explanations: a planted cause is named with its share, chance is not."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.look.association import because, explain, purity
from natkit.look.clusters import Clusters


def planted(sizes=(300, 200, 100)):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n = len(labels)
    empty = np.zeros(n, np.float32)
    return Clusters(
        labels, np.arange(n), "HDBSCAN", empty, empty, np.eye(len(sizes))[labels], np.zeros(3)
    )


@pytest.fixture
def found():
    return planted()


def test_the_value_that_a_cluster_has_more_often_is_named_with_its_shares(found):
    rng = np.random.default_rng(0)
    camera = np.where(found.labels == 1, "C1", rng.choice(["C2", "C3"], 600)).astype(object)
    camera[200 + np.arange(120)] = "C2"  # 20 of the 200 of cluster 1 are from C2
    camera[300:320] = "C2"
    camera[320:500] = "C1"
    table = pd.DataFrame({"id": np.arange(600), "camera": camera, "coin": rng.integers(0, 2, 600)})
    told = because(found, table, ["coin", "camera"], 1)
    assert (told["column"], told["value"]) == ("camera", "C1")
    assert told["inside"]["value"] == 0.9
    assert told["inside"]["n"] == 200
    assert told["inside"]["low"] == pytest.approx(0.8506, abs=1e-3)  # Wilson by hand
    assert told["inside"]["high"] == pytest.approx(0.9343, abs=1e-3)
    assert told["outside"] == 0


def test_the_value_named_is_the_one_that_is_more_often_inside_not_the_commonest(found):
    """A is the commonest inside (60 %) but also outside (60 %); B stands out: 40 % against none."""
    shape = np.full(600, "A", object)
    shape[300:380] = "B"  # 80 of the 200 of cluster 1
    shape[:120], shape[500:540] = "C", "C"
    told = because(found, pd.DataFrame({"id": np.arange(600), "shape": shape}), ["shape"], 1)
    assert (told["value"], told["inside"]["value"], told["outside"]) == ("B", 0.4, 0.0)


def test_nothing_is_named_where_nothing_goes_with_it(found):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"id": np.arange(600), "line": "L1"})
    assert because(found, table, ["line"], 0) is None
    named = [
        because(found, table.assign(coin=rng.integers(0, 2, 600)), ["coin"], 0) is not None
        for _ in range(60)
    ]
    assert np.mean(named) < 0.1


def test_a_missing_value_can_be_the_cause(found):
    table = pd.DataFrame(
        {"id": np.arange(600), "shift": np.where(found.labels == 2, None, "day").astype(object)}
    )
    told = because(found, table, ["shift"], 2)
    assert told["value"] is None
    assert told["inside"]["value"] == 1


def test_the_interval_holds_the_true_association():
    """Columns made with a known V: 95 % intervals hold it in 95 of 100, within what 100 draws allow."""
    found, held = planted((300, 300)), 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        same = rng.random(600) < 0.75  # V = 2 · 0.75 − 1
        column = np.where(same, found.labels, 1 - found.labels)
        row = explain(found, pd.DataFrame({"id": np.arange(600), "c": column}), ["c"]).iloc[0]
        held += row["low"] <= 0.5 <= row["high"]
    assert held >= 88


def test_500_categories_are_no_explanation(found):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": np.arange(600), "serial": rng.integers(0, 500, 600).astype(str)})
    assert explain(found, table, ["serial"])["v"].item() < 0.2


def test_purity_has_its_closed_form():
    """Islands that are the column: 1. A column drawn at random: the chance that it tells itself."""
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(3), (100, 60, 40))
    emb = Embedding(
        20 * np.eye(8)[kind] + rng.standard_normal((200, 8)), np.arange(200), {"name": "NAT"}
    )
    table = pd.DataFrame({"id": np.arange(200), "kind": kind, "random": rng.permutation(kind)})
    pure, mixed = purity(emb, table, "kind"), purity(emb, table, "random")
    assert (pure["name"], pure["column"], pure["n"], pure["value"]) == ("NAT", "kind", 200, 1)
    chance = (100 * 99 + 60 * 59 + 40 * 39) / (200 * 199)
    assert pure["chance"] == mixed["chance"] == pytest.approx(chance)
    assert mixed["value"] == pytest.approx(chance, abs=0.06)
    assert mixed["low"] < chance < mixed["high"]


def test_images_without_a_value_do_not_count():
    kind = np.array([0.0] * 20 + [1.0] * 20 + [np.nan] * 20)
    vectors = np.r_[np.eye(4)[np.repeat([0, 1], 20)] * 9, np.eye(4)[np.repeat([0, 1], 10)] * 9]
    emb = Embedding(
        vectors + np.random.default_rng(0).standard_normal((60, 4)) * 0.1, np.arange(60)
    )
    told = purity(emb, pd.DataFrame({"id": np.arange(60), "kind": kind}), "kind")
    assert (told["n"], told["value"]) == (40, 1)


def test_bad_input_is_named(found):
    emb = Embedding(np.eye(6), np.arange(6))
    table = pd.DataFrame({"id": np.arange(6), "a": [1, 2, None, None, None, None]})
    with pytest.raises(InputError, match="no column 'b'; it has id, a"):
        purity(emb, table, "b")
    with pytest.raises(InputError, match="at least 5 images"):
        purity(emb, table, "a")
    with pytest.raises(InputError, match="ids of the embedding once; 1 are missing"):
        purity(emb, table.iloc[1:], "a")
    with pytest.raises(InputError, match="no cluster 7"):
        because(found, pd.DataFrame({"id": np.arange(600)}), [], 7)


def test_the_clusters_need_no_order():
    """Turned round rows of the table, the same answer."""
    found = planted()
    table = pd.DataFrame({"id": np.arange(600), "c": found.labels})
    turned = dataclasses.replace(found)
    one = explain(found, table, ["c"])
    assert one.equals(explain(turned, table.iloc[::-1], ["c"]))
