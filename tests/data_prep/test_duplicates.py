"""Exact copies: the first of each set stays, and a label conflict is a problem."""

import pandas as pd

from data_prep.duplicates import exact_copies


def table(hashes, labels=None):
    paths = [f"{i}.png" for i in range(len(hashes))]
    return pd.DataFrame({"path": paths, "pixel_hash": list(hashes), "ng": labels or 0})


def test_all_but_the_first_path_of_a_set_are_named():
    (finding,) = exact_copies(table("abcbab").iloc[::-1], "ng")
    assert sorted(finding.paths) == ["3.png", "4.png", "5.png"]
    assert sorted(finding.evidence["sets"]) == [["0.png", "4.png"], ["1.png", "3.png", "5.png"]]
    assert (finding.severity, finding.evidence["n_label_conflicts"]) == ("warning", 0)
    of = dict(zip(finding.paths, (d["copy_of"] for d in finding.details), strict=True))
    assert of == {"3.png": "1.png", "5.png": "1.png", "4.png": "0.png"}


def test_a_label_conflict_is_a_problem_and_a_missing_label_is_none():
    (finding,) = exact_copies(table("aabb", [0, 1, 1, 1]), "ng")
    assert finding.severity == "problem"
    assert finding.evidence["label_conflicts"] == [["0.png", "1.png"]]
    (finding,) = exact_copies(table("aa", [1, None]), "ng")
    assert finding.severity == "warning"


def test_different_pictures_are_no_copies():
    assert exact_copies(table("abcd"), None) == []
