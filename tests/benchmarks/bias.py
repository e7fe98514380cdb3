"""Planted shortcuts, confounded groups and drift that are found, and false alarms on clean sets.

    uv run python tests/benchmarks/bias.py [--sets 100] [--images 500]

Each set is planted once in each way: a column that tells the label with an AUC of 0.7, a group of two
to four values with Cramér's V = 0.2, one camera of three whose brightness tells it with an AUC of 0.7.
The clean sets go through the same three functions. Prints one row a kind: found of planted, and in how
many of the clean sets the function says anything at all.
"""

import argparse
import time

import numpy as np
import pandas as pd
from scipy.stats import norm

from data_prep.rules.bias import group_imbalance, shortcuts
from data_prep.rules.drift import drifts

DEFECTS = 0.25  # share of defective images, as on the synthetic line
APART = 2**0.5 * norm.ppf(0.7)  # standard deviations between two normals with an AUC of 0.7
STATISTICS = ["brightness", "contrast", "sharpness", "noise"]


def clean(seed: int, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table and statistics in which nothing goes with anything."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "ng": rng.choice(["0", "1"], n, p=[1 - DEFECTS, DEFECTS]),
            "camera": rng.choice(list("ABC"), n),
            "shift": rng.choice(["day", "night"], n),
            "line": rng.choice(list("KLMN"), n),
            "heat": rng.normal(70, 5, n),
            "time": pd.date_range("2026-01-01", periods=n, freq="h"),
        }
    )
    return table, pd.DataFrame(rng.normal(size=(n, len(STATISTICS))), columns=STATISTICS)


def look(kind: str, table: pd.DataFrame, seen: pd.DataFrame, seed: int) -> list:
    """What the function of this kind finds."""
    if kind.startswith("shortcut"):
        columns = table.drop(columns=["ng", "time"])
        return shortcuts(table["ng"], columns, seen, np.arange(len(table)), seed)
    if kind.startswith("group"):
        return group_imbalance(table["ng"], table[["camera", "shift", "line"]], seed)
    return drifts(table, seen, ["camera", "shift", "line"], "time", seed)


def plant(kind: str, table: pd.DataFrame, seen: pd.DataFrame, seed: int) -> str:
    """Plant one fault in place; returns the column that has to be named."""
    rng = np.random.default_rng([seed, 1])
    bad = (table["ng"] == "1").to_numpy()
    if kind == "shortcut, number":
        table["heat"] += 5 * APART * bad
        return "heat"
    if kind == "shortcut, flag":
        table["shift"] = np.where(rng.random(len(table)) < np.where(bad, 0.7, 0.3), "night", "day")
        return "shift"
    if kind.startswith("group"):
        column = {"2": "shift", "3": "camera", "4": "line"}[kind.split()[1]]
        codes = pd.factorize(table[column], sort=True)[0]
        steps = np.linspace(-1, 1, codes.max() + 1)
        rise = 0.2 * np.sqrt(DEFECTS * (1 - DEFECTS)) * steps / steps.std()
        table["ng"] = np.where(rng.random(len(table)) < DEFECTS + rise[codes], "1", "0")
        return column
    seen.loc[table["camera"] == "B", "brightness"] += APART
    return "camera"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--images", type=int, default=500)
    asked = parser.parse_args()
    kinds = ["shortcut, number", "shortcut, flag"]
    kinds += [f"group {k} values" for k in (2, 3, 4)] + ["drift of one camera"]
    for kind in kinds:
        found, start = 0, time.perf_counter()
        for seed in range(asked.sets):
            table, seen = clean(seed, asked.images)
            column = plant(kind, table, seen, seed)
            named = [f.evidence["column"] for f in look(kind, table, seen, seed)]
            found += column in named
        seconds = (time.perf_counter() - start) / asked.sets
        print(f"{kind:20} found {found} of {asked.sets}  {seconds:.2f} s a set")
    alarms = {}
    for kind in ("shortcut", "group", "drift"):
        sets = [clean(seed + 10_000, asked.images) for seed in range(asked.sets)]
        alarms[kind] = np.array([bool(look(kind, *s, seed)) for seed, s in enumerate(sets)])
        print(f"{kind:20} false alarms in {alarms[kind].sum()} of {asked.sets} clean sets")
    print(f"any of the three     in {np.any(list(alarms.values()), axis=0).sum()}")


if __name__ == "__main__":
    main()
