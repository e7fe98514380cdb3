"""Cost and memory an image from a thousand to a hundred million of them; what is measured stands in scale.csv.

    uv run python tests/benchmarks/scale.py state      # targets, matching, write back; save and load (minutes)
    uv run python tests/benchmarks/scale.py epoch      # one epoch over pictures drawn on the fly
    uv run python tests/benchmarks/scale.py constants  # decode an image from shards; a row of the manifest
    uv run python tests/benchmarks/scale.py chart      # notebooks/images/scale.png
    uv run python tests/benchmarks/scale.py plan       # a page that plans 10⁹ images

Each of the first three replaces its own rows of the file; the last two only read it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import plan  # beside this file
import psutil
import torch
from matplotlib.axes import Axes
from PIL import Image
from torch import nn
from torch.nn import functional

import data_prep
import natkit
from natkit.method.batches import Scaling
from natkit.method.objectives.assigned import read_assignment, width, write_assignment
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.settings import Settings
from natkit.method.training.loop import Loop
from natkit.method.views.images import Views
from natkit.show import style

HERE = Path(__file__).parent
TABLE = HERE / "scale.csv"
CHART = HERE.parents[1] / "notebooks" / "images" / "scale.png"
COLUMNS = ["part", "n", "timed", "ns", "memory_mb", "file_mb", "save_s", "load_s"]
COLUMNS += ["save_cpu_s", "load_cpu_s", "machine"]
SIZES = [10**k for k in range(3, 9)]
BATCH, DIM = 256, 64
LEAST, MOST = 200_000, 2 * 10**6  # images that are timed, drawn from all


def keep(rows: list[dict]) -> None:
    """Put rows into the file in place of those of the same part."""
    new = pd.DataFrame(rows).assign(machine=machine()).reindex(columns=COLUMNS)
    if TABLE.exists():
        old = pd.read_csv(TABLE)
        new = pd.concat([old[~old["part"].isin(new["part"])], new], ignore_index=True)
    new.sort_values(["part", "n"], kind="stable").to_csv(TABLE, index=False)
    print(new.drop(columns="machine").to_string(index=False, na_rep=""), flush=True)


def machine() -> str:
    """What was measured on, and how busy it was with other work."""
    busy = os.getloadavg()[0]
    return f"CPU, {os.cpu_count()} cores, load {busy:.1f}, torch {torch.__version__.split('+')[0]}"


def peak_mb() -> float:
    """Most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- the assignment


def passes(n: int) -> tuple[int, float, np.ndarray]:
    """Images timed, seconds for their targets, matching and write back over a set of n, and who holds what."""
    settings = Settings(matching="exact", n_views=1, batch_size=BATCH, dim=DIM)
    objective = NoiseAsTargets(np.arange(n, dtype=width(n)), settings, torch.device("cpu"))
    rng = np.random.default_rng(0)
    drawn = torch.randn(16, 1, BATCH, DIM, generator=torch.Generator().manual_seed(0))
    features = functional.normalize(drawn, dim=3)
    timed, seconds, enough = 0, 0.0, min(max(n, LEAST), MOST) if n <= 10**7 else LEAST
    while timed < enough:
        order = rng.permutation(np.arange(n, dtype=width(n)))
        for place in range(n // BATCH):
            rows = np.sort(order[place * BATCH :][:BATCH])
            start = time.process_time()  # of this process: others on the machine don't count
            objective.pseudo_targets(features[place % len(features)], rows, 0)
            seconds, timed = seconds + time.process_time() - start, timed + BATCH
            if timed >= enough:
                break
    return timed, seconds, objective.held


def one(n: int) -> None:
    """Measure a set of n images in a process of its own, for its peak of memory."""
    passes(1024)
    before = peak_mb()
    timed, seconds, held = passes(n)
    row = {"timed": timed, "ns": seconds / timed * 1e9, "memory_mb": peak_mb() - before}
    ids, seen = np.arange(n), np.zeros(n, bool)
    seen[held] = True
    assert seen.all()  # no target is held twice
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "assignment.npz"
        wall, cpu = time.perf_counter(), time.process_time()
        write_assignment(file, ids, held)
        with open(file, "rb+") as written:
            os.fsync(written.fileno())
        row |= {"save_s": time.perf_counter() - wall, "save_cpu_s": time.process_time() - cpu}
        row["file_mb"] = file.stat().st_size / 2**20
        wall, cpu = time.perf_counter(), time.process_time()
        got = read_assignment(file)
        row |= {"load_s": time.perf_counter() - wall, "load_cpu_s": time.process_time() - cpu}
        assert np.array_equal(got[0], ids)
        assert np.array_equal(got[1], held)
    print(json.dumps(row))


def state() -> None:
    """Targets, matching and write back with simulated features, for every size."""
    rows = []
    for n in SIZES:
        command = [sys.executable, __file__, "one", "--n", str(n)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        rows.append({"part": "matching", "n": n} | json.loads(said))
        print(rows[-1], flush=True)
    keep(rows)


# --- an epoch


class Drawn:
    """A round spot on a sloping ground, 16 × 16, drawn when it is asked for: a function of its row."""

    dtype = np.dtype(np.uint8)

    def __init__(self, n: int):
        self.shape = (n, 16, 16, 1)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        share = np.modf(np.outer(rows + 1.0, np.sqrt([2, 3, 5, 7, 11])))[0][:, :, None, None]
        x, y = np.meshgrid(np.linspace(0, 1, 16), np.linspace(0, 1, 16))
        far = (x - share[:, 0]) ** 2 + (y - share[:, 1]) ** 2
        light = share[:, 2] * x + 0.7 * share[:, 3] * np.exp(-far / (0.01 + 0.1 * share[:, 4]))
        return (150 * light).astype(np.uint8)[..., None]


class Watched(NoiseAsTargets):
    """An objective that notes CPU time and memory twenty times an epoch."""

    what = ""
    done, notes = 0, []

    def after_step(self, share: float) -> None:
        self.done += 1
        if self.done % (len(self.held) // BATCH // 20) == 0:
            memory = psutil.Process().memory_info().rss / 2**20
            self.notes.append((self.done * BATCH, time.process_time(), memory))


def epoch(n: int) -> None:
    """One epoch of one-to-one NAT over n pictures drawn on the fly."""
    settings = Settings(
        epochs=1, batch_size=BATCH, dim=32, size=16, matching="exact", views=Views(small=0)
    )
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2)]
    net = nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(144, 32))
    pixels = Drawn(n)
    objective = Watched(np.arange(n), settings, torch.device("cpu"))
    run = Loop(net, pixels, Scaling.of(pixels[np.arange(8192)]), settings, objective)
    run.train()
    assert np.array_equal(np.sort(objective.held), np.arange(n))
    rows = []
    for (before, then, _), (seen, now, memory) in zip(
        objective.notes, objective.notes[1:], strict=False
    ):
        ns = (now - then) / (seen - before) * 1e9
        rows.append(
            {"part": "epoch", "n": seen, "timed": seen - before, "ns": ns, "memory_mb": memory}
        )
    keep(rows)
    print(run.history[-1])


