"""Laws of robustness: no change costs nothing, a spoilt image costs, a camera held out is not learnt from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.evidence.robustness import held_out, under_corruption
from natkit.evidence.scoring import score


def sample(n=600, d=6, seed=0):
    rng = np.random.default_rng(seed)
    split = rng.permutation(
        np.repeat(["train", "val", "test"], [n // 2, n // 6, n - n // 2 - n // 6])
    )
    y = (rng.random(n) < 0.4).astype(int)
    vectors = rng.standard_normal((n, d))
    vectors[:, 0] += 1.5 * y
    ids = rng.permutation(n) + 3
    table = pd.DataFrame({"id": ids, "split": split, "ng": y, "camera": rng.choice(["A", "B"], n)})
    other = vectors + 1.5 * rng.standard_normal((n, d))
    return (
        Embedding(vectors, ids, {"name": "NAT"}),
        Embedding(other, ids, {"name": "pixels"}),
        table,
    )


def spoilt(emb, vectors, kind="blur", strength=2.0):
    return Embedding(
        vectors, emb.ids, {**emb.meta, "corruption": {"kind": kind, "strength": strength}}
    )


def test_no_change_costs_nothing_and_noise_costs_all():
    emb, _, table = sample()
    rng = np.random.default_rng(1)
    mixed = rng.permutation(len(emb))
    same = Embedding(
        emb.vectors[mixed], emb.ids[mixed], spoilt(emb, emb.vectors).meta
    )  # in another order
    noise = spoilt(emb, rng.standard_normal(emb.vectors.shape), "missing_rows", 0.3)
    rows = under_corruption([(emb, [same, noise])], table, "ng")
    assert rows[0]["change"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": len(table) - 400}
    assert rows[0]["score"] == score(emb, [sample()[1]], table, "ng").facts["scores"][0]["score"]
    assert rows[1]["score"]["low"] < 0.5 < rows[1]["score"]["high"]
    assert rows[1]["change"]["high"] < 0
    assert (rows[1]["kind"], rows[1]["strength"]) == ("missing_rows", 0.3)


def test_the_probe_learns_nothing_from_spoilt_images():
    emb, _, table = sample()
    train = (table["split"] == "train").to_numpy()
    rng = np.random.default_rng(2)
    wild = np.where(train[:, None], 100 * rng.standard_normal(emb.vectors.shape), emb.vectors)
    (row, clean) = under_corruption(
        [(emb, [spoilt(emb, wild), spoilt(emb, emb.vectors)])], table, "ng"
    )
    assert row["change"]["value"] == 0
    assert (
        row["score"]
        == clean["score"]
        == score(emb, [sample()[1]], table, "ng").facts["scores"][0]["score"]
    )


def test_a_camera_held_out_by_hand():
    emb, other, table = sample()
    rows = held_out(emb, [other], table, "ng", "camera")
    assert [row["value"] for row in rows] == ["A", "B"]
    inside = (table["camera"] == "A").to_numpy()
    assert rows[0]["n"] == inside.sum()
    moved = table.assign(split=np.where(inside, "test", table["split"].replace("test", "train")))
    expected = score(emb, [other], moved, "ng").facts["scores"][0]["score"]
    assert rows[0]["score"] == expected
    assert rows[0]["difference"]["low"] > 0
    assert rows[0]["control"] == "pixels"


def test_what_a_camera_alone_shows_is_lost_when_it_is_held_out():
    """The label hides in the sign of another feature for each camera."""
    emb, other, table = sample(n=900)
    rng = np.random.default_rng(3)
    sign = np.where(table["camera"] == "A", 1, -1)
    y = table["ng"].to_numpy()
    vectors = rng.standard_normal((len(y), 3))
    vectors[:, 0] += 2 * sign * (y - 0.5)
    ours = Embedding(vectors, emb.ids, {"name": "NAT"})
    for row in held_out(ours, [other], table, "ng", "camera"):
        assert row["score"]["high"] < 0.5


def test_of_a_time_the_latest_fifth_is_held_out():
    emb, other, table = sample()
    rng = np.random.default_rng(4)
    days = rng.permutation(len(table))
    table["taken"] = (pd.Timestamp("2026-01-01") + pd.to_timedelta(days, unit="D")).astype(str)
    (row,) = held_out(emb, [other], table, "ng", "taken")
    assert row["n"] == pytest.approx(len(table) / 5, abs=1)
    late = days >= np.quantile(days, 0.8)
    assert row["value"] == f"from {pd.to_datetime(table['taken'][late]).min()}"
    with pytest.raises(InputError, match="neither dates nor numbers"):
        held_out(emb, [other], table.assign(part=[f"p{i}" for i in days]), "ng", "part")
    with pytest.raises(InputError, match="it has one value"):
        held_out(emb, [other], table.assign(line="1"), "ng", "line")


def test_where_too_few_are_left_nothing_is_made_up():
    emb, other, table = sample()
    table.loc[table.index[:12], "camera"] = "C"
    row = held_out(emb, [other], table, "ng", "camera")[-1]
    assert row == {
        "column": "camera",
        "value": "C",
        "n": 12,
        "score": None,
        "control": None,
        "difference": None,
    }
    pure = table.assign(camera=np.where(table["ng"] == 1, "A", "B"))
    assert all(row["score"] is None for row in held_out(emb, [other], pure, "ng", "camera"))


def test_vectors_of_other_images_are_refused():
    emb, other, table = sample()
    meta = spoilt(emb, emb.vectors).meta
    test = np.isin(emb.ids, table["id"][table["split"] == "test"])
    tested = Embedding(emb.vectors[test], emb.ids[test], meta)  # those of test are enough
    (row,) = under_corruption([(emb, [tested])], table, "ng")
    assert row["change"]["value"] == 0
    fewer = Embedding(tested.vectors[1:], tested.ids[1:], meta)
    with pytest.raises(
        InputError, match="is not 'NAT' of the same images spoilt: 1 ids are missing"
    ):
        under_corruption([(emb, [fewer])], table, "ng")
    with pytest.raises(InputError, match="corruption is None"):
        under_corruption([(emb, [other])], table, "ng")


def test_the_area_of_a_held_out_camera_is_scikit_learns():
    emb, other, table = sample()
    row = held_out(emb, [other], table, "ng", "camera")[1]
    inside = (table["camera"] == "B").to_numpy()
    moved = table.assign(split=np.where(inside, "test", table["split"].replace("test", "train")))
    told = score(emb, [other], moved, "ng").positive("1")["test"]
    assert row["score"]["value"] == pytest.approx(roc_auc_score(told["positive"], told["score"]))


def test_a_control_that_lacks_images_is_refused():
    emb, other, table = sample()
    fewer = Embedding(other.vectors[1:], other.ids[1:], other.meta)
    with pytest.raises(InputError, match="'pixels' lacks 1 of 600 images of the table"):
        held_out(emb, [fewer], table, "ng", "camera")
