"""How well and how fast the cleaning is: planted faults, cleanvision beside it, 100,000 files, the score.

    uv run python tests/benchmarks/cleaning.py faults [--seeds 0 1 2]
    uv run --group bench python tests/benchmarks/cleaning.py cleanvision
    uv run python tests/benchmarks/cleaning.py scale [--files 10000 100000]
    uv run python tests/benchmarks/cleaning.py effect [--seeds 0 1 2]
    uv run python tests/benchmarks/cleaning.py alike [--files 400 2000 20000] [--real FOLDER]
    uv run python tests/benchmarks/cleaning.py untouched --folders FOLDER [FOLDER ...]

``faults``: recall on soiled solar cells and on the synthetic line; precision on the line, where all
truth is known; on the cells the alarms beyond those that the unsoiled copy raises too. ``cleanvision``:
the same folders, without the files that it can't read; every kind that both know, and images a second
(natkit without label and without the tests of the table, which cleanvision does not make).
``alike``: near copies among parts that all look alike, drawn as a fixture holds them (``--fixed``) or as they lie, and
among the real pictures of a folder: recall of planted copies of each kind, wrong ones, nominated pairs, seconds a file.
``untouched``: what cleaning would take from real folders in which nothing was planted (with ``parts.csv`` as table).
``scale``: seconds a file and peak memory of the scan. ``effect``: NAT trained on the cleaned images
against NAT trained on them as they came, scored on the same clean test images.
"""

import argparse
import contextlib
import io
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from PIL import Image, ImageDraw

import data_prep
import natkit
from data_prep import samples
from data_prep.deciding.audit import audit as look_through  # loaded before the clock runs
from data_prep.rules import duplicates
from data_prep.samples.planting import FOUND_BY, SINGLE
from data_prep.scanning.walking import find_images

GROUPS = {"solar cells": ["type", "camera", "shift"], "line": ["camera", "shift", "lot"]}
# what cleanvision calls the kinds that both look for
THEIRS = {
    "blank": "low_information",
    "dark": "dark",
    "blur": "blurry",
    "exact_copy": "exact_duplicates",
    "near_copy": "near_duplicates",
}
NOT_THEIRS = (
    "drift",
    "not_at_random",
    "shortcut",
)  # tests of the table, which cleanvision has none of


def soiled(name: str, folder: Path, seed: int) -> Path:
    """Write a set, clean and soiled; returns the table of the soiled one."""
    if name == "line":
        samples.synthetic_line(folder / "clean", 600, seed)
    else:
        samples.solar_cells(folder / "clean")
    return samples.soil(folder / "clean", folder / "soiled", seed)


def named(audit: data_prep.Audit) -> dict[str, set[str]]:
    """Rule → the images that it names; of a pair of copies both."""
    out: dict[str, set[str]] = {}
    for f in audit.findings:
        out.setdefault(f.rule, set()).update(f.paths)
        out[f.rule] |= {d["copy_of"] for d in f.details if "copy_of" in d}
    return out


def truth(table: Path) -> dict[str, set[str]]:
    """Planted kind → its images; of a pair of copies both."""
    rows = pd.read_csv(table.parent / "truth.csv", keep_default_na=False)
    out = {kind: set(mine["path"]) - {""} for kind, mine in rows.groupby("kind")}
    for kind in ("exact_copy", "near_copy"):
        out[kind] |= set(rows.loc[rows["kind"] == kind, "detail"])
    return out


