"""Drift: planted domains are told with the right number, alike ones are left alone."""

import numpy as np
import pandas as pd
import pytest

from data_prep.rules.drift import drift_of_vectors, drifts, shift
from natkit.core.errors import InputError

APART = 0.7416  # standard deviations between two normals for an AUC of 0.7: √2 Φ⁻¹(0.7)


def line(seed, n=500):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "camera": rng.choice(["A", "B", "C"], n),
            "day": pd.date_range("2026-01-01", periods=n, freq="h"),
        }
    )
    names = ["brightness", "contrast", "sharpness", "noise"]
    return table, pd.DataFrame(rng.normal(size=(n, 4)), columns=names)


def told(*arguments):
    return [(f.evidence["column"], f.evidence["value"]) for f in drifts(*arguments)]


def test_a_camera_that_differs_is_found_and_said_by_what():
    found, hits = 0, []
    for seed in range(12):
        table, seen = line(seed)
        seen.loc[table["camera"] == "B", "contrast"] += APART
        first = drifts(table, seen, ["camera"], None, seed)[:1]
        if first and first[0].evidence["value"] == "B":
            found += 1
            hits.append(first[0].evidence)
    assert found >= 11
    assert {e["most"] for e in hits} == {"contrast"}
    assert np.mean([e["shift"] for e in hits]) == pytest.approx(APART, abs=0.1)
    assert np.mean([e["auc"]["value"] for e in hits]) == pytest.approx(0.68, abs=0.02)
    assert all(
        e["p"] <= 0.05 and e["auc"]["low"] < e["auc"]["value"] < e["auc"]["high"] for e in hits
    )
    assert hits[-1]["n"] == (table["camera"] == "B").sum()


def test_alike_domains_are_left_alone():
    """20 sets with 7 domains each: at 5 % one alarms."""
    assert sum(bool(told(*line(seed), ["camera"], "day", seed)) for seed in range(20)) <= 2


def test_a_change_half_way_is_told_by_its_dates():
    table, seen = line(1)
    seen.loc[250:, "sharpness"] -= 1.5
    (finding,) = drifts(table, seen, [], "day", 0)
    assert finding.evidence["value"] == "2026-01-11 10:00 … 2026-01-21 19:00"
    assert finding.evidence["most"] == "sharpness"
    assert finding.evidence["shift"] == pytest.approx(-1.5, abs=0.4)
    assert finding.evidence["auc"]["value"] == pytest.approx(0.84, abs=0.05)  # Φ(1.5 / √2)
    assert finding.count == 250


def test_an_episode_in_the_middle_is_told_as_the_middle_third():
    table, seen = line(2, 600)
    seen.loc[200:399, "brightness"] += 2
    ((column, value),) = told(table, seen, [], "day", 0)
    assert (column, value) == ("day", "2026-01-09 08:00 … 2026-01-17 15:00")


def test_the_order_of_rows_and_the_type_of_time_do_not_matter():
    table, seen = line(1)
    seen.loc[250:, "sharpness"] -= 1.5
    text = table.assign(day=table["day"].dt.strftime("%Y-%m-%dT%H:%M"))
    order = np.random.default_rng(0).permutation(500)
    mixed, looks = text.iloc[order].reset_index(drop=True), seen.iloc[order].reset_index(drop=True)
    assert told(mixed, looks, [], "day", 0) == told(table, seen, [], "day", 0)


def test_two_values_are_one_question_and_the_strongest_comes_first():
    table, seen = line(3)
    table["shift"] = np.where(np.arange(500) % 5 < 2, "night", "day")
    seen.loc[table["shift"] == "night", "brightness"] += 3
    seen.loc[table["camera"] == "A", "contrast"] += 1
    found = told(table, seen, ["camera", "shift"], None, 0)
    assert found[0] == ("shift", "night")
    assert ("shift", "day") not in found
    assert ("camera", "A") in found


def test_lots_rare_values_and_gaps_are_not_asked():
    table, seen = line(4)
    table["lot"] = np.maximum(np.arange(500), 60) // 20  # 23 values, the first of 80 images
    table["rare"] = np.where(np.arange(500) < 49, "x", "y")
    seen.loc[:79, "contrast"] += 5
    assert told(table, seen, ["lot"], None, 0) == []
    seen.loc[:48, "brightness"] += 5
    assert told(table, seen, ["rare"], None, 0) == []
    table.loc[:79, "camera"] = None  # the strange images belong to no camera
    assert told(table, seen, ["camera"], None, 0) == []


def test_missing_statistics_can_tell_a_domain():
    table, seen = line(5)
    seen.loc[table["camera"] == "C", "noise"] = np.nan
    assert told(table, seen, ["camera"], None, 0)[0] == ("camera", "C")


def test_what_is_no_date_is_named():
    table, seen = line(6)
    table["day"] = table["day"].astype(str)
    table.loc[7, "day"] = "yesterday"
    with pytest.raises(InputError, match="'day' holds 'yesterday', which is no date"):
        drifts(table, seen, [], "day", 0)


def test_a_shift_is_counted_in_robust_deviations_of_the_rest():
    rest = pd.Series([*range(101), 10_000.0])
    assert shift(rest + 37.065, rest) == pytest.approx(37.065 / (1.4826 * 25.5), abs=0.01)
    assert shift(pd.Series([1.0, 1]), pd.Series([1.0, 1])) == 0


def test_vectors_that_differ_are_told_and_alike_ones_are_not():
    rng = np.random.default_rng(0)
    x, night = rng.normal(size=(300, 40)), np.arange(300) % 3 == 0
    alike = drift_of_vectors(x, night, 0)
    assert alike["p"] > 0.05
    assert alike["auc"]["low"] < 0.55
    x[night] += 0.4
    differ = drift_of_vectors(x, night, 0)
    assert differ["p"] == pytest.approx(0.01)
    assert differ["auc"]["low"] > 0.8
    assert differ["n"] == 100
    with pytest.raises(InputError, match="49 of 300"):
        drift_of_vectors(x, np.arange(300) < 49, 0)
