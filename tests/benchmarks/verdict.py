"""How often is the verdict wrong? Simulated PoCs with a known truth, 500 of each kind.

    uv run python tests/benchmarks/verdict.py              # all kinds; about a quarter of an hour
    uv run python tests/benchmarks/verdict.py --pocs 100   # sooner, coarser

Without signal, "go" is an error, at most 33 in 500 (a true rate of 5 % gives more in 5 % of such tables, one of
8 % in 85 %). Each of these PoCs has a target that any score meets, so that the difference decides:

- ``labels``: the labels are shuffled.
- ``noise``: the vectors are random.
- ``leak``: labels mean nothing, but three in ten test images are other shots of parts trained on, which ours
  recognises and the controls do not.
- ``shortcut``: labels go with the camera alone, which ours reads well and the controls badly.
- ``lots``: labels mean nothing; lots of some ten images look alike and share their label, and are named.

With signal, ours and the control read the same classes through a different amount of noise:

- ``coverage``: how often the interval of the difference holds the true difference of these very probes, known
  from 20,000 more test images. Nominal 95 %.
- ``power``: the plan (``settled_by``) says how many test images give 80 %. How often is
  it "go" with so many?
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from natkit.data.embedding import Embedding
from natkit.evidence.intervals import settled_by
from natkit.evidence.kinds import Classes
from natkit.evidence.probe import choose, features
from natkit.evidence.scoring import score

SPLIT = {"train": 240, "val": 80, "test": 160}
WIDTH, EASY = 8, 0.01  # of the vectors; a target that any score meets
MANY = 20_000  # other images, on which the truth is read


def split_of(counts: dict) -> np.ndarray:
    return np.repeat(list(counts), list(counts.values()))


def poc(ours, others, split, label, groups=(), seed=0, **columns):
    """The evidence on vectors (n, d) of ours and of each control."""
    ids = np.arange(len(split))
    table = pd.DataFrame({"id": ids, "split": split, "label": label, **columns})
    made = [
        Embedding(vectors, ids, {"name": name})
        for name, vectors in [("ours", ours), *[(f"control {i}", v) for i, v in enumerate(others)]]
    ]
    return score(made[0], made[1:], table, "label", seed, groups=groups, target=EASY)


def labels(rng, seed):
    """Vectors with structure, a third of the images defective, labels shuffled."""
    split = split_of(SPLIT)
    ours, other = (rng.standard_normal((len(split), WIDTH)) for _ in range(2))
    ours += 3 * rng.standard_normal((6, WIDTH))[rng.integers(0, 6, len(split))]
    return poc(ours, [other], split, rng.permutation(np.arange(len(split)) % 3 == 0), seed=seed)


def noise(rng, seed):
    """Random vectors; two controls."""
    split = split_of(SPLIT)
    made = rng.standard_normal((3, len(split), WIDTH))
    return poc(made[0], made[1:], split, rng.random(len(split)) < 0.3, seed=seed)


def leak(rng, seed):
    """Three in ten test images repeat a train image and its label, as ours sees it."""
    split = split_of(SPLIT)
    label = rng.random(len(split)) < 0.5
    ours, other = (rng.standard_normal((len(split), 16 * WIDTH)) for _ in range(2))
    test, train = np.flatnonzero(split == "test"), np.flatnonzero(split == "train")
    copies = test[: round(0.3 * len(test))]
    of = rng.choice(train, len(copies), replace=False)
    ours[copies] = ours[of] + 0.1 * rng.standard_normal((len(copies), ours.shape[1]))
    label[copies] = label[of]
    return poc(ours, [other], split, label, seed=seed)


def shortcut(rng, seed):
    """Camera B sees three times as many defects as A; ours reads the camera."""
    split = split_of(SPLIT)
    camera = rng.random(len(split)) < 0.5
    label = rng.random(len(split)) < np.where(camera, 0.6, 0.2)
    ours, other = (rng.standard_normal((len(split), WIDTH)) for _ in range(2))
    ours[:, 0] += 4 * camera
    other[:, 0] += 0.3 * camera
    name = np.where(camera, "B", "A")
    return poc(ours, [other], split, label, ["camera"], seed, camera=name)


def lots(rng, seed):
    """48 lots of ten images; each lot has a look and a label of its own, no lot stands in two splits."""
    count, size = 48, 10
    parts = np.repeat(["train", "val", "test"], [24, 8, 16])
    look = rng.standard_normal((2, count, WIDTH))
    defect = rng.random(count) < 0.4
    lot = np.repeat(np.arange(count), size)
    made = look[:, lot] + 0.3 * rng.standard_normal((2, len(lot), WIDTH))
    name = np.array([f"lot {i:02d}" for i in lot])
    label = defect[lot] ^ (rng.random(len(lot)) < 0.1)
    return poc(made[0], [made[1]], parts[lot], label, ["lot"], seed, lot=name)


def seen(rng, split, apart=1.2, blur=(0.6, 1.2)):
    """One thing through two amounts of noise: (ours, control, label)."""
    label = rng.random(len(split)) < 0.3
    core = rng.standard_normal((len(split), WIDTH))
    core[:, 0] += apart * label
    return *(core + level * rng.standard_normal(core.shape) for level in blur), label


def gap(evidence) -> dict:
    return next(d["score"] for d in evidence.facts["differences"] if d["probe"] == "linear")


def truth(made: list, label: np.ndarray, split: np.ndarray, seed: int) -> float:
    """The difference that the probes of a PoC show on the split "more": as good as known."""
    more, ask, areas = split == "more", Classes(label.astype(int), ["False", "True"]), []
    for vectors in made:
        x = features(vectors.astype(np.float32), split == "train", seed)
        fitted, *_ = choose(ask, "linear", x, split)
        areas.append(roc_auc_score(label[more], ask.read(fitted, x[more])[:, 1]))
    return areas[0] - areas[1]


def covered(seed: int) -> bool:
    """Whether the interval holds the difference that the same probes show on 20,000 other images."""
    split = split_of({**SPLIT, "more": MANY})
    *made, label = seen(np.random.default_rng(seed), split)
    small = split != "more"
    found = gap(poc(made[0][small], [made[1][small]], split[small], label[small], seed=seed))
    return found["low"] <= truth(made, label, split, seed) <= found["high"]


NULLS = {f.__name__: f for f in (labels, noise, leak, shortcut, lots)}
LEARN = {"train": 2_000, "val": 500}


def null(pocs: int) -> None:
    print(f"{'no signal':<12}{'go':>6} of {pocs:<6}{'ahead':>7}   s a PoC")
    for name, make in NULLS.items():
        started, judged = time.perf_counter(), []
        for seed in range(pocs):
            judged.append(make(np.random.default_rng([seed, len(name)]), seed).verdict)
        go, ahead = (
            sum(v[key] == wanted for v in judged)
            for key, wanted in (("decision", "go"), ("comparison", "ahead"))
        )
        each = (time.perf_counter() - started) / pocs
        print(f"{name:<12}{go:>6}    {'':<6}{ahead:>7}   {each:.2f}", flush=True)


def coverage(pocs: int) -> None:
    held = sum(covered(seed) for seed in range(pocs))
    print(f"coverage of the 95 % interval: {held} of {pocs} ({held / pocs:.1%})", flush=True)


def power(pocs: int) -> None:
    """The gain is the mean of 20 other trainings on 20,000 images each; its noise that of 10 pilots of 2,000."""
    split, gains = split_of({**LEARN, "more": MANY}), []
    for seed in range(20):
        *made, label = seen(np.random.default_rng([1, seed]), split)
        gains.append(truth(made, label, split, seed))
    gain = float(np.mean(gains))
    split, widths = split_of({**LEARN, "test": 2_000}), []
    for seed in range(10):
        ours, other, label = seen(np.random.default_rng([2, seed]), split)
        found = gap(poc(ours, [other], split, label, seed=seed))
        widths.append(found["high"] - found["low"])
    half = float(np.mean(widths)) / 2
    n = settled_by({"value": gain, "low": gain - half, "high": gain + half, "n": 2_000}, gain)
    split, go = split_of({**LEARN, "test": n}), 0
    for seed in range(pocs):
        ours, other, label = seen(np.random.default_rng(seed), split)
        go += poc(ours, [other], split, label, seed=seed).verdict["decision"] == "go"
    print(
        f"power: the plan says 80 % with {n} test images for a gain of {gain:.3f}; "
        f"go in {go} of {pocs} ({go / pocs:.1%})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pocs", type=int, default=500)
    parser.add_argument("--only", choices=["null", "coverage", "power"])
    chosen = parser.parse_args()
    for part in (null, coverage, power):
        if chosen.only in (None, part.__name__):
            part(chosen.pocs)
