"""A full disk at every step: one sentence, nothing half-written, and on it goes once there is room.

    sudo uv run python tests/soak/disk.py [--levels 1] [--seed 0]

Needs root for a small tmpfs. How much `natkit poc --fast` keeps after each of its five steps is measured once.
Then, per step and level, a disk is made that has room for all steps before and for a random part of this one; the
command must end with status 1 and one sentence. What lies there then must be whole (every JSON, CSV, npz, safetensors,
workbook, notebook and picture is opened), no `.part` or unfinished notebook among it. The disk is given room, and the
same command must end with the files of an undisturbed run. About 3 minutes a level and step.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from PIL import Image
from poc import STEPS, differences, draw, hashes, report, said, started
from safetensors.numpy import load_file

LATE = 900  # s
LINES = ("scan.jsonl", "progress.jsonl")  # appended to; a half line at the end is passed over


def size(folder: Path) -> int:
    """Bytes that a tmpfs takes for the files below: whole pages."""
    return sum(-(-p.stat().st_size // 4096) * 4096 for p in folder.rglob("*") if p.is_file())


def measured(line: Path, out: Path, log: Path) -> list[int]:
    """Run undisturbed; bytes that lie in ``out`` after each step."""
    sizes, process = [], started(line, out, log)
    while process.poll() is None:
        if len(sizes) < len(STEPS) and (out / "notebooks" / f"{STEPS[len(sizes)]}.ipynb").exists():
            sizes.append(size(out))
        time.sleep(0.05)
    assert process.returncode == 0, log.read_text()
    return [*sizes, size(out)][: len(STEPS)]


@contextmanager
def small_disk(place: Path, room: int):
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def broken(out: Path) -> list[str]:
    """Files that are not whole, or shouldn't be there."""
    found = []
    for file in sorted(p for p in out.rglob("*") if p.is_file()):
        name = file.relative_to(out).as_posix()
        if ".part" in name or ".unfinished" in name:
            found.append(f"{name} is half-written")
            continue
        if name in LINES:
            continue
        try:
            opened(file)
        except Exception as error:
            found.append(f"{name} is broken: {type(error).__name__} {error}"[:150])
    return found


def opened(file: Path) -> None:
    """Read a file of a known kind to its end."""
    kind = file.suffix
    if file.stat().st_size == 0:
        raise ValueError("empty")
    if kind == ".json":
        json.loads(file.read_text(encoding="utf-8"))
    elif kind == ".ipynb":
        nbformat.read(file, as_version=4)
    elif kind == ".csv":
        if not file.read_bytes().endswith(b"\n"):
            raise ValueError("the last line is cut")
        pd.read_csv(file)
    elif kind == ".safetensors":
        load_file(file)
    elif kind in (".npz", ".xlsx", ".pptx"):
        with zipfile.ZipFile(file) as archive:
            if (bad := archive.testzip()) is not None:
                raise ValueError(bad)
    elif kind in (".png", ".tif"):
        with Image.open(file) as image:
            image.load()
    elif kind in (".html", ".svg"):
        if not file.read_text(encoding="utf-8").rstrip().endswith((">", "-->")):
            raise ValueError("the end is cut")
    elif kind == ".npy":
        np.load(file, mmap_mode="r")


def filled(line: Path, base: Path, room: int, calm: Path) -> tuple[str, list[str]]:
    """One disk of ``room`` bytes: at which step it was full ("" if never), and the faults."""
    disk, log = base / "disk", base / "log"
    faults = []
    with small_disk(disk, room):
        out = disk / "poc"
        process = started(line, out, log)
        code = process.wait(LATE)
        if code == 0:
            return "", differences(out, calm, set())
        step = next((s for s in STEPS if not (out / "notebooks" / f"{s}.ipynb").exists()), "end")
        sentence = said(log)
        if code != 1 or "is full" not in sentence:
            faults.append(f"status {code}: {sentence}")
        faults += broken(out)
        more = ["mount", "-o", "remount,size=200m", str(disk)]
        subprocess.run(more, check=True)
        code = started(line, out, log).wait(LATE)
        if code:
            faults.append(f"with room again: status {code}: {said(log)}")
        else:
            faults += [f"with room again: {fault}" for fault in differences(out, calm, set())]
    disk.rmdir()
    return step, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--levels", type=int, default=1, help="disks a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    chosen = parser.parse_args()
    clock, faults, rows = random.Random(chosen.seed), [], []
    base = Path(tempfile.mkdtemp(prefix="soak-disk-"))
    try:
        line = draw(base / "line")
        before, calm = hashes(line), base / "calm" / "poc"  # as far from the line as on the disk
        sizes = [0, *measured(line, calm, base / "log")]
        print("bytes after each step: " + ", ".join(map(str, sizes[1:])), flush=True)
        for k, step in enumerate(STEPS):
            for _ in range(chosen.levels if step in chosen.steps else 0):
                room = int(clock.uniform(sizes[k] + 4096, sizes[k + 1] - 8192)) // 4096 * 4096
                at, wrong = filled(line, base, room, calm)
                rows.append(
                    (
                        f"{room // 1024} kB, meant for {step}",
                        f"full in {at or 'none'}, {len(wrong)} faults",
                    )
                )
                faults += [f"{room // 1024} kB ({at}): {fault}" for fault in wrong]
                print(rows[-1], *wrong, sep="\n  ", flush=True)
        faults += [] if hashes(line) == before else ["the user's files have changed"]
        return report("disk.py", rows, faults)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    sys.exit(main())
