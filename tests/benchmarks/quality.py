"""NAT against its rivals at equal compute: the same network, views, optimiser, image-views and seeds.

    uv run --group bench python tests/benchmarks/quality.py run [--sets …] [--methods …] [--seeds 0 1 2 3 4]
    uv run python tests/benchmarks/quality.py vary [--of nat nat_full] [--sets …] [--changes …] [--seeds 0 1 2 3 4]
    uv run python tests/benchmarks/quality.py table

``run`` tries three learning rates of each method, with each batch, on val at seed 0, then trains it with the best on
every seed, and reads test once, after the last epoch. Each run is one row of ``quality.csv`` beside this file; what is
there is not run again, so the table grows over several calls. ``vary`` scores changes of the recipe, or of that
without small views (``nat_full``), on val, at its rate. ``table`` prints both. The rivals' losses are those of the
package lightly. ``fashion`` needs the Debian package dataset-fashion-mnist.
"""

import argparse
import csv
import gzip
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import rivals  # beside this file
import torch
from scipy.stats import t as student
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

import data_prep
import natkit
from data_prep import samples
from natkit.data.decoding import resize
from natkit.evidence.probe import features
from natkit.method.batches import Scaling
from natkit.method.embed.features import read_features
from natkit.method.networks.backbones import backbone
from natkit.method.objectives.objective import Objective
from natkit.method.settings import Settings
from natkit.method.training.loop import Loop
from natkit.method.views.images import Views, preset

RESULTS = Path(__file__).with_name("quality.csv")
FASHION = Path("/usr/share/datasets/fashion-mnist")
COLUMNS = ["set", "method", "use", "lr", "batch", "seed", "linear", "knn", "torch"]
RATES = {  # three for each, around what suits the family
    "nat": (1e-3, 2e-3, 4e-3),
    "nat_full": (1e-3, 2e-3, 4e-3),  # without small views; so are the two below
    "nat_exact": (1e-3, 2e-3, 4e-3),
    "nat_paper": (0.03, 0.1, 0.3),
    "simclr": (1e-3, 2e-3, 4e-3),
    "vicreg": (5e-4, 1e-3, 2e-3),
    "byol": (5e-4, 1e-3, 2e-3),
    "lejepa": (1e-3, 2e-3, 4e-3),
    "lejepa_small": (
        1e-3,
        2e-3,
        4e-3,
    ),  # with the small views and the epochs of "nat"; so is the one below
    "vicreg_small": (5e-4, 1e-3, 2e-3),
    "supervised": (5e-4, 1e-3, 2e-3),
    "untrained": (0.0,),
    "pixels": (0.0,),
}
BATCHES = {"cells": (64,), "digits": (64,), "fashion": (64, 256)}
SMALL = (
    2 / 3
)  # of the epochs: with 2 full and 4 small views a run sees as many pixels as with 2 full ones
CHANGES = {  # each with as many pixels; "average" is a moving average of the weights
    "none": {},
    "4 views, half the epochs": {"n_views": 4, "share": 0.5},
    "2 + 4 small crops, half the epochs": {"views": {"small": 4}, "share": 0.5},
    "2 + 4 small crops, two thirds of the epochs": {"views": {"small": 4}, "share": SMALL},
    "head 2,048 wide": {"head_width": 2048},
    "head of 2 layers": {"head_layers": 2},
    "pool of 256": {"pool": 256},
    "batches of 128": {"batch_size": 128},
    "dim 128, temperature 0.3": {"dim": 128, "temperature": 0.3},
    "dim 128, 4,096 targets": {"dim": 128, "n_targets": 4096},
    "average 0.99": {"average": 0.99},
    "average 0.998": {"average": 0.998},
    "weight decay 0.05": {"weight_decay": 0.05},
    "temperature 0.1": {"temperature": 0.1},
    "temperature 0.4": {"temperature": 0.4},
    "head of 2 layers, average 0.99": {"head_layers": 2, "average": 0.99},
}
BASES = ("nat", "nat_full")  # of which changes are tried
PROBES = {"linear": [{"C": c} for c in (0.001, 0.01, 0.1)], "knn": [{"k": k} for k in (5, 15, 30)]}


