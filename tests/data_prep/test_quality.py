"""Worse than its own camera: judged within the group, told apart from what the camera always does."""

import numpy as np
import pandas as pd
import pytest

from data_prep.rules.quality import gains, own_level, worse_than_own_camera
from data_prep.rules.registry import RULES
from data_prep.rules.user_rules import with_own
from data_prep.scanning.statistics import STATISTICS


def table(n=200, seed=0):
    """Two cameras: B has half the light and half the sharpness of A."""
    rng = np.random.default_rng(seed)
    camera = np.where(np.arange(n) % 2, "A", "B")
    level = np.where(camera == "A", 0.8, 0.4)
    out = pd.DataFrame({"path": [f"{i:03}.png" for i in range(n)], "camera": camera})
    out = out.assign(**dict.fromkeys(STATISTICS, 0.0), line="L1")
    out["white"] = level * np.exp(rng.normal(0, 0.03, n))
    out["sharpness"] = level * np.exp(rng.normal(0, 0.05, n))
    return out


def named(findings):
    return {f.rule: set(f.paths) for f in findings}


def test_a_sound_set_has_no_finding():
    assert worse_than_own_camera(table(), ["camera"]) == []
    assert worse_than_own_camera(table().iloc[:0], ["camera"]) == []


def test_an_image_is_judged_by_its_own_camera():
    """0.4 is what camera B always has; of A it is half the light."""
    rows = table()
    rows.loc[1, "white"] = 0.4
    rows.loc[3, "sharpness"] = 0.4
    assert named(worse_than_own_camera(rows, ["camera"])) == {
        "dark": {"001.png"},
        "blurred": {"003.png"},
    }
    assert named(worse_than_own_camera(rows, [])) == {}
    (dark, _) = worse_than_own_camera(rows, ["camera"])
    assert dark.details[0]["value"] == pytest.approx(0.4)
    assert dark.details[0]["usual"] == pytest.approx(0.8, rel=0.02)


def test_a_small_cell_is_judged_with_the_larger_one_around_it():
    rows = table()
    rows.loc[:9, "line"] = "L2"  # ten images: too few to know what is usual
    values = np.log(rows["white"].to_numpy())
    fine, _ = own_level(values, rows[["camera", "line"]])
    coarse, _ = own_level(values, rows[["camera"]])
    assert np.array_equal(fine[:10], coarse[:10])


def test_z_counts_the_spread_of_the_lower_half():
    values = np.random.default_rng(0).normal(0, 2, 20_000)
    values[values > 0] *= 10  # the upper half says nothing about the lower
    median, z = own_level(values, pd.DataFrame(index=range(len(values))))
    assert np.std(np.concatenate([z[z > 0], -z[z > 0]])) == pytest.approx(1, abs=0.02)
    assert abs(median[0]) < 0.1


def test_dead_lines_that_a_camera_always_has_are_no_finding():
    rows = table()
    rows["dead_lines"] = np.where(rows["camera"] == "A", 1.0, 0.0)
    assert worse_than_own_camera(rows, ["camera"]) == []
    rows.loc[[0, 1], "dead_lines"] = 2.0
    assert named(worse_than_own_camera(rows, ["camera"])) == {"dead_lines": {"000.png", "001.png"}}


def test_glare_is_told_and_limits_come_from_the_rules():
    rows = table()
    rows.loc[5, "saturated_share"] = 0.3
    assert named(worse_than_own_camera(rows, ["camera"])) == {"overexposed": {"005.png"}}
    lax = with_own({"overexposed": {"limit": {"area": 0.4}}})
    assert worse_than_own_camera(rows, ["camera"], lax) == []
    assert worse_than_own_camera(rows, ["camera"], with_own({"overexposed": {"off": True}})) == []


def test_an_image_has_one_fault_alone():
    rows = table()
    rows.loc[7, ["dead_block", "white", "sharpness"]] = 0.1
    assert named(worse_than_own_camera(rows, ["camera"])) == {"dead_block": {"007.png"}}


def test_a_gain_is_found_with_its_size_and_an_equal_camera_is_not():
    rows = table()
    (found,) = gains(rows, ["camera"], RULES, 0)
    assert found.evidence["column"] == "camera"
    ratio = found.evidence["ratio"]
    truth = 0.5 if found.evidence["value"] == "B" else 2.0
    assert ratio["low"] <= truth <= ratio["high"]
    rows["white"] = 0.5
    assert gains(rows, ["camera"], RULES, 0) == []


def test_of_three_cameras_the_odd_one_is_named():
    rng = np.random.default_rng(1)
    rows = table(300)
    rows["camera"] = np.array(["A", "B", "C"])[np.arange(300) % 3]
    rows["white"] = np.where(rows["camera"] == "C", 0.4, 0.5) * np.exp(rng.normal(0, 0.1, 300))
    assert [f.evidence["value"] for f in gains(rows, ["camera"], RULES, 0)] == ["C"]


def test_false_alarms_on_sound_cameras_are_rare():
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rows = table(300)
        rows["white"] = 0.5 * np.exp(rng.normal(0, 0.1, 300))
        rows["sharpness"] = 0.5 * np.exp(rng.normal(0, 0.1, 300))
        alarms += len(gains(rows, ["camera"], RULES, 0) + worse_than_own_camera(rows, ["camera"]))
    assert alarms <= 1