# --- what a plan needs besides


def constants(n: int = 2000) -> None:
    """CPU time to decode an image of 300 × 300 from shards, and to read a row of the manifest; their bytes."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "images"
        folder.mkdir()
        rng = np.random.default_rng(0)
        for number in range(n):
            smooth = Image.fromarray(rng.integers(0, 255, (19, 19), dtype=np.uint8)).resize(
                (300, 300)
            )
            smooth.save(folder / f"{number}.png")
        scan = data_prep.scan(folder)
        data_prep.prepare(data_prep.audit(scan), Path(place) / "prepared")
        images = natkit.load(Path(place) / "prepared").shard()
        size = sum(f.stat().st_size for f in (Path(place) / "prepared" / "shards").iterdir())
        start = time.process_time()
        stream = images.stream(96)
        for first in range(0, n, BATCH):
            stream[first : first + BATCH]
        decode = {"ns": (time.process_time() - start) / n * 1e9, "file_mb": size / n / 2**20}
        lines = (Path(place) / "prepared" / "manifest.csv").read_text().splitlines()
        many = 200_000
        (Path(place) / "m.csv").write_text("\n".join([lines[0], *(lines[1:] * (many // n))]) + "\n")
        start = time.process_time()
        table = pd.read_csv(Path(place) / "m.csv")
        row = {"ns": (time.process_time() - start) / many * 1e9}
        row["memory_mb"] = table.memory_usage(deep=True).sum() / many / 2**20
        row["file_mb"] = (Path(place) / "m.csv").stat().st_size / many / 2**20
    rows = [{"part": "decode", "n": n, "timed": n, **decode}]
    keep([*rows, {"part": "manifest", "n": many, "timed": many, **row}])


# --- what is said of it


def chart() -> None:
    """Cost an image over the number of images, from the table."""
    table = pd.read_csv(TABLE)
    rows = table[table["part"] == "matching"]

    def draw(ax: Axes) -> Axes:
        micro = rows["ns"] / 1000
        ax.plot(rows["n"], micro, "o-", color=style.BLUE, linewidth=2, markersize=7)
        for n, value in zip(rows["n"], micro, strict=True):
            ax.annotate(
                f"{value:.1f} µs", (n, value), (0, 11), textcoords="offset points", ha="center"
            )
        ax.set_xscale("log")
        ax.set_xticks(rows["n"], [_short(n) for n in rows["n"]])
        ax.minorticks_off()
        ax.set_ylim(0, 1.5 * micro.max())
        ax.set_xlabel("images")
        ax.set_yticks([])
        style.bare(ax, "y")
        style.headline(
            ax,
            f"From {_short(rows['n'].min())} to {_short(rows['n'].max())} images, a target costs the same: "
            f"{micro.min():.0f}–{micro.max():.0f} µs an image",
            f"CPU time of one core for targets, exact matching in batches of {BATCH} and write back",
        )
        return ax

    with style.theme("en"):
        style.figure(draw, CHART, (9.6, 4.2))
    with Image.open(CHART) as image:  # few colours: a small file
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=32).save(CHART, optimize=True)
    print(CHART, CHART.stat().st_size, "bytes")


def _short(n: int) -> str:
    return f"{n // 10**6:,} million" if n >= 10**6 else f"{n:,}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    for name in ("state", "constants", "chart"):
        parts.add_parser(name)
    for name in ("one", "epoch"):
        parts.add_parser(name).add_argument("--n", type=int, default=10**6)
    plan.arguments(parts.add_parser("plan"))
    chosen = parser.parse_args()
    work = {"state": state, "constants": constants, "chart": chart}
    work |= {"one": lambda: one(chosen.n), "epoch": lambda: epoch(chosen.n)}
    work |= {"plan": lambda: print(plan.page(pd.read_csv(TABLE), chosen))}
    work[chosen.part]()


if __name__ == "__main__":
    main()