@dataclass
class Data:
    """A set cut by a seed into train, val and test, and how all methods train on it."""

    pixels: np.ndarray  # (n, size, size, 1)
    labels: np.ndarray  # int64 (n,)
    split: np.ndarray  # "train", "val", "test" (n,)
    views: Views  # with four small ones; methods that use none see full views for more epochs
    epochs: int  # of two full views
    batch: int = 64

    @property
    def train(self) -> np.ndarray:
        return self.pixels[self.split == "train"]


def cells(seed: int) -> Data:
    """2,624 real solar cells at 64 pixels, defect or not."""
    with tempfile.TemporaryDirectory() as folder:
        table = samples.solar_cells(Path(folder) / "cells")
        audit = data_prep.audit(
            data_prep.scan(table.parent, table), label="defect", groups=["type"]
        )
        data_prep.prepare(audit, Path(folder) / "prepared", seed=seed)
        images = natkit.load(Path(folder) / "prepared")
        pixels, labels = images.pixels(64).copy(), images.table["defect"].astype(int).to_numpy()
    views = Views(crop=(0.3, 1), turn=True)
    return Data(pixels, labels, images.split, views, epochs=20)


def digits(seed: int) -> Data:
    """1,797 handwritten digits of 8×8, enlarged to 32."""
    bunch = load_digits()
    pixels = np.stack([resize((image * 15.9).astype(np.uint8), 32) for image in bunch.images])
    return _cut(pixels, bunch.target, (0.6, 0.2), seed, preset("fixed_pose"), 40)


def fashion(seed: int) -> Data:
    """20,000 of the 70,000 pictures of Fashion-MNIST, 28×28 with a rim of 2."""
    parts = []
    for name in ("train", "t10k"):
        for kind, start in (("images-idx3", 16), ("labels-idx1", 8)):
            raw = gzip.decompress((FASHION / f"{name}-{kind}-ubyte.gz").read_bytes())
            parts.append(np.frombuffer(raw, np.uint8, offset=start))
    pixels = np.concatenate([parts[0], parts[2]]).reshape(-1, 28, 28)
    labels = np.concatenate([parts[1], parts[3]]).astype(np.int64)
    some = np.random.default_rng(seed).permutation(len(labels))[:20_000]
    pixels = np.pad(pixels[some], ((0, 0), (2, 2), (2, 2)))[..., None]
    views = Views(crop=(0.3, 1), brightness=0.4, contrast=0.4)
    return _cut(pixels, labels[some], (0.5, 0.25), seed, views, 20)


def _cut(pixels, labels, shares, seed, views, epochs) -> Data:
    place = np.random.default_rng(seed).permutation(len(labels)) / len(labels)
    split = np.where(place < shares[0], "train", np.where(place < sum(shares), "val", "test"))
    return Data(pixels, labels, split, views, epochs)


SETS: dict[str, Callable[[int], Data]] = {"cells": cells, "digits": digits, "fashion": fashion}


def vectors(data: Data, method: str, lr: float, seed: int) -> np.ndarray:
    """What ``method`` makes of all images, float32 (n, features)."""
    if method == "pixels":
        return data.pixels.reshape(len(data.pixels), -1) / np.float32(255)
    if method.startswith("nat"):
        return _nat(data, method, lr, seed).transform(data.pixels)
    if method.endswith("_small"):
        method, data = method.removesuffix("_small"), replace(data, epochs=recipe(data)["epochs"])
    else:
        data = replace(data, views=replace(data.views, small=0))
    scaling = Scaling.of(data.train)
    net = backbone("small", 1, seed)
    if method == "untrained":
        net.to(memory_format=torch.channels_last)
    elif method == "supervised":
        labels = torch.from_numpy(data.labels[data.split == "train"])
        classifier = nn.Linear(net.features, int(data.labels.max()) + 1)
        nn.init.zeros_(classifier.weight)
        _train(data, nn.Sequential(net, classifier), rivals.Classes(labels), lr, seed)
    else:
        _train(data, *rivals.rival(net, method, seed), lr, seed)
    return read_features(net, data.pixels, scaling)


