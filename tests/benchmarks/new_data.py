"""New images into a trained model: partial_fit beside training from scratch on all, on old and new images.

    uv run python tests/benchmarks/new_data.py [--set digits] [--seeds 0 1 2]

The training images are cut in two: about 70 % old, 30 % new, of which the old model saw nothing. Two cases: the new
ones are like the old, or of other classes (digits: sevens, eights, nines). partial_fit takes a quarter of the
epochs. Both probes are fitted on all training images with their labels; accuracy on test images of the old kind
and of the new, mean over the seeds.
"""

import argparse
from dataclasses import replace

import numpy as np
import quality  # beside this file

from natkit import NAT

CASES = ("like the old", "other classes")


def cut(data: quality.Data, case: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """bool (n,) for all images: of the old kind, of the new kind."""
    if case == CASES[0]:
        new = np.random.default_rng(seed).random(len(data.labels)) < 0.3
    else:
        new = data.labels >= np.quantile(data.labels, 0.7)
    return ~new, new


def models(data: quality.Data, old: np.ndarray, new: np.ndarray, seed: int) -> dict[str, NAT]:
    train = data.split == "train"
    settings = quality.recipe(data) | {"seed": seed}
    before, after = data.pixels[train & old], data.pixels[train & new]

    def fresh() -> NAT:
        return NAT(**settings).fit(before)

    short = max(1, settings["epochs"] // 4)
    return {
        "old alone": fresh(),
        "partial_fit, new alone": fresh().set_params(epochs=short).partial_fit(after),
        "partial_fit, old along": fresh().set_params(epochs=short).partial_fit(after, old=before),
        "from scratch on all": NAT(**settings).fit(np.concatenate([before, after])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="digits", choices=["digits", "fashion"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    chosen = parser.parse_args()
    for case in CASES:
        found: dict[str, list] = {}
        for seed in chosen.seeds:
            data = quality.SETS[chosen.set](seed)
            old, new = cut(data, case, seed)
            for what, model in models(data, old, new, seed).items():
                x = model.transform(data.pixels)
                found.setdefault(what, []).append([scores(data, x, part) for part in (old, new)])
        print(f"\n{chosen.set}, new images: {case}")
        print(f"{'':24} {'old: linear':>12} {'kNN':>8} {'new: linear':>12} {'kNN':>8}")
        for what, rows in found.items():
            mean = np.mean(rows, axis=0).ravel()
            print(
                f"{what:24} {mean[0]:12.3f} {mean[1]:8.3f} {mean[2]:12.3f} {mean[3]:8.3f}",
                flush=True,
            )


def scores(data: quality.Data, x: np.ndarray, part: np.ndarray) -> list[float]:
    """Linear and nearest-neighbour accuracy on the test images of ``part``; settings chosen on val."""
    kept = np.where((data.split == "test") & ~part, "", data.split)
    return list(quality.probe(replace(data, split=kept), x, "test").values())


if __name__ == "__main__":
    main()
