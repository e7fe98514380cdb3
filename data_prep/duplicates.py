"""Images with exactly the same pixels."""

import pandas as pd

from data_prep.rules import Finding, class_text

SHOWN = 20  # sets named in the evidence; the ledger names all


def exact_copies(table: pd.DataFrame, label: str | None) -> list[Finding]:
    """All but the first of each set of equal pictures, in the order of their paths.

    A set whose labels differ makes the finding a problem: one of the labels is wrong.

    Parameters
    ----------
    table
        Rows of readable images that no other rule has put aside.
    """
    twice = table[table["pixel_hash"].duplicated(keep=False)].sort_values("path")
    if twice.empty:
        return []
    sets, conflicts, paths, details = [], [], [], []
    for _, members in twice.groupby("pixel_hash", sort=False):
        first, *others = members["path"]
        differ = label is not None and class_text(members[label]).nunique() > 1
        sets.append([first, *others])
        paths += others
        details += [{"copy_of": first, "label_conflict": differ}] * len(others)
        if differ:
            conflicts.append([first, *others])
    evidence = {
        "n": len(paths),
        "n_sets": len(sets),
        "sets": sets[:SHOWN],
        "n_label_conflicts": len(conflicts),
        "label_conflicts": conflicts[:SHOWN],
    }
    severity = "problem" if conflicts else "warning"
    return [Finding("exact_copy", severity, tuple(paths), evidence, len(paths), tuple(details))]