def recipe(data: Data) -> dict:
    """Settings of NAT for this set: the default recipe, with as many pixels as two full views for all epochs."""
    settings = {"epochs": round(data.epochs * SMALL), "batch_size": data.batch}
    return settings | {"views": data.views, "size": data.pixels.shape[1], "device": "cpu"}


def _nat(data: Data, method: str, lr: float, seed: int) -> natkit.NAT:
    settings = recipe(data) | {"lr": lr, "seed": seed}
    if method != "nat":
        settings |= {"epochs": data.epochs, "views": replace(data.views, small=0)}
    if method == "nat_exact":
        settings["matching"] = "exact"
    if method == "nat_paper":  # the paper's method on this network: one view, so twice the epochs
        settings |= {"n_views": 1, "epochs": 2 * data.epochs, "matching": "exact", "match_every": 3}
        settings |= {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "dim": 2048}
        settings |= {"schedule": "constant", "warmup": 0.0}
    return natkit.NAT(**settings).fit(data.train)


def _changed(data: Data, method: str, lr: float, seed: int) -> natkit.NAT:
    """The recipe, or that without small views, with one of the changes: "nat, none"."""
    of, _, name = method.partition(", ")
    change = {"share": SMALL if of == "nat" else 1} | CHANGES[name]
    epochs = round(data.epochs * change.pop("share"))
    decay = change.pop("average", None)
    settings = recipe(data) | {"epochs": epochs, "lr": lr, "seed": seed} | change
    small = {} if of == "nat" else {"small": 0}
    settings["views"] = replace(data.views, **small | change.get("views", {}))
    model = natkit.NAT(**settings)
    if decay is not None:
        model.new_objective = lambda held: rivals.Averaged(held, model, decay)
    return model.fit(data.train)


def _train(data: Data, network: nn.Module, objective: Objective, lr: float, seed: int) -> None:
    """The loop, optimiser and schedule of NAT with another objective."""
    settings = recipe(data) | {"epochs": data.epochs, "lr": lr, "seed": seed}
    network.to(memory_format=torch.channels_last)
    Loop(network, data.train, Scaling.of(data.train), Settings(**settings), objective).train()


def classifier(name: str, setting: dict) -> LogisticRegression | KNeighborsClassifier:
    """The probes of natkit.score, the linear one fitted less finely."""
    if name == "linear":
        return LogisticRegression(C=setting["C"], tol=1e-4, max_iter=20_000)
    return KNeighborsClassifier(setting["k"], metric="cosine", weights="distance")


def probe(data: Data, found: np.ndarray, part: str) -> dict[str, float]:
    """Linear and nearest-neighbour score on ``part``; the settings are chosen on val."""
    x = features(found, data.split == "train", seed=0)
    out = {}
    for name, choices in PROBES.items():
        fitted = [
            classifier(name, c).fit(x[data.split == "train"], data.labels[data.split == "train"])
            for c in choices
        ]
        best = max(fitted, key=lambda model: _score(model, x, data, "val"))
        out[name] = _score(best, x, data, part)
    return out


def _score(model, x: np.ndarray, data: Data, part: str) -> float:
    """AUROC of two classes, else accuracy."""
    rows = data.split == part
    if data.labels.max() == 1:
        return roc_auc_score(data.labels[rows], model.predict_proba(x[rows])[:, 1])
    return model.score(x[rows], data.labels[rows])


def run(sets: list[str], methods: list[str], seeds: list[int]) -> None:
    for name in sets:
        for method in methods:
            tries = _tries(name, method)
            for lr, batch in tries if len(tries) > 1 else ():
                _once(name, method, "choose", lr, batch, 0)
            for seed in seeds:
                _once(name, method, "test", *_best(name, method), seed)


