"""Gaps: planted patterns are told, chance is left alone, and filling never looks at test rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer

from data_prep.rules.imputing import fill, gaps, impute, missing_by, missing_pattern, not_at_random
from natkit.core.errors import InputError


def line(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "heat": rng.normal(70, 5, n),
            "operator": rng.choice(["Abe", "Ito", "Ono"], n, p=[0.5, 0.3, 0.2]),
            "turns": pd.array(rng.integers(0, 9, n), "Int64"),
            "camera": rng.choice(["A", "B"], n),
        }
    )


def test_the_pattern_counts_what_is_missing_together():
    table = line(10)
    table.loc[0:2, ["heat", "turns"]] = None
    table.loc[3, "operator"] = None
    found = missing_pattern(table, ["heat", "operator", "turns"])
    assert found["count"].tolist() == [6, 3, 1]
    assert found["share"].tolist() == [0.6, 0.3, 0.1]
    assert found.iloc[1][["heat", "operator", "turns"]].tolist() == [True, False, True]


def test_wilson_s_interval_has_its_known_values():
    """0 of 10 and 5 of 10: 0 … 0.2775 and 0.2366 … 0.7634 (Brown, Cai and DasGupta 2001)."""
    table = pd.DataFrame({"camera": ["A"] * 10 + ["B"] * 10, "heat": [1.0] * 15 + [np.nan] * 5})
    found = missing_by(table, "heat", ["camera"]).set_index("value")
    assert found.loc["A", ["share", "low", "high"]].tolist() == pytest.approx(
        [0, 0, 0.2775], abs=1e-4
    )
    assert found.loc["B", ["share", "low", "high"]].tolist() == pytest.approx(
        [0.5, 0.2366, 0.7634], abs=1e-4
    )
    assert found[["missing", "n"]].to_numpy().tolist() == [[0, 10], [5, 10]]
    assert missing_by(table, "heat", []).empty


def test_gaps_that_another_column_tells_are_found_with_its_name():
    table = line()
    rng = np.random.default_rng(1)
    gone = rng.random(400) < np.where(table["camera"] == "B", 0.5, 0.1)
    dark = pd.DataFrame({"brightness": rng.random(400)})
    table.loc[gone, "heat"] = np.nan
    table.loc[rng.random(400) < 0.6 * (dark["brightness"] < 0.3), "operator"] = None
    table.loc[rng.random(400) < 0.2, "turns"] = None  # by chance
    columns = ["heat", "operator", "turns"]
    found = not_at_random(table, columns, dark, ["camera"], seed=0)
    said = {f.evidence["column"]: f.evidence["from"] for f in found}
    assert said == {"heat": "camera", "operator": "brightness"}
    assert all(f.evidence["p"] <= 0.05 and f.evidence["auc"]["low"] > 0.5 for f in found)
    assert {f.count for f in found} == set(table[["heat", "operator"]].isna().sum())


def test_gaps_by_chance_are_left_alone():
    """20 tables, two columns with gaps each: at 5 % one or two alarm."""
    alarms = 0
    for seed in range(20):
        table, rng = line(300, seed), np.random.default_rng(seed)
        table.loc[rng.random(300) < 0.2, "heat"] = np.nan
        table.loc[rng.random(300) < 0.3, "operator"] = None
        seen = pd.DataFrame({"brightness": rng.random(300)})
        alarms += bool(not_at_random(table, ["heat", "operator"], seen, ["camera"], seed))
    assert alarms <= 2


def test_missing_together_is_not_called_a_cause():
    table, rng = line(), np.random.default_rng(3)
    table.loc[rng.random(400) < 0.3, ["heat", "operator", "turns"]] = None
    columns = ["heat", "operator", "turns"]
    assert not_at_random(table, columns, pd.DataFrame(index=table.index), [], seed=0) == []


def test_too_few_gaps_are_not_asked():
    table = line()
    table.loc[table.index[table["camera"] == "B"][:19], "heat"] = np.nan
    assert not_at_random(table, ["heat"], pd.DataFrame(index=table.index), ["camera"], 0) == []


def test_gaps_are_filled_from_train_rows_alone_and_marked():
    table = line()
    train = np.arange(400) < 200
    table.loc[200:, "heat"] += 1000  # what a test row holds must not be learned
    table.loc[~train, "operator"] = "Ono"
    for column, step in (("heat", 5), ("operator", 7), ("turns", 9)):
        table.loc[::step, column] = None
    before = table.copy()
    out = impute(table, ["heat", "operator", "turns"], train, "camera", [])
    pd.testing.assert_frame_equal(table, before)
    for column in ("heat", "operator", "turns"):
        gone = before[column].isna()
        assert (out[f"{column}_missing"] == gone).all()
        assert out[column].dtype == before[column].dtype
        pd.testing.assert_series_equal(out.loc[~gone, column], before.loc[~gone, column])
    independent = SimpleImputer(strategy="median").fit(before.loc[train, ["heat"]]).statistics_[0]
    assert out.loc[before["heat"].isna(), "heat"].unique() == pytest.approx([independent])
    assert out.loc[before["operator"].isna(), "operator"].unique().tolist() == ["Abe"]
    whole = round(before.loc[train, "turns"].astype(float).median())
    assert out.loc[before["turns"].isna(), "turns"].unique().tolist() == [whole]


@pytest.mark.parametrize("kind", ["float32", "boolean", "category", "datetime64[us]"])
def test_other_dtypes_stay(kind):
    values = {
        "float32": [1.5, None],
        "boolean": [True, None],
        "category": ["a", None],
        "datetime64[us]": ["2026-01-01", None],
    }
    column = pd.Series(values[kind] * 3, name="x").astype(kind)
    out = impute(column.to_frame(), ["x"], np.ones(6, bool), None, [])
    assert out["x"].dtype == column.dtype
    assert (out["x"] == column[0]).all()
    assert out["x_missing"].tolist() == [0, 1] * 3


def test_a_column_without_gaps_is_marked_too():
    out = impute(line(20), ["heat"], np.ones(20, bool), None, [])
    assert out["heat_missing"].tolist() == [0] * 20
    assert out["heat_missing"].dtype == int


def test_labels_and_groups_are_never_guessed():
    table, train = line(), np.ones(400, bool)
    for label, groups in (("heat", []), (None, ["heat"])):
        with pytest.raises(InputError, match="'heat' is the label or a group"):
            impute(table, ["heat"], train, label, groups)
    with pytest.raises(InputError, match="no value among the 10 train rows"):
        impute(table.assign(heat=np.nan), ["heat"], np.arange(400) < 10, None, [])


def signals(n=3, channels=2, length=200, seed=0):
    return np.random.default_rng(seed).normal(size=(n, channels, length)).cumsum(axis=2)


def test_clean_signals_have_no_gap_and_no_spike():
    found = gaps(signals())
    assert found[["signal", "channel"]].to_numpy().tolist() == [
        [i, c] for i in range(3) for c in (0, 1)
    ]
    assert (found[["missing_share", "longest_gap", "longest_stuck", "spikes"]] == 0).all(axis=None)


def test_planted_gaps_stuck_runs_and_spikes_are_counted():
    x = signals()
    x[0, 0, 10:13] = x[0, 0, 50:57] = np.nan
    x[1, 0, 100:120] = x[1, 0, 100]
    x[2, 1, [40, 90, 91 + 50]] += 200
    x[2, 0, 120:] += 200  # a step
    found = gaps(x).set_index(["signal", "channel"])
    assert found.loc[(0, 0), ["missing_share", "longest_gap"]].tolist() == [0.05, 7]
    assert found.loc[(1, 0), "longest_stuck"] == 20
    assert found["spikes"].tolist() == [0, 0, 0, 0, 1, 3]
    assert (found["longest_stuck"] > 0).sum() == 1


def test_a_spike_in_a_dead_channel_is_seen_and_a_dead_channel_is_none():
    x = np.zeros((1, 2, 200))
    x[0, 1, 100] = 1
    found = gaps(x)
    assert found["spikes"].tolist() == [0, 1]
    assert found["longest_stuck"].tolist() == [200, 100]


def test_short_gaps_are_drawn_straight_and_long_ones_and_ends_stay():
    x = np.arange(40.0).reshape(1, 1, 40).repeat(2, axis=1)
    x[0, 0, 5:8] = x[0, 0, 20:24] = x[0, 0, 38:] = x[0, 1, 0] = np.nan
    before = x.copy()
    out, filled = fill(x, limit=3)
    np.testing.assert_array_equal(x, before)
    assert out[0, 0, 5:8].tolist() == [5, 6, 7]
    assert np.isnan(out).sum() == 4 + 2 + 1
    assert np.argwhere(filled).tolist() == [[0, 0, 5], [0, 0, 6], [0, 0, 7]]
    again, more = fill(x, limit=4)
    assert again[0, 0, 20:24].tolist() == [20, 21, 22, 23]
    assert more.sum() == 7


def test_signals_of_another_form_are_refused():
    with pytest.raises(InputError, match=r"int64 of shape \(3, 4\)"):
        gaps(np.ones((3, 4), int))
    with pytest.raises(InputError, match="limit is 0"):
        fill(signals(), 0)