def faults(seeds: list[int]) -> None:
    for name, groups in GROUPS.items():
        planted, found, alarms, right = Counter(), Counter(), Counter(), Counter()
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                table = soiled(name, Path(folder), seed)
                scan = data_prep.scan(table.parent, table)
                scan = leaky(scan, table, seed)
                audit = data_prep.audit(scan, "defect", groups, split="fold")
                prepared = data_prep.prepare(audit, Path(folder) / "prepared")
                kinds, _ = samples.compare(table.parent / "truth.csv", prepared)
                before = unsoiled(Path(folder) / "clean", groups) if name != "line" else {}
                known, said = truth(table), named(audit)
                for row in kinds:
                    planted[row["kind"]] += row["planted"]
                    found[row["kind"]] += row["found"]
                for kind in SINGLE:
                    for rule in FOUND_BY[kind]:
                        same = set().union(*(known[k] for k in SINGLE if rule in FOUND_BY[k]))
                        right[rule] += len(said.get(rule, set()) & same)
                        alarms[rule] += len(said.get(rule, set()) - same - before.get(rule, set()))
                leaks = known["exact_copy"] | known["near_copy"]
                if "lot" in scan.table:  # the copy of a lot's image drew the whole lot apart
                    lots = scan.table.set_index("path")["lot"]
                    leaks = (
                        set(lots.index[lots.isin(lots[list(leaks)])]) - audit.quarantined | leaks
                    )
                told = said.get("leakage", set())
                planted["leakage"] += len(leaks)
                found["leakage"] += len(told & leaks)
                right["leakage"] += len(told & leaks)
                alarms["leakage"] += len(told - leaks)
        for kind in planted:
            rules = FOUND_BY.get(kind, (kind,))
            hits, wrong = sum(right[r] for r in rules), sum(alarms[r] for r in rules)
            exact = (
                f"precision {hits / max(1, hits + wrong):.3f}"
                if name == "line"
                else f"extra {wrong}"
            )
            exact = exact if kind in (*SINGLE, "leakage") else ""
            recall = found[kind] / max(1, planted[kind])
            print(
                f"{name:12} {kind:17} {found[kind]:4} of {planted[kind]:4}  {recall:.3f}  {exact}"
            )


def leaky(scan: data_prep.Scan, table: Path, seed: int) -> data_prep.Scan:
    """The scan with a split of the user's, ``fold``, that separates every planted copy, and no lot."""
    rows = pd.read_csv(table.parent / "truth.csv", keep_default_na=False)
    copies = rows[rows["kind"].str.endswith("_copy")].set_index("path")["detail"]
    frame = scan.table.set_index("path")
    lots = frame["lot"] if "lot" in frame else pd.Series(frame.index, frame.index)
    odd = np.random.default_rng(seed).permutation(len(lots.unique())) % 2
    fold = pd.Series(odd[pd.factorize(lots)[0]], frame.index)
    fold[copies.index] = 1 - fold[copies.to_numpy()].to_numpy()
    frame["fold"] = fold.map({0: "train", 1: "test"})
    return data_prep.Scan(scan.root, frame.reset_index(), True)


def unsoiled(folder: Path, groups: list[str]) -> dict[str, set[str]]:
    """What the clean copy raises."""
    scan = data_prep.scan(folder, next(folder.glob("*.csv")))
    return named(data_prep.audit(scan, "defect", [g for g in groups if g in scan.user_columns]))


def beside_cleanvision(seed: int) -> None:
    from cleanvision import Imagelab

    for name, groups in GROUPS.items():
        with tempfile.TemporaryDirectory() as folder:
            table = soiled(name, Path(folder), seed)
            scan = data_prep.scan(table.parent, table)
            good = scan.table.loc[scan.table["status"] == "ok", "path"]
            whole = Path(folder) / "whole"  # cleanvision ends at the first file that it can't read
            for path in good:
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(scan.root / path, whole / path)
            rows = pd.read_csv(table).query("path in @good")
            start = time.perf_counter()
            scan = data_prep.scan(whole, rows)
            look_through(scan, groups=groups, rules=dict.fromkeys(NOT_THEIRS, {"off": True}))
            ours = time.perf_counter() - start
            audit = look_through(scan, "defect", groups)
            every = time.perf_counter() - start - ours
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                lab = Imagelab(data_path=str(whole))
                lab.find_issues(n_jobs=psutil.cpu_count(logical=False) or 2)
            theirs = time.perf_counter() - start
            known, said = truth(table), named(audit)
            names = [str(Path(p).relative_to(whole)) for p in lab.issues.index]
            issues = lab.issues.set_axis(names)
            for kind, column in THEIRS.items():
                planted = known[kind] & set(good)
                hit = set(issues.index[issues[f"is_{column}_issue"]])
                mine = set().union(*(said.get(rule, set()) for rule in FOUND_BY[kind]))
                print(
                    f"{name:12} {kind:11} {len(planted):3} planted: "
                    f"natkit {len(mine & planted):3} and {len(mine - planted):3} others, "
                    f"cleanvision {len(hit & planted):3} and {len(hit - planted):4} others"
                )
            print(
                f"{name:12} images/s: natkit {len(good) / ours:.0f}, cleanvision {len(good) / theirs:.0f}; "
                f"then all rules {every:.1f} s"
            )


