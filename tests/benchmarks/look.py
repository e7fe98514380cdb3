"""What looking costs, and what it finds: the map with its honesty, clusters, search.

    uv run python tests/benchmarks/look.py cells [--seed 0]     # 2,624 solar cells; trains first
    uv run python tests/benchmarks/look.py size [--n 50000]     # that many vectors of 192 numbers, 40 kinds
    uv run python tests/benchmarks/look.py search [--n 50000 100000]

Each prints seconds of one process on this machine, imports included, and its peak memory.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import data_prep
import natkit
from data_prep import samples
from natkit.look.association import purity
from natkit.look.neighbors import Index


class Clock:
    """Prints what each step took."""

    def __init__(self):
        self.first = self.last = time.perf_counter()

    def __call__(self, what: str) -> None:
        now = time.perf_counter()
        print(f"{now - self.last:8.1f} s  {what}", flush=True)
        self.last = now


def peak() -> str:
    return f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB"


def told(drawn) -> None:
    for row in drawn.honesty:
        mark = "flagged" if row["flagged"] else ""
        print(
            f"{'':10}  {row['measure']:16} {row['value']:.3f}  shuffled {row['control']:.3f}  {mark}"
        )


def cells(seed: int) -> None:
    """Train as the demo does, on clean cells; then look."""
    with tempfile.TemporaryDirectory() as folder:
        table = samples.solar_cells(Path(folder) / "cells")
        scan = data_prep.scan(table.parent, table)
        audit = data_prep.audit(scan, label="defect", groups=["type"])
        data_prep.prepare(audit, Path(folder) / "prepared", seed=seed)
        images = natkit.load(Path(folder) / "prepared")
        model = natkit.NAT(
            views=natkit.method.views.images.preset("orientation_free"), seed=seed
        ).fit(images)
        found = [model.embed(images), model.untrained().embed(images), natkit.pixels(images)]
    clock = Clock()
    drawn = natkit.project(found[0], seed)
    clock(f"{drawn}, with its honesty, imports included")
    told(drawn)
    groups = natkit.clusters(found[0], seed)
    clock(str(groups))
    section = drawn.section(groups, images.table, "defect", images.columns)
    clock("section")
    for row in section["explained_by"]:
        print(f"{'':10}  {row['column']:16} V {row['v']:.3f} [{row['low']:.3f}, {row['high']:.3f}]")
    best = section["explained_by"][0]["column"]
    for emb in found:
        p = purity(emb, images.table, best)
        print(
            f"{'':10}  {emb.name:16} purity by {best} {p['value']:.3f} [{p['low']:.3f}, {p['high']:.3f}], "
            f"chance {p['chance']:.3f}"
        )
    print(peak())


def vectors(n: int, seed: int = 0) -> natkit.Embedding:
    """40 kinds of unlike size in 192 dimensions of falling spread."""
    rng = np.random.default_rng(seed)
    spread = np.exp(-np.arange(192) / 40)
    kind = rng.choice(40, n, p=rng.dirichlet(np.full(40, 2.0)))
    middle = 1.5 * np.random.default_rng(9).standard_normal((40, 192)) * spread
    made = middle[kind] + rng.standard_normal((n, 192)) * spread
    return natkit.Embedding(made.astype(np.float32), np.arange(n), {"name": "made"})


def size(n: int) -> None:
    emb, clock = vectors(n), Clock()
    drawn = natkit.project(emb)
    clock(f"{drawn}, with its honesty, imports included")
    told(drawn)
    clock(str(natkit.clusters(emb)))
    print(peak())


def search(sizes: list[int]) -> None:
    for n in sizes:
        emb, clock = vectors(n), Clock()
        index = Index(emb)
        clock(f"build {index}")
        some = np.random.default_rng(1).choice(n, 100)
        index.similar(some[0], 10)
        began = time.perf_counter()
        took = []
        for i in some:
            index.similar(i, 10)
            took.append(time.perf_counter() - began - sum(took))
        print(
            f"{'':10}  a question: median {np.median(took) * 1e3:.1f} ms, most {max(took) * 1e3:.1f} ms"
        )
        clock("100 questions")
        more = natkit.Embedding(
            vectors(1000, seed=1).vectors, n + np.arange(1000), {"name": "made"}
        )
        index.add(more)
        clock(f"add 1,000: {index}")
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder) / "index.npz")
            clock(f"save, {(Path(folder) / 'index.npz').stat().st_size / 1e6:.0f} MB")
            Index.load(Path(folder) / "index.npz")
            clock("load")
    print(peak())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cells", "size", "search"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, nargs="+", default=[50_000, 100_000])
    chosen = parser.parse_args()
    if chosen.what == "cells":
        cells(chosen.seed)
    elif chosen.what == "size":
        size(chosen.n[0])
    else:
        search(chosen.n)


if __name__ == "__main__":
    main()
