"""How long does the evidence take? Scores, label curve, robustness and held-out groups on 2,624 solar cells.

    uv run python tests/benchmarks/evidence.py            # 10 draws of labels; without networks trained with labels

What is scored does not change the time, so two networks with random weights stand for ours and its control.
"""

import argparse
import tempfile
import time
from pathlib import Path

import psutil

import data_prep
import natkit
from data_prep import samples

FAULTS = (("brightness", -0.2), ("blur", 0.01), ("shift", 0.05), ("rows", 0.05))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = samples.solar_cells(Path(folder) / "cells")
        audit = data_prep.audit(data_prep.scan(table.parent, table), "defect", ["type"])
        images = natkit.load(data_prep.prepare(audit, Path(folder) / "prepared").folder)
        models = [natkit.NAT(seed=seed).untrained(images) for seed in (0, 1)]
        for model, name in zip(models, ("ours", "untrained"), strict=True):
            model.name = name
        embeddings = [*(model.embed(images) for model in models), natkit.pixels(images)]
        measure(images, models[0], embeddings, chosen.repeats)


def measure(images, model, embeddings, repeats: int) -> None:
    ours, *controls = embeddings
    test = images[images.split == "test"]

    def robustness() -> None:
        spoilt = [[model.embed(test, fault) for fault in FAULTS],
                  [natkit.pixels(test, corruption=fault) for fault in FAULTS]]  # fmt: skip
        pairs = list(zip((ours, controls[-1]), spoilt, strict=True))
        natkit.under_corruption(pairs, images.table, "defect")

    parts = {
        "scores": lambda: natkit.score(ours, controls, images.table, "defect", groups=["type"]),
        "label curve": lambda: natkit.label_curve(
            ours, controls, images.table, "defect", repeats=repeats
        ),
        "robustness": robustness,
        "held out": lambda: natkit.held_out(ours, controls, images.table, "defect", "type"),
    }
    total = 0.0
    for name, part in parts.items():
        start = time.perf_counter()
        part()
        seconds = time.perf_counter() - start
        total += seconds
        print(f"{name:12} {seconds:6.1f} s", flush=True)
    memory = psutil.Process().memory_info().rss / 2**30
    print(
        f"in all       {total:6.1f} s for {len(images):,} images, {repeats} draws of labels; {memory:.2f} GiB"
    )


if __name__ == "__main__":
    main()
