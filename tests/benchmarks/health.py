"""How often the signs of health miss a run that was broken on purpose, and how often they blame a good one.

    uv run python tests/benchmarks/health.py [--seeds 0 1 2 3 4] [--sets digits cells] [--kinds good …]

Digits of scikit-learn and real solar cells, short trainings. Prints the signs of each kind of run (median, least
and most) and the share of its runs that were found unhealthy: a false alarm for a good run, else a hit.
"""

import argparse

import numpy as np
import pandas as pd
import quality  # beside this file
from torch import nn

from natkit import NAT, InputError
from natkit.method.health import health
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.views.images import Views

STILL = Views(crop=(1, 1), flip=False, brightness=0, contrast=0, blur=0, small=0)
EPOCHS = 10  # short: as many pixels as 15 of two full views
EXACT, SGD = {"matching": "exact"}, {"optimizer": "sgd", "lr": 0.1}
KINDS = {  # settings, what is broken
    "good": ({}, ""),
    "good, exact": (EXACT, ""),
    "good, SGD": (SGD, ""),
    "learning rate 0": ({"lr": 0.0}, ""),
    "learning rate 0, exact": ({"lr": 0.0} | EXACT, ""),
    "views off": ({"views": STILL}, "views"),
    "views off, exact": ({"views": STILL} | EXACT, "views"),
    "duplicated data": ({}, "copies"),
    "mean over dimensions, SGD": (SGD, "mean"),
    "mean over dimensions, SGD, exact": (SGD | EXACT, "mean"),
    "head ends in ReLU": ({}, "relu"),
    "head ends in ReLU, exact": (EXACT, "relu"),
}


class MeanLoss(NoiseAsTargets):
    """The known way to fail: a mean over dimensions instead of their sum."""

    def loss(self, features, rows, epoch):
        return super().loss(features, rows, epoch) / features.shape[2]


def one(data: quality.Data, kind: str, seed: int) -> dict:
    """Train a run of this kind and look at it."""
    settings, fault = KINDS[kind]
    common = {"views": data.views, "epochs": EPOCHS, "size": data.pixels.shape[1], "seed": seed}
    pixels = data.train
    if fault == "copies":
        pixels = np.tile(pixels[: len(pixels) // 20], (20, 1, 1, 1))
    model = NAT(**common | settings, device="cpu")
    if fault == "relu":
        new_head = model.new_head
        model.new_head = lambda features: new_head(features).append(nn.ReLU())
    if fault == "mean":
        model.new_objective = lambda held: MeanLoss(held, model, model.device_)
    try:
        model.fit(pixels)
    except InputError as error:  # a head whose outputs are all 0: no direction to match
        return {"kind": kind, "seed": seed, "unhealthy": True, "bad": [str(error)[:40]]}
    found = health(model, data.pixels[data.split == "val"], pixels, seed)
    signs = {row["sign"]: row["value"] for row in found["signs"]}
    bad = [row["sign"] for row in found["signs"] if not row["good"]]
    return {"kind": kind, "seed": seed, **signs, "unhealthy": not found["healthy"], "bad": bad}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sets", nargs="+", default=["digits", "cells"], choices=quality.SETS)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    chosen = parser.parse_args()
    for name in chosen.sets:
        rows = []
        for seed in chosen.seeds:
            data = quality.SETS[name](seed)
            for kind in chosen.kinds:
                rows.append(one(data, kind, seed))
                print({k: round(v, 3) if isinstance(v, float) else v for k, v in rows[-1].items()})
        table = pd.DataFrame(rows)
        print(f"\n{name}, {len(chosen.seeds)} runs of each kind")
        for kind, runs in table.groupby("kind", sort=False):
            text = "  ".join(
                f"{s} {runs[s].median():.3f} [{runs[s].min():.3f}, {runs[s].max():.3f}]"
                for s in ("kept", "gap", "one_sided", "views", "changed", "copies")
                if s in runs and runs[s].notna().any()
            )
            blamed = sorted({sign for bad in runs["bad"] for sign in bad})
            print(
                f"{kind:34} unhealthy {runs['unhealthy'].mean():4.0%}  {text}  {blamed}", flush=True
            )


if __name__ == "__main__":
    main()
