"""What NAT saves in labels: the same network fine-tuned from NAT beside one trained from scratch.

    uv run python tests/benchmarks/finetune.py [--seeds 0 1 2] [--labels 50 200 0] [--layers all]

Real solar cells, at 64 pixels by default. Each seed draws new splits, weights and views, trains NAT on train without
labels, and then both networks with so many labels of it (0: all), nested draws with as many defects as chance gives.
Prints the test AUROC of one row a seed and budget, the paired difference with its 95 % interval over the test images,
and over the seeds their mean with its 95 % t interval.
"""

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import t as student

import data_prep
import natkit
from data_prep import samples
from natkit.evidence.intervals import auroc, interval, resample
from natkit.method.supervised.fitting import on_draws
from natkit.method.views.images import Views


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 200, 0])
    parser.add_argument("--layers", default="all", choices=["all", "last"])
    parser.add_argument("--choose", default="val", choices=["val", "last"])
    parser.add_argument("--epochs", type=int, default=20, help="of NAT and of both networks")
    parser.add_argument("--size", type=int, default=64, help="pixels")
    chosen = parser.parse_args()
    gains: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        table = samples.solar_cells(Path(folder) / "cells")
        scan = data_prep.scan(table.parent, table)
        audit = data_prep.audit(scan, label="defect", groups=["type"])
        for seed in chosen.seeds:
            data_prep.prepare(audit, Path(folder) / str(seed), seed=seed)
            images = natkit.load(Path(folder) / str(seed))
            for labels, gain in compare(images, seed, chosen):
                gains.setdefault(labels, []).append(gain)
    for labels, each in gains.items():
        text = f"{labels:5} labels  fine-tuned - from scratch {np.mean(each):+.3f}"
        if len(each) > 1:
            half = student.ppf(0.975, len(each) - 1) * np.std(each, ddof=1) / math.sqrt(len(each))
            text += f" [{np.mean(each) - half:+.3f}, {np.mean(each) + half:+.3f}]"
        print(f"{text}  ({len(each)} seeds)")


def compare(images, seed: int, chosen: argparse.Namespace):
    settings = {
        "size": chosen.size,
        "views": Views(turn=True),
        "seed": seed,
        "epochs": chosen.epochs,
    }
    model = natkit.NAT(**settings).fit(images)
    ids = np.random.default_rng(seed).permutation(images.ids[images.split == "train"])
    truth = images.table["defect"].to_numpy(int)[images.split == "test"]
    weights = resample(truth, seed)
    for labels in chosen.labels:
        labels = labels or len(ids)
        areas, seconds = [], []
        for start in (model.untrained(), model):
            began = time.perf_counter()
            options = {"layers": chosen.layers, "choose": chosen.choose}
            (emb,) = on_draws(images, "defect", [ids[:labels]], start, **options)
            seconds.append(time.perf_counter() - began)
            areas.append(auroc(truth, emb.vectors[images.split == "test"], weights))
        scratch, tuned = (interval(area, len(truth)) for area in areas)
        gap = interval(areas[1] - areas[0], len(truth))
        print(
            f"seed {seed}  {labels:5} labels  from scratch {scratch['value']:.3f}  "
            f"fine-tuned {tuned['value']:.3f}  difference {gap['value']:+.3f} "
            f"[{gap['low']:+.3f}, {gap['high']:+.3f}]  ({seconds[0]:.0f} s, {seconds[1]:.0f} s)",
            flush=True,
        )
        yield labels, gap["value"]


if __name__ == "__main__":
    main()
