"""What is not there is found, and what is dark, plain or framed by habit is left alone."""

import numpy as np
import pandas as pd

from data_prep.rules.missing import broken_images, missing_labels, missing_values, mixed_kinds


def scanned(n=50, **columns):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "path": [f"{i:03}.png" for i in range(n)],
            "status": "ok",
            "contrast": rng.uniform(0.3, 0.7, n),
            "missing_share": np.where(np.arange(n) % 10 == 0, 0.007, 0.0),  # as in solar cells
            "listed": True,
        }
    )
    return table.assign(**columns)


def rules(findings):
    return {f.rule: list(f.paths) for f in findings}


def test_each_broken_image_is_named_once_by_the_first_rule_that_fits():
    table = scanned()
    table.loc[1, ["status", "contrast", "missing_share"]] = ["absent", np.nan, np.nan]
    table.loc[2, ["status", "contrast", "missing_share"]] = ["empty", np.nan, np.nan]
    table.loc[3, ["contrast", "missing_share"]] = [0.0, 1.0]
    table.loc[4, "missing_share"] = 0.4
    assert rules(broken_images(table)) == {
        "absent": ["001.png"],
        "unreadable": ["002.png"],
        "blank": ["003.png"],
        "partly_missing": ["004.png"],
    }


def test_a_clean_folder_has_no_finding():
    assert broken_images(scanned()) == []


def test_pictures_that_are_flat_or_framed_by_habit_are_not_broken():
    flat = scanned(contrast=np.random.default_rng(1).uniform(0.01, 0.03, 50))  # 12 bits kept in 16
    assert broken_images(flat) == []
    framed = scanned(missing_share=np.random.default_rng(1).uniform(0.2, 0.24, 50))
    assert broken_images(framed) == []
    cut_out = scanned(missing_share=np.random.default_rng(1).uniform(0.0, 0.4, 50))
    assert broken_images(cut_out) == []
    framed.loc[7, "missing_share"] = 0.6
    assert rules(broken_images(framed)) == {"partly_missing": ["007.png"]}


def test_missing_values_are_counted_by_group_and_only_where_listed():
    camera = np.array(["A"] * 25 + ["B"] * 25, dtype=object)
    table = scanned(camera=camera, shift="day", temperature=20.5, serial=np.arange(50))
    table.loc[40:44, "temperature"] = np.nan  # of camera B
    table.loc[49, ["camera", "shift", "temperature", "listed"]] = [None, None, np.nan, False]
    columns = ["camera", "shift", "temperature", "serial"]
    (finding,) = missing_values(table, columns, ("camera", "shift"))
    assert finding.paths == tuple(f"{i:03}.png" for i in range(40, 45))
    assert finding.severity == "note"
    shares = finding.evidence.pop("by_group")
    assert finding.evidence == {"column": "temperature", "missing": 5, "n": 49}
    assert shares == {
        "camera": {"A": 0.0, "B": round(5 / 24, 4)},
        "shift": {"day": round(5 / 49, 4)},
    }


def test_a_gap_in_a_group_is_a_warning():
    table = scanned(shift=["day"] * 49 + [None])
    (finding,) = missing_values(table, ["shift"], ("shift",))
    assert (finding.severity, finding.evidence["by_group"]) == ("warning", {})


def test_missing_labels_say_whether_the_row_or_the_value_is_missing():
    table = scanned(ng=[1.0] * 48 + [np.nan] * 2)
    table.loc[49, "listed"] = False
    (finding,) = missing_labels(table, "ng")
    assert finding.paths == ("048.png", "049.png")
    assert finding.evidence == {"column": "ng", "missing": 2, "n": 50, "not_in_table": 1}
    assert missing_labels(scanned(ng=1), "ng") == []


def test_pictures_of_another_kind_than_most_are_set_aside_and_pages_told():
    table = pd.DataFrame(
        {
            "path": list("abcd"),
            "channels": [1, 1, 3, 1],
            "bits": [8, 8, 8, 16],
            "pages": [1, 5, 1, 1],
        }
    )
    kinds, pages = mixed_kinds(table)
    assert (kinds.rule, kinds.paths, kinds.action) == ("mixed_kinds", ("c", "d"), "quarantined")
    assert kinds.evidence == {"n": 2, "kind": "1 × 8 bit", "others": "1 × 16 bit, 3 × 8 bit"}
    assert kinds.details[0] == {"channels": 3, "bits": 8}
    assert (pages.rule, pages.paths, pages.action) == ("pages", ("b",), "reported")
    assert mixed_kinds(table.iloc[:1]) == mixed_kinds(table.iloc[:0]) == []
