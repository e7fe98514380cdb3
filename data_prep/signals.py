"""Signals and vectors on the way of the images: scanned, looked through for sensor faults, filled with a mark."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter, median_filter

from data_prep.imputing import fill, gaps
from data_prep.matching import refuse_twice
from data_prep.quality import own_level
from data_prep.reading import read_sheet
from data_prep.rules import Finding, Rule
from data_prep.scanning import OF_SIGNALS, Scan
from natkit.classes import class_names
from natkit.errors import InputError
from natkit.manifest import COLUMNS, can_hold
from natkit.signals import FILE, checked

MARKS = "filled.npy"  # bool, beside the values: which samples were filled
AROUND = 6  # samples on either side of a spike that have to be quiet


def scan_signals(values: np.ndarray, table: pd.DataFrame, name: str = "signals") -> Scan:
    """Measure every signal once and join it with its row of the table. The array is not changed.

    Parameters
    ----------
    values
        (n, channels, length), NaN or masked where a sample is missing; or vectors (n, d) without gaps.
    table
        n rows in the same order. A column ``path`` names the signals, each once; without it they are numbered.
    name
        What the set is called in the report.

    Returns
    -------
    A :class:`Scan` for :func:`data_prep.audit`. Of each signal: ``offset`` (mean) and ``level`` (deviation), both
    the mean over channels; of vectors neither.

    Raises
    ------
    InputError
        If the values are no such array, a vector has a gap, or the table has other rows or a name twice.
    """
    values = checked(values, gaps=True)
    if len(values) != len(table) or not len(table):
        raise InputError(
            f"There are {len(values)} signals, but {len(table)} rows in the table. Give one row a signal, in the "
            "same order."
        )
    sheet = read_sheet(table)
    user = sheet.frame
    taken = {*OF_SIGNALS, *COLUMNS, "listed"} - {"path"}
    user = user.rename(columns={c: f"{c}_user" for c in user.columns if c in taken})
    path = user.pop("path") if "path" in user else pd.Series([f"{i:07d}" for i in range(len(user))])
    refuse_twice(user)
    if path.duplicated().any() or not path.map(can_hold).all():
        bad = path[path.duplicated() | ~path.map(can_hold)].iloc[0]
        raise InputError(
            f"The column path names each signal once, by text such as line1/0001, but holds {bad!r}. Rename it."
        )
    return Scan(
        Path(name),
        measured(values).assign(path=path, listed=True).join(user),
        True,
        values,
        told=sheet.told,
    )


def measured(values: np.ndarray) -> pd.DataFrame:
    """What a scan says of each signal; see :class:`data_prep.scanning.Scan`."""
    n, channels, length = values.shape if values.ndim == 3 else (*values.shape, 1)
    facts = {"status": "ok", "width": length, "height": 1, "channels": channels, "bits": 32}
    out = pd.DataFrame(facts, index=range(n))
    out["pixel_hash"] = [_hash(signal) for signal in values]
    if values.ndim == 2:
        return out
    gone = np.isnan(values)
    there = np.maximum((~gone).sum(axis=2), 1)
    mean = np.where(gone, 0, values).sum(axis=2, dtype=float) / there
    square = np.where(gone, 0, (values - mean[:, :, None]) ** 2).sum(axis=2) / there
    return out.assign(offset=mean.mean(axis=1), level=np.sqrt(square).mean(axis=1))


def _hash(signal: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(signal)).hexdigest()


def spikes(values: np.ndarray, deviations: float, alone: float) -> np.ndarray:
    """Single samples far off their surroundings: bool (n, channels, length).

    More than ``deviations`` robust standard deviations from the median of 7 samples, and ``alone`` times further than
    any other of the 6 on either side. An impulse that rings, such as that of a damaged bearing, is none, unlike for
    :func:`data_prep.imputing.gaps`.
    """
    out = np.zeros(values.shape, bool)
    others = np.ones((1, 2 * AROUND + 1), bool)
    others[0, AROUND] = False
    for row, signal in enumerate(values):
        whole = filled(signal[None], signal.shape[1])[0]
        away = np.abs(whole - median_filter(whole, size=(1, 7), mode="nearest"))
        spread = 1.4826 * np.median(away, axis=1, keepdims=True)
        near = maximum_filter(away, footprint=others, mode="constant")
        out[row] = (away > deviations * spread) & (away > alone * near) & (spread > 0)
    return out & ~np.isnan(values)


def signal_findings(scan: Scan, groups: list[str], rules: dict[str, Rule]) -> list[Finding]:
    """Gaps, stuck values and spikes, each signal by the first rule that sets it aside.

    The shares of each group value and of each channel are in the evidence.
    """
    values, table = scan.signals, scan.table
    if values.ndim == 2:
        return []
    n, channels, length = values.shape
    found = gaps(values)
    gap, share, stuck = (
        found[c].to_numpy().reshape(n, channels)
        for c in ("longest_gap", "missing_share", "longest_stuck")
    )
    dead = (stuck == length).mean(axis=0) > 0.5
    said = []
    for channel in np.flatnonzero(dead):
        same = int((stuck[:, channel] == length).sum())
        said.append(
            Finding("dead_channel", "warning", (), {"channel": int(channel), "n": same}, same)
        )

    def look(rule: str, severity: str, hit: np.ndarray, how_many: np.ndarray, **also) -> None:
        """A finding for the signals with a channel in ``hit`` (n, channels)."""
        rows = np.flatnonzero(hit.any(axis=1))
        if rule not in rules or not len(rows):
            return
        worst = [int(np.where(hit[row], how_many[row], -1).argmax()) for row in rows]
        details = tuple(
            {"channel": c, "samples": int(how_many[row, c])}
            for row, c in zip(rows, worst, strict=True)
        )
        evidence = {"n": len(rows), "longest": max(d["samples"] for d in details), **also}
        evidence["by_channel"] = {str(c): int(hit[:, c].sum()) for c in range(channels)}
        evidence["by_group"] = _by_group(hit.any(axis=1), table, groups)
        paths = tuple(table["path"].iloc[rows])
        said.append(Finding(rule, severity, paths, evidence, len(rows), details))

    least = rules["signal_lost"].limit if "signal_lost" in rules else {"gap": 1, "missing": 1}
    lost = (gap > least["gap"] * length) | (share > least["missing"])
    look("signal_lost", "problem", lost, gap)
    aside = lost.any(axis=1, keepdims=True) & ("signal_lost" in rules)
    look("signal_gap", "warning", (gap > 0) & ~aside, gap)
    if "stuck" in rules:
        limit = rules["stuck"].limit
        usual = np.stack([own_level(c.astype(float), table[groups])[0] for c in stuck.T], axis=1)
        long = stuck > np.maximum(limit["samples"], limit["times"] * usual)
        long = (long | (stuck == length)) & ~dead & ~aside
        look("stuck", "problem", long, stuck)
        aside |= long.any(axis=1, keepdims=True)
    if "spikes" in rules:
        counts = spikes(values, **rules["spikes"].limit).sum(axis=2)
        look("spikes", "warning", (counts > 0) & ~aside, counts)
    return said


def _by_group(hit: np.ndarray, table: pd.DataFrame, groups: list[str]) -> dict:
    """Share of the signals hit, by each value of each group."""
    gone = pd.Series(hit, table.index)
    shares = {g: gone.groupby(class_names(table[g])).mean().round(4) for g in groups}
    return {group: {str(k): float(v) for k, v in by.items()} for group, by in shares.items()}


def filled(values: np.ndarray, limit: int) -> np.ndarray:
    """As :func:`data_prep.imputing.fill`, and gaps of up to ``limit`` at either end hold the nearest sample."""
    out, _ = fill(values, limit)
    for signal, channel in np.argwhere(np.isnan(out).any(axis=2)):
        line = out[signal, channel]
        good = np.flatnonzero(~np.isnan(line))
        if len(good):
            ends = (slice(0, good[0]), good[0]), (slice(good[-1] + 1, None), good[-1])
            for end, nearest in ends:
                if len(line[end]) <= limit:
                    line[end] = line[nearest]
    return out


def writer(
    scan: Scan, table: pd.DataFrame, mends: dict[str, list], rules: dict[str, Rule]
) -> Callable[[Path], None]:
    """What writes the signals of ``table`` into a prepared folder, filled where ``mends`` says so.

    ``filled.npy`` holds True for each filled sample, the column ``filled_share`` of ``table`` their share in each
    signal.
    """

    def write(folder: Path) -> None:
        row_of = pd.Series(np.arange(len(scan.table)), index=scan.table["path"])
        values = scan.signals[row_of[table["path"]].to_numpy()]
        before, row_of = values.copy(), pd.Series(table.index, index=table["path"])
        for path, steps in mends.items():
            one = values[[row_of[path]]]
            if any(how == "unspike" for how, _ in steps):
                one[spikes(one, **rules["spikes"].limit)] = np.nan
            values[row_of[path]] = filled(one, one.shape[2])[0]
        if np.isnan(values).any():
            first = table["path"][np.isnan(values).any(axis=(1, 2)).argmax()]
            raise InputError(
                f"{first} still has gaps, but a training takes none. Let the rules signal_gap and signal_lost mend it "
                "or set it aside, or decide so."
            )
        new = values != before  # NaN differs from everything
        if values.ndim == 3:
            table["filled_share"] = new.mean(axis=(1, 2)).round(6)
            np.save(folder / MARKS, new, allow_pickle=False)
        table["pixel_hash"] = [_hash(signal) for signal in values]
        np.save(folder / FILE, values, allow_pickle=False)

    return write
