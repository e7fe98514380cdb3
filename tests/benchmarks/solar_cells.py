"""NAT against its untrained network and raw pixels on real solar cells, over seeds.

    uv run python tests/benchmarks/solar_cells.py [--seeds 0 1 2] [--choose [SETTING …]]

Each seed draws new splits, weights, batches and views. Prints one row a seed and probe with the paired
difference NAT - control and its 95 % interval. ``--choose`` compares settings instead, by their scores on
the split val alone.
"""

import argparse
import tempfile
from pathlib import Path

import data_prep
import natkit
from data_prep import samples
from natkit.method.views.images import Views

CHOICES = {  # what was tried for the default recipe; read on val
    "default": {},
    "batch 256": {"batch_size": 256},
    "crops from 60 %": {"views": Views(turn=True, crop=(0.6, 1))},
    "colder": {"temperature": 0.1},
    "light ± 40 %": {"views": Views(turn=True, brightness=0.4, contrast=0.4)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--choose", nargs="*", choices=CHOICES, help="all of them if none is named")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = samples.solar_cells(Path(folder) / "cells")
        audit = data_prep.audit(
            data_prep.scan(table.parent, table), label="defect", groups=["type"]
        )
        for seed in chosen.seeds:
            data_prep.prepare(audit, Path(folder) / str(seed), seed=seed)
            images = natkit.load(Path(folder) / str(seed))
            for name in ["default"] if chosen.choose is None else chosen.choose or CHOICES:
                model = natkit.NAT(**{"views": Views(turn=True), "seed": seed} | CHOICES[name])
                show(seed, name, model.fit(images), images, chosen.choose is not None)


def show(seed: int, name: str, model: natkit.NAT, images, choosing: bool) -> None:
    controls = [model.untrained().embed(images), natkit.pixels(images)]
    facts = natkit.score(model.embed(images), controls, images.table, "defect", seed).section()
    seconds = model.history[-1]["seconds"]
    for probe in ("linear", "knn"):
        scores = {s["name"]: s for s in facts["scores"] if s["probe"] == probe}
        if choosing:
            text = "  ".join(f"{n} {s['val_score']:.3f}" for n, s in scores.items())
            print(
                f"seed {seed}  {name:16}  {probe:6}  val AUROC: {text}  ({seconds:.0f} s)",
                flush=True,
            )
            continue
        text = "  ".join(f"{n} {s['score']['value']:.3f}" for n, s in scores.items())
        for row in facts["differences"]:
            if row["probe"] == probe:
                d = row["score"]
                text += f"  | NAT - {row['control']} {d['value']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]"
        print(f"seed {seed}  {probe:6}  test AUROC: {text}  ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
