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
import torch
from torch.nn import functional

from natkit.method.matching import Matcher
from natkit.method.settings import Settings
from natkit.method.state import read_assignment, width, write_assignment

HERE = Path(__file__).parent
TABLE = HERE / "scale.csv"
CHART = HERE.parents[1] / "notebooks" / "images" / "scale.png"
COLUMNS = ["part", "n", "timed", "ns", "memory_mb", "file_mb", "save_s", "load_s", "machine"]
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
    matcher = Matcher(np.arange(n, dtype=width(n)), settings, torch.device("cpu"))
    rng = np.random.default_rng(0)
    drawn = torch.randn(16, 1, BATCH, DIM, generator=torch.Generator().manual_seed(0))
    features = functional.normalize(drawn, dim=3)
    timed, seconds, goal = 0, 0.0, min(max(n, LEAST), MOST)
    while timed < goal:
        order = rng.permutation(np.arange(n, dtype=width(n)))
        for place in range(n // BATCH):
            rows = np.sort(order[place * BATCH :][:BATCH])
            start = time.process_time()  # of this process: others on the machine don't count
            matcher.goals(features[place % len(features)], rows, 0)
            seconds, timed = seconds + time.process_time() - start, timed + BATCH
            if timed >= goal:
                break
    return timed, seconds, matcher.held


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
        start = time.perf_counter()
        write_assignment(file, ids, held)
        with open(file, "rb+") as written:
            os.fsync(written.fileno())
        row["save_s"] = time.perf_counter() - start
        row["file_mb"] = file.stat().st_size / 2**20
        start = time.perf_counter()
        got = read_assignment(file)
        row["load_s"] = time.perf_counter() - start
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["state", "one"])
    parser.add_argument("--n", type=int)
    chosen = parser.parse_args()
    one(chosen.n) if chosen.part == "one" else state()


if __name__ == "__main__":
    main()
