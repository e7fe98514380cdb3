"""Images of the same picture: exact copies by their pixels, near copies by what is left when they are laid together."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data_prep.rules.finders import IMAGES, Context, Need, Stage, finds
from data_prep.rules.groups import components
from data_prep.rules.likeness import Look, alike, fingerprint, nominate
from data_prep.rules.registry import Finding
from natkit.core.labels import class_names
from natkit.core.progress import progress
from natkit.data.decoding import UnreadableImage, read_image

EXACT, NEAR = "exact_copy", "near_copy"  # codes of the two rules
SHOWN = 20  # sets named in the evidence; the ledger names all
BURST = 10.0  # seconds between two pictures of one burst


def exact_copies(table: pd.DataFrame, label: str | None) -> list[Finding]:
    """All but the first of each set of equal pictures, in the order of their paths.

    A set whose labels differ makes the finding a problem: one of the labels is wrong.

    Parameters
    ----------
    table
        Rows of readable images that no other rule has put aside.
    """
    twice = table[table["pixel_hash"].duplicated(keep=False)].sort_values("path")
    sets = [members for _, members in twice.groupby("pixel_hash", sort=False)]
    return _finding(EXACT, sets, [{}] * len(sets), label)


def near_copies(
    table: pd.DataFrame,
    root: Path,
    label: str | None,
    parts: Sequence[str] = (),
    time: str | None = None,
) -> list[Finding]:
    """Pictures saved again brighter, smaller, shifted or compressed; never another part, however alike.

    Of each picture the three nearest are nominated, by fingerprints that are read against what the whole set shares,
    and proved by pixels (:func:`data_prep.rules.likeness.alike`).
    Each set is told apart by the table: *re-inspection* (one part, at different times), *same
    product* (one part, times unknown), *burst* (within 10 s), else *copy*. A picture that is there more than
    twenty times is not found.

    Parameters
    ----------
    table
        Rows of readable images that no other rule has put aside, no pixel hash twice.
    parts
        Columns that name one product (serial number, part).
    time
        Column of the time of capture; ``captured`` (EXIF) if not given.

    Notes
    -----
    Reads every picture once more; then about 10 ms a nominated pair, of which there are fewer than pictures as a rule
    and three times as many at most (``tests/benchmarks/cleaning.py alike``).
    """
    table = table.sort_values("path", ignore_index=True)
    if table.empty:
        return []
    paths = list(table["path"])
    same = list(proved(paths, root, sorted(nominate(fingerprints(paths, root)))))
    links = pd.DataFrame(same, columns=["i", "j", "alike"])
    graph = coo_array((np.ones(len(links)), (links["i"], links["j"])), (len(table), len(table)))
    together = connected_components(graph, directed=False)[1]
    least = links.groupby(together[links["i"].astype(int)])["alike"].min()
    sets, facts = [], []
    for part, rows in table.groupby(together, sort=False):
        if len(rows) > 1:
            sets.append(rows)
            facts.append({"kind": kind(rows, parts, time), "alike": round(float(least[part]), 3)})
    return _finding(NEAR, sets, facts, label)


def fingerprints(paths: Sequence[str], root: Path) -> np.ndarray:
    """float32 (n, d): the fingerprint of each picture."""
    with joblib.Parallel(-1, prefer="threads", return_as="generator", batch_size=16) as pool:
        made = pool(joblib.delayed(_finger)(root / path) for path in paths)
        return np.array(list(progress(made, "look for near copies", len(paths))))


def _finger(file: Path) -> np.ndarray:
    return fingerprint(_grey(file))


def proved(
    paths: Sequence[str], root: Path, pairs: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, float]]:
    """(i, j, likeness) of each of the pairs that is one picture."""

    @lru_cache(maxsize=128)  # 1.5 MB each
    def look(row: int) -> Look:
        return Look(_grey(root / paths[row]))

    def compare(i: int, j: int) -> float | None:
        return alike(look(i), look(j))

    with joblib.Parallel(-1, prefer="threads", return_as="generator", batch_size=16) as pool:
        found = pool(joblib.delayed(compare)(*pair) for pair in pairs)
        for pair, same in zip(pairs, progress(found, "prove near copies", len(pairs)), strict=True):
            if same is not None:
                yield *pair, same


def _grey(file: Path) -> np.ndarray:
    """float32 (h, w) in levels of 255; zeros if the file has gone since the scan."""
    try:
        pixels = read_image(file)
    except (OSError, UnreadableImage):
        return np.zeros((8, 8), np.float32)
    top = 1 if pixels.dtype == np.uint8 else max(float(np.nan_to_num(pixels).max()) / 255, 1e-9)
    grey = np.nan_to_num(pixels.astype(np.float32)) / np.float32(top)
    return grey if grey.ndim == 2 else grey[:, :, :3].mean(axis=2)


def kind(rows: pd.DataFrame, parts: Sequence[str], time: str | None) -> str:
    """How pictures of one thing came about: copy, burst, re-inspection or same product."""
    stamps = pd.to_datetime(rows[time or "captured"], errors="coerce", format="ISO8601")
    seconds = (stamps.max() - stamps.min()).total_seconds() if stamps.notna().all() else None
    one_part = any(rows[part].notna().all() and rows[part].nunique() == 1 for part in parts)
    if seconds is not None and 0 < seconds <= BURST:
        return "burst"
    if one_part and seconds:
        return "re-inspection"
    if one_part and seconds is None:
        return "same product"
    return "copy"


def _finding(rule: str, sets: list[pd.DataFrame], facts: list[dict], label: str | None):
    """One finding about all sets: the first image of each stays, the others are named."""
    if not sets:
        return []
    conflicts, paths, details = [], [], []
    for members, own in zip(sets, facts, strict=True):
        first, *others = members["path"]
        differ = label is not None and class_names(members[label]).nunique() > 1
        paths += others
        details += [{"copy_of": first, "label_conflict": differ, **own}] * len(others)
        if differ:
            conflicts.append([first, *others])
    evidence = {
        "n": len(paths),
        "n_sets": len(sets),
        "sets": [list(members["path"]) for members in sets[:SHOWN]],
        "n_label_conflicts": len(conflicts),
        "label_conflicts": conflicts[:SHOWN],
    }
    severity = "problem" if conflicts else "warning"
    return [Finding(rule, severity, tuple(paths), evidence, len(paths), tuple(details))]


def same_picture(table: pd.DataFrame, findings: Sequence[Finding]) -> np.ndarray:
    """int (n,): rows of one number are copies of one picture, by findings about exact or near ones."""
    first = originals([f for f in findings if f.rule in (EXACT, NEAR)])
    roots = table["path"].map(lambda path: first.get(path, path))
    return pd.factorize(roots.map(lambda path: first.get(path, path)))[0]


def originals(copies: Sequence[Finding]) -> dict[str, str]:
    """Path of a copy → that of the picture which stays, from findings about copies."""
    return {
        path: facts["copy_of"]
        for finding in copies
        for path, facts in zip(finding.paths, finding.details, strict=True)
    }


def leakage(table: pd.DataFrame, split: str, together: dict[str, np.ndarray]) -> list[Finding]:
    """Images of a split of the user's whose like lies in another split.

    Parameters
    ----------
    split
        Column of the user's own split.
    together
        What may not be separated → int (n,) component of each row: ``{"exact_copy": …, "lot": …}``.
    """
    found = []
    names = class_names(table[split])
    for reason, component in together.items():
        crossing = names.groupby(component).transform("nunique") > 1
        if crossing.any():
            rows = table[crossing]
            n = len(rows)
            evidence = {
                "column": split,
                "by": reason,
                "n": n,
                "n_sets": int(len(set(component[crossing]))),
            }
            details = tuple(
                {"column": split, "by": reason, "split": s} for s in names[crossing].fillna("")
            )
            found.append(Finding("leakage", "problem", tuple(rows["path"]), evidence, n, details))
    return found


@finds(EXACT, stage=Stage.EXACT_COPIES)
def _exact_copies(context: Context) -> list[Finding]:
    return exact_copies(context.kept, context.label)


@finds(NEAR, stage=Stage.NEAR_COPIES, about=[IMAGES])
def _near_copies(context: Context) -> list[Finding]:
    single = context.kept[~context.kept["path"].isin(context.named(EXACT))]
    root, parts = context.scan.root, context.large_groups
    return near_copies(single, root, context.label, parts, context.time)


@finds("leakage", stage=Stage.NEAR_COPIES, needs=[Need.SPLIT])
def _leakage(context: Context) -> list[Finding]:
    """Among what is kept and its exact copies: one that is set aside leaks all the same."""
    table = context.scan.table
    asked = table[table["path"].isin(context.named(EXACT).union(context.kept["path"]))]
    copies = [f for f in context.findings if f.rule in (EXACT, NEAR)]
    together = {f.rule: same_picture(asked, [f]) for f in copies}
    together |= {group: components(asked, [group]) for group in context.large_groups}
    return leakage(asked, context.split, together)
