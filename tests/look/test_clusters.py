"""Laws of the clusters: planted islands are found, a cloud is said to be cut, a cause is named."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.look.association import explain
from natkit.look.clusters import clusters
from natkit.look.space import principal

SIZES = (60, 30, 90)


def islands(seed=0, far=12.0):
    """Three islands of known size, one lonely image (the last), and the island of each image."""
    rng = np.random.default_rng(seed)
    planted = np.repeat(np.arange(3), SIZES)
    vectors = far * np.eye(8)[planted] + rng.standard_normal((len(planted), 8))
    vectors = np.r_[vectors, [[-40.0] * 4 + [40.0] * 4]]
    mixed = rng.permutation(len(vectors))
    emb = Embedding(vectors[mixed], mixed + 1000, {"name": "NAT"})
    return emb, np.r_[planted, -1][mixed]


@pytest.fixture(scope="module")
def found():
    return clusters(islands()[0])


def test_planted_islands_are_found_largest_first(found):
    _, planted = islands()
    assert found.method == "HDBSCAN"
    for cluster, island in enumerate((2, 0, 1)):
        inside = found.labels == cluster
        assert set(planted[inside]) - {-1} == {island}
        assert inside.sum() >= 0.9 * SIZES[island]
    assert repr(found).startswith("Clusters(3 by HDBSCAN")


def test_typical_is_inside_and_odd_is_the_lonely_one(found):
    emb, planted = islands()
    lonely = emb.ids[planted == -1]
    assert found.odd(1) == lonely
    for cluster in range(3):
        members = emb.ids[found.labels == cluster]
        typical, odd = found.typical(cluster, 5), found.odd(5, cluster)
        assert np.isin(typical, members).all()
        assert np.isin(odd, members).all()
        middle = emb.vectors[np.isin(emb.ids, members)].mean(axis=0)

        def away(ids, middle=middle):
            return np.linalg.norm(emb.vectors[np.isin(emb.ids, ids)] - middle, axis=1).mean()

        assert away(typical) < away(members) < away(odd)


@pytest.mark.parametrize(("n", "d"), [(100, 8), (300, 8), (300, 32), (300, 128), (1000, 32)])
def test_a_cloud_without_islands_is_cut_and_says_so(n, d):
    cloud = Embedding(np.random.default_rng(0).standard_normal((n, d)), np.arange(n))
    found = clusters(cloud)
    assert found.method == "KMeans"
    assert found.n_clusters == 8
    assert (found.labels >= 0).all()


def test_repeats_to_the_bit():
    cloud = Embedding(np.random.default_rng(0).standard_normal((300, 32)), np.arange(300))
    for emb in (islands()[0], cloud):
        one, two = clusters(emb, seed=3), clusters(emb, seed=3)
        assert np.array_equal(one.labels, two.labels)
        assert np.array_equal(one.centre, two.centre)
        assert np.array_equal(one.lonely, two.lonely)


@pytest.mark.parametrize("n", [5, 6, 11])
def test_few_images_are_enough(n):
    found = clusters(Embedding(np.random.default_rng(0).standard_normal((n, 16)), np.arange(n)))
    assert found.n_clusters == 2


def test_many_equal_images_do_no_harm():
    twice = Embedding(np.repeat([[0.0, 1.0], [1.0, 0.0]], [3, 97], axis=0), np.arange(100))
    assert clusters(twice).n_clusters == 2


def test_an_unknown_cluster_is_named(found):
    with pytest.raises(InputError, match="no cluster 9; there are 0 to 2"):
        found.typical(9)


def told(found):
    """A table with columns of known relation to the clusters."""
    rng = np.random.default_rng(0)
    n = len(found.ids)
    table = pd.DataFrame(
        {
            "id": found.ids,
            "same": [f"cluster {label}" for label in found.labels],
            "size": 100.0 * found.labels + rng.standard_normal(n),
            "gap": np.where(found.labels == 1, np.nan, 1.0),
            "coin": rng.integers(0, 2, n),
            "serial": [f"s{i}" for i in range(n)],
            "line": "L1",
        }
    )
    return table.iloc[rng.permutation(n)]


def test_the_column_that_made_the_clusters_is_named_first(found):
    columns = ["line", "serial", "coin", "gap", "size", "same"]
    out = explain(found, told(found), columns)
    v = out.set_index("column")["v"]
    assert out["column"].iloc[0] == "same"
    assert v["same"] == pytest.approx(1, abs=0.01)
    assert v["size"] > 0.6
    assert v["gap"] > 0.9  # a value that is missing in one cluster alone tells that cluster
    assert v["coin"] < 0.15
    assert v["serial"] < 0.1
    assert v["line"] == 0


def test_explaining_needs_its_columns_and_images(found):
    with pytest.raises(InputError, match=r"no columns \['shift'\]; it has id, same"):
        explain(found, told(found), ["shift", "same"])
    with pytest.raises(InputError, match="lacks 4 of the 181 images"):
        explain(found, told(found).iloc[4:], ["same"])


def test_membership_is_a_share_and_the_borderline_is_between_two():
    rng = np.random.default_rng(0)
    planted = np.repeat(np.arange(2), 80)
    vectors = 8 * np.eye(6)[planted] + rng.standard_normal((160, 6))
    between = 4 * np.eye(6)[[0] * 3] + 3.4 * np.eye(6)[[1] * 3] + 0.1 * rng.standard_normal((3, 6))
    found = clusters(Embedding(np.r_[vectors, between], np.arange(163)))
    assert found.membership.shape == (163, found.n_clusters)
    assert (found.membership >= 0).all()
    assert (found.membership.sum(axis=1) <= 1 + 1e-5).all()
    clear = found.labels[:160] >= 0
    most = found.membership[:160].argmax(axis=1)
    assert (most[clear] == found.labels[:160][clear]).mean() > 0.98
    doubt = np.sort(found.membership, axis=1)
    gap = doubt[:, -1] - doubt[:, -2]
    assert gap[160:].max() < np.quantile(gap[:160], 0.2)
    for cluster in range(found.n_clusters):
        first, last = found.borderline(cluster, 200)[[0, -1]]
        assert gap[first] <= gap[last]


def test_membership_stands_under_the_number_of_its_cluster(found):
    """Three islands of 60, 30 and 90: the order by size is not the order of discovery."""
    clear = found.labels >= 0
    most = found.membership.argmax(axis=1)
    assert (most[clear] == found.labels[clear]).mean() > 0.98


def test_the_medoid_is_the_member_nearest_to_all_others(found):
    emb, _ = islands()
    x = principal(emb, 0)
    for cluster, medoid in enumerate(found.medoids):
        members = found.labels == cluster
        total = np.linalg.norm(x[members][:, None] - x[members], axis=2).sum(axis=1)
        assert medoid == emb.ids[members][total.argmin()]


def test_names_are_kept_where_the_cluster_is_still_there(found):
    emb, planted = islands()
    named = found.named({0: "round", 1: "long"})
    assert named.table().set_index("id")["name"][found.typical(0, 1)[0]] == "round"
    keep = planted != 1  # the long ones of old are gone but for their own islands
    order = np.random.default_rng(5).permutation(np.flatnonzero(keep))
    again = clusters(Embedding(emb.vectors[order], emb.ids[order]), seed=4)
    for source in (named, named.table()):
        now = again.named_as(source)
        called = {now.names.get(c) for c in range(now.n_clusters)}
        assert "round" in called
        island = planted[np.isin(emb.ids, now.ids[now.labels == list(now.names)[0]])]
        assert (island == 2).mean() > 0.9
    other = again.labels.copy()
    mixed = dataclasses.replace(again, labels=np.random.default_rng(0).permutation(other))
    assert mixed.named_as(named).names == {}


def test_a_name_is_given_once_and_taken_away_by_an_empty_one(found):
    named = found.named({0: "round"})
    assert named.named({0: ""}).names == {}
    assert found.names == {}
    with pytest.raises(InputError, match="Two clusters would be called 'round'"):
        named.named({1: "round"})
    with pytest.raises(InputError, match="no cluster 9"):
        found.named({9: "x"})


def test_of_a_large_set_the_rest_is_put_into_what_a_part_shows(monkeypatch):
    monkeypatch.setattr("natkit.look.clusters.FOUND_IN", 120)
    emb, planted = islands()
    found = clusters(emb)
    assert found.method == "HDBSCAN"
    for cluster in range(found.n_clusters):
        assert len(set(planted[found.labels == cluster]) - {-1}) == 1
    assert (found.labels >= 0).mean() > 0.8
