"""Faults of sensors: gaps, stuck values and spikes in signals, and how they are filled."""

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter, median_filter

from data_prep.rules.imputing import fill, gaps
from data_prep.rules.quality import own_level
from data_prep.rules.registry import Finding, Rule
from data_prep.scanning.scan import Scan
from natkit.core.labels import class_names

AROUND = 6  # samples on either side of a spike that have to be quiet


def spikes(values: np.ndarray, deviations: float, alone: float) -> np.ndarray:
    """Single samples far off their surroundings: bool (n, channels, length).

    More than ``deviations`` robust standard deviations from the median of 7 samples, and ``alone`` times further than
    any other of the 6 on either side. An impulse that rings, such as that of a damaged bearing, is none, unlike for
    :func:`data_prep.rules.imputing.gaps`.
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
    """As :func:`data_prep.rules.imputing.fill`, and gaps of up to ``limit`` at either end hold the nearest sample."""
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
