"""Images of the same picture: exact copies by their pixels, near copies nominated by hash and proved by pixels."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee
from sklearn.neighbors import NearestNeighbors

from data_prep.rules import Finding, class_text
from natkit.decoding import UnreadableImage, read_image, resize
from natkit.progress import progress

SHOWN = 20  # sets named in the evidence; the ledger names all
NEAR = 32  # of 256 bits that a near copy's hash may differ in
SIDE = 300  # pixels that two pictures are compared at
# detail between two widths of blur (pixels) → its correlation from which two pictures are one.
# Different solar cells reach 0.71 and 0.968; copies shifted by a pixel 0.83 in the finer one,
# copies compressed as JPEG 0.98 in the coarser one.
BANDS = {(0.0, 1.5): 0.8, (1.0, 6.0): 0.978}
# a rough glance at 64 pixels first: copies reach 0.97 and more there, and half of the others do not
ROUGH_SIDE, ROUGH, ROUGH_SAME = 64, (1.0, 4.0), 0.96
BLOCK = 512  # rows of the distance table at once
NEIGHBOURS = 5  # of each image in an embedding, nominated beside those that the hashes name
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
    return _finding("exact_copy", sets, [{}] * len(sets), label)


def near_copies(
    table: pd.DataFrame,
    root: Path,
    label: str | None,
    parts: Sequence[str] = (),
    time: str | None = None,
    vectors: np.ndarray | None = None,
) -> list[Finding]:
    """Pictures saved again brighter, smaller, shifted or compressed; never the same part seen again.

    Pairs whose hashes differ in at most 32 of 256 bits (and, with ``vectors``, the nearest
    neighbours) are compared pixel by pixel: the correlation of their detail at the best shift, without
    what all rows or columns share (busbars, edges of a fixture). They are copies from 0.8 on in the
    finest detail, or from 0.978 on in the next coarser.
    Each set is told apart by the table: *re-inspection* (one part, at different times), *same
    product* (one part, times unknown), *burst* (within 10 s), else *copy*.

    Parameters
    ----------
    table
        Rows of readable images that no other rule has put aside, no pixel hash twice.
    parts
        Columns that name one product (serial number, part).
    time
        Column of the time of capture; ``captured`` (EXIF) if not given.
    vectors
        float (n, d), an embedding of the rows: pairs that it holds for near are nominated too.

    Notes
    -----
    Nominating takes 1 s for 10,000 images and grows with their square; comparing 5 ms a picture, then 3 ms a pair.
    """
    table = table.sort_values("path", ignore_index=True)
    pairs = nominate(table["perceptual_hash"])
    if vectors is not None:
        pairs |= _neighbours(vectors)
    proved = [
        (i, j, max(alike))
        for i, j, alike in _compared(table, root, sorted(pairs))
        if any(found >= least for found, least in zip(alike, BANDS.values(), strict=True))
    ]
    links = pd.DataFrame(proved, columns=["i", "j", "alike"])
    graph = coo_array((np.ones(len(links)), (links["i"], links["j"])), (len(table), len(table)))
    together = connected_components(graph, directed=False)[1]
    least = links.groupby(together[links["i"].astype(int)])["alike"].min()
    sets, facts = [], []
    for part, rows in table.groupby(together, sort=False):
        if len(rows) > 1:
            sets.append(rows)
            facts.append({"kind": kind(rows, parts, time), "alike": round(float(least[part]), 3)})
    return _finding("near_copy", sets, facts, label)


def nominate(hashes: pd.Series) -> set[tuple[int, int]]:
    """Pairs (i, j), i < j, whose 256-bit hashes differ in at most 32 bits."""
    bits = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), 32)
    signs = np.unpackbits(bits, axis=1).astype(np.float32) * 2 - 1
    pairs = set()
    for start in range(0, len(signs), BLOCK):
        near = signs[start : start + BLOCK] @ signs[start:].T >= 256 - 2 * NEAR
        rows, columns = np.nonzero(near)
        above = columns > rows
        pairs |= set(
            zip((rows + start)[above].tolist(), (columns + start)[above].tolist(), strict=True)
        )
    return pairs


def _neighbours(vectors: np.ndarray) -> set[tuple[int, int]]:
    k = min(NEIGHBOURS + 1, len(vectors))
    near = NearestNeighbors(n_neighbors=k).fit(vectors).kneighbors(return_distance=False)
    return {(min(i, int(j)), max(i, int(j))) for i, row in enumerate(near) for j in row if i != j}


def _compared(table: pd.DataFrame, root: Path, pairs: list[tuple[int, int]]):
    """(i, j, likeness in each band) of each pair that is alike at a rough glance."""
    rows = sorted({row for pair in pairs for row in pair})

    def rough(row: int) -> np.ndarray:
        return rfft2(_detail(resize(_grey(root / table["path"][row]), ROUGH_SIDE)[:, :, 0], *ROUGH))

    with joblib.Parallel(-1, prefer="threads", return_as="generator") as pool:
        glances = pool(joblib.delayed(rough)(row) for row in rows)
        small = dict(zip(rows, progress(glances, "compare near copies", len(rows)), strict=True))
    pairs = [(i, j) for i, j in pairs if _best(small[i], small[j], ROUGH_SIDE) >= ROUGH_SAME]
    if not pairs:
        return
    ends = np.array(pairs)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (len(table),) * 2).tocsr()
    place = np.argsort(reverse_cuthill_mckee(graph + graph.T, symmetric_mode=True))
    pairs.sort(key=lambda pair: max(place[list(pair)]))  # the same pictures at about the same time

    @lru_cache(maxsize=256)
    def spectra(row: int) -> list[np.ndarray]:  # 0.7 MB each
        grey = _grey(root / table["path"][row])
        return [rfft2(_detail(grey, *band)) for band in BANDS]

    def compare(i: int, j: int) -> tuple[int, int, list[float]]:
        return i, j, [_best(a, b, SIDE) for a, b in zip(spectra(i), spectra(j), strict=True)]

    with joblib.Parallel(-1, prefer="threads", return_as="generator", batch_size=16) as pool:
        found = pool(joblib.delayed(compare)(*pair) for pair in pairs)
        yield from progress(found, "prove near copies", len(pairs))


def _best(one: np.ndarray, other: np.ndarray, side: int) -> float:
    """Correlation of two pictures at their best shift, from their spectra."""
    return float(irfft2(one * np.conj(other), s=(side, side)).max())


def _grey(file: Path) -> np.ndarray:
    """float32 (300, 300); zeros if the file has gone since the scan."""
    try:
        pixels = read_image(file).astype(np.float32)
    except (OSError, UnreadableImage):
        return np.zeros((SIDE, SIDE), np.float32)
    return resize(pixels if pixels.ndim == 2 else pixels[:, :, :3].mean(axis=2), SIDE)[:, :, 0]


def _detail(grey: np.ndarray, fine: float, coarse: float) -> np.ndarray:
    """What two pictures are compared by, of length 1: no row's or column's own level, no outliers."""
    detail = (gaussian_filter(grey, fine) if fine else grey) - gaussian_filter(grey, coarse)
    detail -= detail.mean(axis=1, keepdims=True)
    detail -= detail.mean(axis=0, keepdims=True)
    limit = 4 * detail.std()
    detail = detail.clip(-limit, limit)
    return detail / max(float(np.linalg.norm(detail)), 1e-9)


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
        differ = label is not None and class_text(members[label]).nunique() > 1
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
    first = {
        path: facts["copy_of"]
        for f in findings
        if f.rule in ("exact_copy", "near_copy")
        for path, facts in zip(f.paths, f.details, strict=True)
    }
    roots = table["path"].map(lambda path: first.get(path, path))
    return pd.factorize(roots.map(lambda path: first.get(path, path)))[0]


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
    names = class_text(table[split])
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