def vary(bases: list[str], sets: list[str], changes: list[str], seeds: list[int]) -> None:
    for change in changes:
        for name, of in product(sets, bases):
            for seed in seeds:
                _once(name, f"{of}, {change}", "vary", *_best(name, of), seed)


def _tries(name: str, method: str) -> list[tuple[float, int]]:
    """Learning rates and batches; what is not trained has neither."""
    return [(0.0, 0)] if RATES[method] == (0.0,) else list(product(RATES[method], BATCHES[name]))


def _best(name: str, method: str) -> tuple[float, int]:
    """The learning rate and the batch with the best sum of both scores on val; of equals, the larger rate."""
    tries = _tries(name, method)
    if len(tries) == 1:
        return tries[0]
    rows = _rows().query("set == @name and method == @method and use == 'choose'")
    rows = rows.sort_values("lr", ascending=False)
    best = rows.loc[(rows["linear"] + rows["knn"]).idxmax()]
    return float(best["lr"]), int(best["batch"])


def _once(name: str, method: str, use: str, lr: float, batch: int, seed: int) -> None:
    """Train, score and append a row, unless it is there."""
    here = _rows().query("set == @name and method == @method and use == @use and seed == @seed")
    if (np.isclose(here["lr"], lr) & (here["batch"] == batch)).any():
        return
    data = SETS[name](seed)
    data.batch = batch or data.batch
    if use == "vary":
        found = _changed(data, method, lr, seed).transform(data.pixels)
    else:
        found = vectors(data, method, lr, seed)
    scores = probe(data, found, "test" if use == "test" else "val")
    row = [
        name,
        method,
        use,
        lr,
        batch,
        seed,
        *(f"{scores[p]:.4f}" for p in PROBES),
        torch.__version__,
    ]
    with open(RESULTS, "a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(row)
    print(*row, flush=True)


def _rows() -> pd.DataFrame:
    if not RESULTS.exists():
        RESULTS.write_text(",".join(COLUMNS) + "\n")
    return pd.read_csv(RESULTS)


def table() -> None:
    """Mean score over the seeds, and NAT minus each by pairs of a seed with its 95 % t interval."""
    _print(_rows().query("use == 'test'"), "nat")
    varied = _rows().query("use == 'vary'")
    for of in BASES:
        _print(varied[varied["method"].str.startswith(f"{of}, ")], f"{of}, none")


def _print(tests: pd.DataFrame, first: str) -> None:
    for name, rows in tests.groupby("set", sort=False):
        wide = rows["method"].str.len().max()
        head = "".join(f"{p:>8}  {f'{first} − it':>24}  " for p in PROBES)
        print(
            f"\n{name}: {rows['use'].iloc[0]}\n{'':{wide}} {'lr':>7} {'batch':>5} {'seeds':>5}  {head}"
        )
        ours = rows[rows["method"] == first].set_index("seed")
        for method, each in rows.groupby("method", sort=False):
            each = each.set_index("seed")
            text = (
                f"{method:{wide}} {each['lr'].iloc[0]:7g} {each['batch'].iloc[0]:5} {len(each):5}  "
            )
            for p in PROBES:
                gap = (ours[p] - each[p]).dropna()
                text += f"{each[p].mean():8.3f}  "
                if method == first or len(gap) < 2:
                    text += f"{'':24}  "
                    continue
                half = student.ppf(0.975, len(gap) - 1) * gap.std() / math.sqrt(len(gap))
                text += f"{gap.mean():+8.3f} [{gap.mean() - half:+.3f}, {gap.mean() + half:+.3f}]  "
            print(text.rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "vary", "table"])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--methods", nargs="+", default=list(RATES), choices=RATES)
    parser.add_argument("--of", nargs="+", default=["nat"], choices=BASES)
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=CHANGES)
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    chosen = parser.parse_args()
    if chosen.what == "run":
        run(chosen.sets, chosen.methods, chosen.seeds)
    if chosen.what == "vary":
        vary(chosen.of, chosen.sets, chosen.changes, chosen.seeds)
    table()


if __name__ == "__main__":
    main()
