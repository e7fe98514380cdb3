"""Faults of sensors: gaps, stuck values and spikes in signals, and how they are filled."""

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter, median_filter

from data_prep.rules.finders import SIGNALS, Context, Stage, finds
from data_prep.rules.imputing import fill, gaps
from data_prep.rules.quality import own_level
from data_prep.rules.registry import Finding
from natkit.core.labels import class_names
from natkit.core.stats import robust_spread

AROUND = 6  # samples on either side of a spike that have to be quiet
MOST = 0.5  # of the signals; a channel that is stuck from end to end in more of them is dead


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
        spread = robust_spread(away, 0.0, axis=1)
        near = maximum_filter(away, footprint=others, mode="constant")
        out[row] = (away > deviations * spread) & (away > alone * near) & (spread > 0)
    return out & ~np.isnan(values)


@finds("dead_channel", "signal_lost", "signal_gap", "stuck", stage=Stage.CONTENT, about=[SIGNALS])
def gaps_and_stuck(context: Context) -> list[Finding]:
    """Gaps and stuck values, each signal by the first rule that sets it aside; channels that are stuck in most.

    The shares of each group value and of each channel are in the evidence.
    """
    values, rules = context.scan.signals, context.rules
    if values.ndim == 2:
        return []
    n, channels, length = values.shape
    measured = gaps(values)
    columns = ("longest_gap", "missing_share", "longest_stuck")
    gap, missing, stuck = (measured[c].to_numpy().reshape(n, channels) for c in columns)
    lost = np.zeros((n, channels), bool)
    if "signal_lost" in rules:
        limit = rules["signal_lost"].limit
        lost = (gap > limit["gap"] * length) | (missing > limit["missing"])
    rest = ~lost.any(axis=1, keepdims=True)
    dead = (stuck == length).mean(axis=0) > MOST
    found = _dead_channels(stuck == length, dead)
    found += _finding(context, "signal_lost", "problem", lost, gap)
    found += _finding(context, "signal_gap", "warning", (gap > 0) & rest, gap)
    if "stuck" in rules:
        groups = context.scan.table[context.small_groups]
        too_long = _stuck_too_long(stuck, groups, rules["stuck"].limit) | (stuck == length)
        found += _finding(context, "stuck", "problem", too_long & ~dead & rest, stuck)
    return found


@finds("spikes", stage=Stage.CONTENT, about=[SIGNALS])
def single_spikes(context: Context) -> list[Finding]:
    """Spikes in the signals that are not set aside already."""
    values = context.scan.signals
    if values.ndim == 2:
        return []
    counts = spikes(values, **context.rules["spikes"].limit).sum(axis=2)
    aside = context.scan.table["path"].isin(context.named("signal_lost", "stuck")).to_numpy()
    return _finding(context, "spikes", "warning", (counts > 0) & ~aside[:, None], counts)


def _dead_channels(whole: np.ndarray, dead: np.ndarray) -> list[Finding]:
    """``whole`` (n, channels): of one value from end to end; ``dead`` (channels,)."""
    found = []
    for channel in np.flatnonzero(dead):
        n = int(whole[:, channel].sum())
        found.append(Finding("dead_channel", "warning", (), {"channel": int(channel), "n": n}, n))
    return found


def _stuck_too_long(stuck: np.ndarray, groups: pd.DataFrame, limit: dict) -> np.ndarray:
    """bool (n, channels): one value far more often in a row than is usual for the channel among its like."""
    usual = [own_level(channel.astype(float), groups)[0] for channel in stuck.T]
    return stuck > np.maximum(limit["samples"], limit["times"] * np.stack(usual, axis=1))


def _finding(
    context: Context, rule: str, severity: str, hit: np.ndarray, samples: np.ndarray
) -> list[Finding]:
    """A finding for the signals with a channel in ``hit``, with how many ``samples``: both (n, channels)."""
    rows = np.flatnonzero(hit.any(axis=1))
    if not len(rows):
        return []
    worst = np.where(hit[rows], samples[rows], -1).argmax(axis=1)
    details = tuple(
        {"channel": int(channel), "samples": int(samples[row, channel])}
        for row, channel in zip(rows, worst, strict=True)
    )
    table = context.scan.table
    evidence = {
        "n": len(rows),
        "longest": max(d["samples"] for d in details),
        "by_channel": {str(c): int(n) for c, n in enumerate(hit.sum(axis=0))},
        "by_group": _by_group(hit.any(axis=1), table, context.small_groups),
    }
    paths = tuple(table["path"].iloc[rows])
    return [Finding(rule, severity, paths, evidence, len(rows), details)]


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
