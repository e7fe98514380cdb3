"""Remedies: what is promised holds exactly, and each shows the bias before and after."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from data_prep.repair.remedies import (
    balance,
    class_by_group,
    correct,
    effective_n,
    intensity,
    intensity_effect,
    what_if,
)
from data_prep.scanning.measuring import measure
from natkit.core.errors import InputError


def confounded(n=900, seed=0):
    """Defects: 60 % by night, 10 % by day and evening; the camera means nothing."""
    rng = np.random.default_rng(seed)
    shift = rng.choice(["day", "evening", "night"], n)
    ng = rng.random(n) < np.where(shift == "night", 0.6, 0.1)
    return pd.DataFrame({"ng": ng.astype(int), "shift": shift, "camera": rng.choice(["A", "B"], n)})


def test_effective_n_has_its_known_values():
    assert effective_n(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_n([1, 0, 0, 0]) == 1
    assert effective_n([3, 1]) == pytest.approx(16 / 10)
    assert effective_n([0, 0]) == 0


def test_the_table_of_cells_counts_weighs_and_measures():
    labels = pd.Series([1, 1, 0, 0, 0, None])
    group = pd.Series(["A", "A", "A", "B", "B", "B"])
    found = class_by_group(labels, group)
    assert found["count"].tolist() == [1, 2, 2, 0]  # A0 A1 B0 B1
    assert found["share"].tolist() == pytest.approx([1 / 3, 2 / 3, 1, 0])
    weighted = class_by_group(labels, group, np.array([3, 1, 4, 1, 1, 9]))
    assert weighted["share"].tolist() == [0.5, 0.5, 1, 0]
    assert weighted["effective_n"].tolist() == pytest.approx([1, 16 / 10, 2, 0])
    table = pd.DataFrame({"a": list("xy") * 50, "b": list("uv") * 50})
    assert class_by_group(table["a"], table["b"]).attrs["v"] == pytest.approx(1)


def test_balancing_takes_label_and_groups_apart_and_says_what_it_costs():
    table = confounded()
    table.loc[:9, "ng"] = None
    found = balance(table, "ng", ["shift", "camera"])
    assert found.v_before["shift"] == pytest.approx(0.55, abs=0.05)
    assert found.v_after["shift"] < 0.02
    assert found.weights[:10].tolist() == [1] * 10
    assert (found.n, found.weights[10:].mean()) == (890, pytest.approx(1))
    assert 400 < found.effective_n < 800
    assert found.effective_n == pytest.approx(effective_n(found.weights[10:]))
    assert "shift 0.5" in repr(found)
    assert "→ 0.00" in repr(found)


def test_balancing_without_any_label_is_refused():
    with pytest.raises(InputError, match="No image has a value in 'ng'"):
        balance(confounded().assign(ng=None), "ng", ["shift"])


def test_what_if_shows_each_remedy_before_it_is_taken():
    table = confounded()
    found = what_if(table, "ng", "shift").set_index("remedy")
    assert list(found.index) == ["as it is", "weights", "subsample", "without day",
                                 "without evening", "without night"]  # fmt: skip
    assert found.loc["as it is", "v"] == pytest.approx(0.55, abs=0.05)
    assert found.loc["as it is", "auc"] == pytest.approx(0.78, abs=0.04)
    for cure in ("weights", "subsample", "without night"):
        assert found.loc[cure, "v"] < 0.08
    assert found.loc["weights", "auc"] == pytest.approx(0.5, abs=0.001)
    assert found.loc["subsample", "auc"] == pytest.approx(0.5)
    assert found.loc["without night", "auc"] == pytest.approx(0.5, abs=0.06)
    truth = roc_auc_score(table["ng"], table["shift"].map(table.groupby("shift")["ng"].mean()))
    assert found.loc["as it is", "auc"] == pytest.approx(truth)
    assert found.loc["without day", "v"] > 0.4  # the culprit stays
    night = (table["shift"] == "night").sum()
    assert found.loc["without night", "n"] == 900 - night
    counts = pd.crosstab(table["shift"], table["ng"])
    assert found.loc["subsample", "n"] == 2 * counts.min(axis=1).sum()
    assert found.loc["subsample", "n 0"] == found.loc["subsample", "n 1"]
    assert found.loc["weights", "n 0"] == pytest.approx(450, abs=1)
    assert (found["effective_n"] <= found["n"] + 1e-9).all()
    kish = balance(table, "ng", ["shift"]).effective_n
    assert found.loc["weights", "effective_n"] == pytest.approx(kish)
    assert found.loc["weights", "effective_n"] > found.loc["subsample", "effective_n"]


def test_what_if_takes_the_values_that_are_named():
    found = what_if(confounded(), "ng", "shift", drop=["night"])
    assert found["remedy"].tolist()[3:] == ["without night"]
    assert what_if(confounded(), "ng", "shift", drop="night")["remedy"].iloc[3] == "without night"
    with pytest.raises(InputError, match="no value 'noon'; it has day, evening, night"):
        what_if(confounded(), "ng", "shift", drop=["noon"])


def test_what_if_of_two_values_leaves_one():
    table = confounded().query("shift != 'day'")
    found = what_if(table, "ng", "shift").set_index("remedy")
    assert found.loc["without night", ["v", "auc"]].tolist() == [0, 0.5]


def lamps(n=400, seed=0):
    """Camera B sees 0.8 times the light, and 0.1 more than nothing."""
    rng = np.random.default_rng(seed)
    camera = np.where(np.arange(n) % 5 < 3, "A", "B")
    b = camera == "B"
    brightness, contrast = rng.normal(0.5, 0.03, n), rng.normal(0.4, 0.03, n)
    return pd.DataFrame(
        {
            "camera": camera,
            "brightness": np.where(b, 0.8 * brightness + 0.1, brightness),
            "contrast": np.where(b, 0.8 * contrast, contrast),
        }
    )


def test_gain_and_offset_undo_another_light_and_the_drift_is_gone():
    table = lamps()
    found = intensity(table, "camera")
    assert found["A"] == {"gain": pytest.approx(1), "offset": pytest.approx(0)}
    assert found["B"] == {
        "gain": pytest.approx(1.25, abs=0.03),
        "offset": pytest.approx(-0.125, abs=0.02),
    }
    effect = intensity_effect(table, "camera", found)
    assert effect["before"]["low"] > 0.9
    assert effect["after"]["value"] == pytest.approx(0.5, abs=0.08)
    back = intensity(table, "camera", reference="B")
    assert back["A"]["gain"] == pytest.approx(1 / found["B"]["gain"])


def test_a_corrected_picture_measures_like_the_reference(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    bright = rng.integers(60, 200, (64, 64)).astype(np.uint8)
    dim = np.rint(bright * 0.7 + 10).astype(np.uint8)
    rows = []
    for name, pixels in (("bright", bright), ("dim", dim)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        rows.append(measure(tmp_path, f"{name}.png") | {"camera": name})
    to_bright = intensity(pd.DataFrame(rows), "camera", reference="bright")["dim"]
    assert np.abs(correct(dim, **to_bright).astype(int) - bright).max() <= 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_correction_keeps_dtype_rounds_and_clips(dtype):
    top = np.iinfo(dtype).max if dtype != "float32" else 1
    pixels = (np.array([[0.0, 0.5, 1.0]]) * top).astype(dtype)
    out = correct(pixels, 1.5, -0.25)
    assert out.dtype == pixels.dtype
    assert out[0] == pytest.approx([0, 0.5 * top, top], abs=1)
    assert (correct(pixels, 1.0, 0.0) == pixels).all()
    assert correct(np.array([[3]], np.uint8), 1.25, 0)[0, 0] == 4  # 3.75, not cut off to 3


def test_opacity_is_no_light():
    pixels = np.full((4, 4, 4), 100, np.uint8)
    out = correct(pixels, 2, 0)
    assert (out[:, :, :3] == 200).all()
    assert (out[:, :, 3] == 100).all()


def test_a_group_without_contrast_or_a_wrong_reference_is_refused():
    table = lamps()
    with pytest.raises(InputError, match="no readable image of 'C'; it has A, B"):
        intensity(table, "camera", reference="C")
    with pytest.raises(InputError, match="'B' have no contrast"):
        intensity(table.assign(contrast=table["contrast"] * (table["camera"] == "A")), "camera")
    with pytest.raises(InputError, match="two are needed"):
        intensity_effect(table[table["camera"] == "A"], "camera", intensity(table, "camera"))
