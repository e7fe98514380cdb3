"""Is NAT on vectors and signals above its controls? Tables of scikit-learn, and bearings drawn with planted faults.

    uv run python tests/benchmarks/signals.py [--seeds 0 1 2] [--labels 0 20] [--sets digits cancer wine bearings]

Each seed draws new splits (bearings: new signals), weights and views, and trains NAT on train without labels. Two
probes read it and its controls: the raw values, the untrained network and, for bearings, what an engineer would take
without any network: the spectrum (logarithm of the Fourier amplitudes) and eight classical numbers (RMS, crest factor,
kurtosis and skew of each channel). ``--labels`` is how many labelled train rows the probes learn from (0: all).
Printed: the test AUROC of each seed, and over the seeds the mean difference to each control with its 95 % t interval.
Bearings print recall and false alarms of the audit, too.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kurtosis, skew
from scipy.stats import t as student
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split

import data_prep
import natkit
from data_prep.samples.bearings import KINDS, vibration
from natkit.method.embed.features import source

TABLES = {"digits": load_digits, "cancer": load_breast_cancer, "wine": load_wine}
FOUND_BY = dict(zip(KINDS, ("signal_gap", "signal_lost", "stuck", "spikes"), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--labels", type=int, nargs="+", default=[0, 20])
    parser.add_argument("--sets", nargs="+", default=[*TABLES, "bearings"])
    parser.add_argument("--epochs", type=int, default=20)
    chosen = parser.parse_args()
    for name in chosen.sets:
        rows = [row for seed in chosen.seeds for row in compare(name, seed, chosen)]
        summed(name, pd.DataFrame(rows))


def compare(name: str, seed: int, chosen: argparse.Namespace):
    """A row for each number of labels, embedding and probe."""
    signals = bearings(seed) if name == "bearings" else table(name, seed)
    make = natkit.NAT.signals if name == "bearings" else natkit.NAT.vectors
    began = time.perf_counter()
    model = make(epochs=chosen.epochs, seed=seed).fit(signals)
    print(
        f"{name} seed {seed}: {signals}, trained in {time.perf_counter() - began:.0f} s", flush=True
    )
    controls = [model.untrained().embed(signals), natkit.values(signals)]
    controls += classical(signals) if name == "bearings" else []
    for labels in chosen.labels:
        known = few(signals, labels, seed)
        proof = natkit.score(model.embed(signals), controls, known, "label", seed=seed)
        for row in proof.facts["scores"]:
            if row["role"] != "floor":
                yield {"labels": labels, "seed": seed} | {k: row[k] for k in ("name", "probe")} | {
                    "auroc": row["score"]["value"]
                }  # fmt: skip


def table(name: str, seed: int) -> natkit.Signals:
    """A table of scikit-learn in half, fifth and the rest, alike in class."""
    data = TABLES[name]()
    rows = np.arange(len(data.data))
    train, rest = train_test_split(rows, train_size=0.5, stratify=data.target, random_state=seed)
    val, _ = train_test_split(rest, train_size=0.4, stratify=data.target[rest], random_state=seed)
    split = np.full(len(rows), "test ")
    split[train], split[val] = "train", "val"
    told = {"id": rows, "split": np.char.strip(split), "label": data.target.astype(str)}
    return natkit.Signals(data.data, pd.DataFrame(told))


def bearings(seed: int) -> natkit.Signals:
    """Audited and prepared; how much of what was planted was found is printed."""
    drawn = vibration(1000, seed)
    scan = data_prep.scan_signals(drawn.values, drawn.table, "bearings")
    audit = data_prep.audit(scan, label="condition", groups=["machine", "speed"])
    said = []
    for kind in KINDS:
        true = set(drawn.truth["path"][drawn.truth[kind] == 1])
        hit = {p for f in audit.findings if f.rule == FOUND_BY[kind] for p in f.paths}
        said.append(f"{kind} {len(hit & true)}/{len(true)} +{len(hit - true)}")
    print(f"bearings seed {seed}: found/planted +false alarms: {', '.join(said)}")
    with tempfile.TemporaryDirectory() as folder:
        data_prep.prepare(audit, Path(folder) / "prepared", seed)
        signals = natkit.load(Path(folder) / "prepared")
        return natkit.Signals(
            np.array(signals.values), signals.table.rename(columns={"condition": "label"})
        )


def classical(signals: natkit.Signals) -> list[natkit.Embedding]:
    """What needs no network."""
    values, made = signals.values, source(signals)
    spectrum = np.log1p(np.abs(np.fft.rfft(values, axis=2))).reshape(len(values), -1)
    rms = values.std(axis=2)
    crest = np.abs(values).max(axis=2) / rms
    numbers = np.concatenate([rms, crest, kurtosis(values, axis=2), skew(values, axis=2)], axis=1)
    return [
        natkit.Embedding(vectors, signals.ids, {"name": name, "layer": "computed", **made})
        for name, vectors in (("spectrum", spectrum), ("numbers", numbers))
    ]


def few(signals: natkit.Signals, labels: int, seed: int) -> pd.DataFrame:
    """The table with so many labels in train, as many of each class as can be; 0: all."""
    if not labels:
        return signals.table
    train = signals.table[signals.split == "train"].sample(frac=1, random_state=seed)
    place = train.groupby("label").cumcount()
    kept = train.index[np.argsort(place, kind="stable")[:labels]]
    hidden = train.index.difference(kept)
    return signals.table.assign(label=signals.table["label"].mask(signals.table.index.isin(hidden)))


def summed(name: str, rows: pd.DataFrame) -> None:
    wide = rows.pivot_table(index=["labels", "probe", "seed"], columns="name", values="auroc")
    print(wide.round(3).to_string())
    for (labels, probe), part in wide.groupby(level=["labels", "probe"]):
        for control in part.columns.drop("NAT"):
            gap = part["NAT"] - part[control]
            half = student.ppf(0.975, max(1, len(gap) - 1)) * gap.std() / math.sqrt(len(gap))
            print(
                f"{name:9} {labels or 'all':>4} labels {probe:6}  NAT - {control:9} {gap.mean():+.3f} "
                f"[{gap.mean() - half:+.3f}, {gap.mean() + half:+.3f}]"
            )


if __name__ == "__main__":
    main()