def scale(sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (64, 64), np.uint8)
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for i in range(n):
                part = Path(folder) / f"{i // 1000:04}"
                part.mkdir(exist_ok=True)
                pixels = np.roll(coarse, int(rng.integers(64)), axis=0) ^ rng.integers(
                    0, 32, (64, 64), np.uint8
                )
                Image.fromarray(pixels).save(part / f"{i:07}.png", compress_level=1)
            peak, stop = [], threading.Event()
            watch = threading.Thread(target=_watch, args=(peak, stop))
            before = psutil.Process().memory_info().rss / 2**20
            watch.start()
            start = time.perf_counter()
            data_prep.scan(folder)
            seconds = time.perf_counter() - start
            stop.set()
            watch.join()
            print(
                f"{n:7} files of 64 x 64: {1e3 * seconds / n:.2f} ms a file, memory {before:.0f} MB "
                f"before, {max(peak):.0f} MB at most"
            )


SAVED = ("brighter", "shifted", "compressed", "smaller")


def saved_again(pixels: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """A near copy of a picture; uint8 as it came."""
    image = Image.fromarray(pixels)
    if how == "compressed":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=80)
        return np.asarray(Image.open(file))
    if how == "smaller":
        return np.asarray(image.resize((3 * image.width // 4, 3 * image.height // 4)))
    moved = np.roll(pixels, 1, axis=1) if how == "shifted" else pixels
    return np.clip(np.rint(moved * rng.uniform(1.02, 1.06)), 0, 255).astype(np.uint8)


def fixture(number: int, fixed: bool) -> np.ndarray:
    """Part ``number`` of one kind: noise, place and one in five with a scratch; uint8 (128, 128)."""
    rng = np.random.default_rng([9, number])
    y, x = rng.normal(0, 0.2 if fixed else 2.0, 2)
    image = Image.new("L", (512, 512), 60)
    draw, at = ImageDraw.Draw(image), np.array([x, y, x, y]) * 4
    for box, grey in (((60, 80, 450, 430), 150), ((190, 190, 320, 320), 70), ((90, 110, 130, 150), 40),
                      ((380, 110, 420, 150), 40), ((90, 360, 130, 400), 40), ((380, 360, 420, 400), 40)):  # fmt: skip
        (draw.rectangle if grey == 150 else draw.ellipse)(tuple(np.array(box) + at), fill=grey)
    if number % 5 == 0:
        left, top = rng.integers(100, 360, 2)
        draw.line((left, top, left + 60, top + rng.integers(-40, 40)), fill=190, width=7)
    small = np.asarray(image.resize((128, 128), Image.Resampling.BOX), float)
    return np.clip(np.rint(small + rng.normal(0, 3, small.shape)), 0, 255).astype(np.uint8)


def alike(sizes: list[int], fixed: bool, real: Path | None) -> None:
    for n in sizes if real is None else [0]:
        with tempfile.TemporaryDirectory() as name:
            folder, rng = Path(name), np.random.default_rng(0)
            if real is None:
                for i in range(n):
                    Image.fromarray(fixture(i, fixed)).save(
                        folder / f"{i:06}.png", compress_level=1
                    )
            else:
                for i, file in enumerate(images_of(real)):
                    shutil.copyfile(file, folder / f"{i:06}{file.suffix}")
            files = sorted(folder.iterdir())
            origins = rng.choice(len(files), min(80, len(files) // 8), replace=False)
            planted = {kind: set() for kind in SAVED}
            for place, row in enumerate(origins):
                kind, new = SAVED[place % 4], f"z{place:03}.png"
                pixels = np.asarray(Image.open(files[row]))
                Image.fromarray(saved_again(pixels, kind, rng)).save(folder / new)
                planted[kind].add(frozenset((new, files[row].name)))
            paths = sorted(file.name for file in folder.iterdir())
            start = time.perf_counter()
            fingers = duplicates.fingerprints(paths, folder)
            read = time.perf_counter()
            pairs = sorted(duplicates.nominate(fingers))
            named = time.perf_counter()
            found = {
                frozenset((paths[i], paths[j]))
                for i, j, _ in duplicates.proved(paths, folder, pairs)
            }
            took = np.diff([start, read, named, time.perf_counter()]) * 1e3 / len(paths)
            told = ", ".join(
                f"{kind} {len(found & mine)} of {len(mine)}" for kind, mine in planted.items()
            )
            print(
                f"{len(paths):6} pictures: {len(pairs):6} pairs nominated, {took.sum():.1f} ms a picture "
                f"({took[0]:.1f} to read, {took[1]:.1f} to nominate, {took[2]:.1f} to prove); {told}; "
                f"others {len(found - set().union(*planted.values()))}",
                flush=True,
            )


def images_of(folder: Path) -> list[Path]:
    return [folder / path for path in find_images(folder)]


def _watch(peak: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.2):
        peak.append(psutil.Process().memory_info().rss / 2**20)


def effect(seeds: list[int], epochs: int) -> None:
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            table = soiled("solar cells", out, seed)
            scan = data_prep.scan(table.parent, table)
            audit = data_prep.audit(scan, "defect", GROUPS["solar cells"])
            clean = natkit.load(data_prep.prepare(audit, out / "clean-prepared", seed).folder)
            raw = audit.undo(sorted(audit.readable & audit.quarantined))
            came = natkit.load(data_prep.prepare(raw, out / "raw", seed).folder)
            held_out = clean.table["path"][clean.split != "train"]
            settings = {"epochs": epochs, "size": 64, "seed": seed}
            ours = natkit.NAT(**settings).fit(clean).embed(clean)
            rest = came[~came.table["path"].isin(held_out)].pixels(64)
            vectors = natkit.NAT(**settings).fit(rest).transform(clean.pixels(64))
            other = natkit.Embedding(vectors, clean.ids, {"name": "as it came"})
            proof = natkit.score(ours, [other], clean.table, "defect", seed)
            for row in proof.section()["differences"]:
                gap = row["score"]
                print(
                    f"seed {seed} {row['probe']:6} cleaned − as it came {gap['value']:+.3f} "
                    f"[{gap['low']:+.3f}, {gap['high']:+.3f}]"
                )


def untouched(folders: list[Path]) -> None:
    """Real pictures in which nothing was planted: what would cleaning take from them?"""
    print("| set | images | set aside | mended | by rule |")
    print("|---|---|---|---|---|")
    for folder in folders:
        table = next((file for file in [folder / "parts.csv"] if file.exists()), None)
        audit = data_prep.audit(data_prep.scan(folder, table))
        counts = [f"{f.rule} {f.count} {f.action}" for f in audit.findings if f.paths]
        n, aside, mended = len(audit.readable), audit.quarantined, audit.paths_of("mended")
        share = f"{len(aside)} ({len(aside) / n:.1%})"
        print(
            f"| {folder.name} | {n} | {share} | {len(mended)} | {', '.join(counts)} |", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=["faults", "cleanvision", "scale", "effect", "alike", "untouched"]
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--files", type=int, nargs="+")
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--folders", type=Path, nargs="+", default=[], help="of untouched")
    parser.add_argument("--epochs", type=int, default=20)
    chosen = parser.parse_args()
    if chosen.what == "faults":
        faults(chosen.seeds)
    elif chosen.what == "cleanvision":
        beside_cleanvision(chosen.seeds[0])
    elif chosen.what == "untouched":
        untouched(chosen.folders)
    elif chosen.what == "scale":
        scale(chosen.files or [10_000, 100_000])
    elif chosen.what == "alike":
        alike(chosen.files or [400, 2_000, 20_000], chosen.fixed, chosen.real)
    else:
        effect(chosen.seeds, chosen.epochs)


if __name__ == "__main__":
    main()
