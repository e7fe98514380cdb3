"""Laws of the label curve: nested draws, scikit-learn by hand, labels needed where they are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.evidence import label_curve as module
from natkit.evidence.draws import draws
from natkit.evidence.label_curve import _Line, label_curve
from natkit.evidence.summary import _validator


def sample(n=600, d=6, noise=(0.3, 2.5), seed=0):
    """Ours and a control that see one thing through different noise."""
    rng = np.random.default_rng(seed)
    split = rng.permutation(
        np.repeat(["train", "val", "test"], [n // 2, n // 6, n - n // 2 - n // 6])
    )
    y = (rng.random(n) < 0.3).astype(int)
    core = rng.standard_normal((n, d))
    core[:, 0] += 1.5 * y
    ids = rng.permutation(n) + 7
    made = [
        Embedding(core + level * rng.standard_normal((n, d)), ids, {"name": name})
        for level, name in zip(noise, ("NAT", "pixels"), strict=True)
    ]
    return made[0], made[1:], pd.DataFrame({"id": ids, "split": split, "defect": y})


def test_draws_are_nested_of_train_alone_and_hold_every_class():
    _, _, table = sample()
    made = draws(table, "defect", budgets=[5, 20, 100, 300], repeats=4, seed=1)
    train = set(table["id"][table["split"] == "train"])
    assert [d.budget for d in made] == [5, 20, 100, 300, 5, 20, 100, 5, 20, 100, 5, 20, 100]
    for repeat in range(4):
        mine = [d for d in made if d.repeat == repeat]
        for small, large in zip(mine, mine[1:], strict=False):
            assert set(small.ids) < set(large.ids) <= train
        for draw in mine:
            assert len(set(draw.ids)) == draw.budget
            assert table.set_index("id").loc[draw.ids, "defect"].nunique() == 2
    assert len({tuple(d.ids) for d in made if d.budget == 20}) == 4
    again = draws(table.sample(frac=1, random_state=0), "defect", [5, 20, 100, 300], 4, 1)
    assert all(np.array_equal(a.ids, b.ids) for a, b in zip(made, again, strict=True))


def test_budgets_go_up_in_steps_to_all_labels():
    _, _, table = sample()
    assert sorted({d.budget for d in draws(table, "defect")}) == [10, 20, 50, 100, 200, 300]
    with pytest.raises(InputError, match=r"between 2 \(one label a class\) and 300"):
        draws(table, "defect", budgets=[10, 301])
    with pytest.raises(InputError, match="3 labels of 'defect' are too few for a curve"):
        draws(table.assign(defect=table["defect"].where(table.index < 3)), "defect")


def test_a_point_is_the_probe_by_hand_and_the_whole_repeats_to_the_bit():
    emb, controls, table = sample()
    first = label_curve(emb, controls, table, "defect", budgets=[4, 40], repeats=3, seed=2)
    assert first.facts == label_curve(emb, controls, table, "defect", [4, 40], 3, 2).facts
    rows = table.set_index("id").loc[emb.ids]
    y, split = rows["defect"].to_numpy(), rows["split"].to_numpy()
    x = emb.vectors.astype(float)
    x = StandardScaler().fit(x[split == "train"]).transform(x)
    for draw in draws(table, "defect", [4, 40], 3, 2):
        known = np.isin(emb.ids, draw.ids)
        if (
            draw.budget == 4 and min(y[known].sum(), (1 - y[known]).sum()) < 3
        ):  # too few to choose by
            model = LogisticRegression(C=0.1, tol=1e-8).fit(x[known], y[known])
            area = roc_auc_score(y[split == "test"], model.predict_proba(x[split == "test"])[:, 1])
            line = first.facts["lines"][0]
            assert line["draws"][draw.repeat][0] == pytest.approx(area, abs=1e-6)


def test_labels_of_val_and_of_other_draws_are_not_used():
    emb, controls, table = sample()
    before = label_curve(emb, controls, table, "defect", [20, 80], 2).facts["lines"]
    known = np.concatenate([d.ids for d in draws(table, "defect", [20, 80], 2)])
    kept = table["id"].isin(known) | (table["split"] == "test")
    rng = np.random.default_rng(0)
    wrong = table["defect"].where(kept, rng.permutation(table["defect"]))
    first = draws(table, "defect", [20, 80], 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "draws", lambda *a: first)
        assert (
            label_curve(emb, controls, table.assign(defect=wrong), "defect", [20, 80], 2).facts[
                "lines"
            ]
            == before
        )


def line(values, budgets, name="x"):
    """A line of one repeat and one resample with these values."""
    return _Line(
        name, "ours", {(0, b): np.array([v, v]) for b, v in zip(budgets, values, strict=True)}
    )


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        (0.5, 10),
        (0.6, 10),
        (0.7, np.sqrt(10 * 100)),
        (0.8, 100),
        (0.85, 100 * 10**0.5),
        (0.95, np.inf),
    ],
)
def test_labels_needed_are_straight_in_the_logarithm(target, needed):
    found = line([0.6, 0.8, 0.9], [10, 100, 1000]).needed(np.full(2, target))
    assert found == pytest.approx(np.full((1, 2), needed))


def test_a_dip_in_the_curve_takes_nothing_back():
    found = line([0.6, 0.8, 0.7], [10, 100, 1000]).needed(np.full(2, 0.8))
    assert found == pytest.approx(np.full((1, 2), 100))
    found = line([0.7, 0.6, 0.9], [10, 100, 1000]).needed(np.full(2, 0.8))
    assert found == pytest.approx(np.full((1, 2), 100 * 10**0.5))  # from 0.7, once reached, to 0.9


def test_a_better_embedding_saves_labels_and_the_same_one_saves_none():
    emb, controls, table = sample()
    facts = label_curve(emb, controls, table, "defect", repeats=6).facts
    saved = facts["saved"][0]
    assert saved["low"] > 0
    assert facts["needed"][0]["value"] < 60
    assert facts["target"]["from"] == "pixels"
    same = Embedding(emb.vectors * 2 + 1, emb.ids, {"name": "pixels"})
    facts = label_curve(emb, [same], table, "defect", repeats=6).facts
    assert facts["saved"][0]["value"] == pytest.approx(0, abs=30)
    assert all(abs(row["value"]) < 1e-3 for row in facts["gains"])


def test_a_target_never_reached_is_said_and_not_made_up():
    emb, controls, table = sample()
    facts = label_curve(emb, controls, table, "defect", [10, 50], 3, target=0.9999).facts
    assert facts["needed"][0]["value"] is None
    assert facts["target"] == {"value": 0.9999, "from": None}


def test_networks_trained_with_the_labels_stand_beside():
    emb, controls, table = sample()
    made = draws(table, "defect", [20, 100], 2)
    y = table.set_index("id").loc[emb.ids, "defect"].to_numpy()
    meta = {"layer": "class scores", "classes": ["0", "1"]}
    sure = Embedding(np.c_[1 - y, y], emb.ids, {**meta, "name": "supervised"})
    blind = Embedding(np.zeros((len(y), 2)), emb.ids, {**meta, "name": "fine-tuned"})
    learned = {"supervised": [(d, sure) for d in made], "fine-tuned": [(d, blind) for d in made]}
    facts = label_curve(emb, controls, table, "defect", [20, 100], 2, learned=learned).facts
    values = {row["name"]: row["median"] for row in facts["lines"]}
    assert values["supervised"] == [1.0, 1.0]
    assert values["fine-tuned"] == [0.5, 0.5]
    (gain,) = [g for g in facts["gains"] if g["name"] == "fine-tuned" and g["labels"] == 20]
    assert (gain["against"], gain["value"]) == ("supervised", -0.5)
    schema = _validator().schema
    _validator().evolve(schema={**schema["$defs"]["curve"], "$defs": schema["$defs"]}).validate(
        facts
    )


def test_more_labels_are_foretold_from_the_slope():
    """A score that gains 0.1 a factor of ten gains 0.1 · log10(1050 / 1000) from fifty more."""
    found = module._more(line([0.6, 0.7, 0.8], [10, 100, 1000]))
    assert found == pytest.approx(np.full((1, 2), 0.1 * np.log10(1.05)))
