"""Plant known faults in a copy of sample data, and compare what was found with the truth."""

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from natkit.core.errors import InputError
from natkit.core.files import unplain, writing
from natkit.core.progress import progress
from natkit.core.stats import cramers_v
from natkit.data.manifest import Prepared

SHARE = 0.012  # of the images gets each fault that hits single images
# planted kind → the rules that find it
FOUND_BY = {
    "absent": ("absent",),
    "truncated": ("unreadable",),
    "empty": ("unreadable",),
    "blank": ("blank",),
    "half_transferred": ("partly_missing",),
    "dead_lines": ("dead_lines",),
    "dead_block": ("dead_block",),
    "exact_copy": ("exact_copy",),
    "near_copy": ("near_copy",),
    "blur": ("blurred",),
    "dark": ("dark",),
    "gain": ("gain",),
    "missing_value": ("missing_values",),
    "biased_sample": ("group_imbalance",),
}
WHOLE = ("gain", "biased_sample")  # these hit the set, not single images
SINGLE = tuple(kind for kind in FOUND_BY if kind not in WHOLE)
SPECIAL = ("missing_value", "exact_copy", "near_copy")  # these say more than their path
DEAD_AT, DEAD = (
    0.37,
    2,
)  # where the sensor's dead rows begin, as a share of the height, and how many
MIN_IMAGES = 200  # in fewer the biased sample can't be told from chance


def soil(source: str | Path, target: str | Path, seed: int = 0) -> Path:
    """Copy sample data and plant known faults in the copy; the source stays as it is.

    Each single fault hits about 1.2 % of the images (at least 2), never two the same image. Camera
    B (about a third of the images, if the table knows no camera yet) gets another gain; blur and
    darkness hit camera B alone. The sample is biased: one shift brought mostly its defects.

    Parameters
    ----------
    source
        A folder that ``solar_cells`` or ``synthetic_line`` made.
    target
        Must not exist or be empty. Gets the images, the table (with the columns camera and shift),
        and ``truth.csv``: path (empty where the whole set is hit), kind, detail.

    Returns
    -------
    Path of the table in ``target``. About 5 s for the 2,624 solar cells on 2 cores.
    """
    source, target = Path(source), Path(target)
    name = next((n for n in ("cells.csv", "parts.csv") if (source / n).exists()), None)
    if name is None:
        raise InputError(
            f"{source} holds neither cells.csv nor parts.csv; soil() plants faults in what "
            "solar_cells() or synthetic_line() made. Make one of these first."
        )
    if target.exists() and any(target.iterdir()):
        raise InputError(f"{target} is not empty, and soil() never overwrites. Give a new folder.")
    table = pd.read_csv(source / name)
    if len(table) < MIN_IMAGES:
        raise InputError(
            f"{source} has {len(table)} images, but soil() needs {MIN_IMAGES} to plant every "
            "fault. Make a larger set."
        )
    if target.exists():
        target.rmdir()
    rng = np.random.default_rng(seed)
    with writing(target) as part:
        _plant(table, source, part, name, rng)
    return target / name


def _plant(table: pd.DataFrame, source: Path, part: Path, name: str, rng: np.random.Generator):
    (part / "images").mkdir(parents=True)
    for extra in source.glob("*.txt"):  # the licence goes with the images
        shutil.copyfile(extra, part / extra.name)
    if "camera" not in table:
        table["camera"] = np.where(rng.random(len(table)) < 0.35, "B", "A")
    table, bias = _biased(table, rng)
    gain = round(float(rng.uniform(0.75, 0.85)), 3)
    hit = _choose(table, rng)
    copies, copy_truth = _copies(table, hit, rng)
    lost = [path for path, kind in hit.items() if kind == "missing_value"]
    truth = [(path, kind, "") for path, kind in hit.items() if kind not in SPECIAL]
    truth += [(path, "missing_value", "shift") for path in lost]
    truth += copy_truth
    truth += [("", "gain", json.dumps({"column": "camera", "value": "B", "gain": gain}))]
    truth += [("", "biased_sample", json.dumps(bias))]

    def make(job: tuple[str, str, str, int]) -> None:
        origin, path, kind, own_seed = job
        _write(source / origin, part / path, kind, gain if origin in on_b else 1.0, own_seed)

    on_b = set(table.loc[table["camera"] == "B", "path"])
    jobs = [(p, p, "" if hit.get(p) in SPECIAL else hit.get(p, "")) for p in table["path"]]
    jobs += [(origin, path, kind) for path, kind, origin in copy_truth]
    seeds = rng.integers(2**32, size=len(jobs)).tolist()
    jobs = [(*job, own_seed) for job, own_seed in zip(jobs, seeds, strict=True)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in progress(pool.map(make, jobs), "plant faults", len(jobs)):
            pass
    table = pd.concat([table, copies], ignore_index=True)
    table.loc[table["path"].isin(lost), "shift"] = None
    table.to_csv(part / name, index=False)
    frame = pd.DataFrame(truth, columns=["path", "kind", "detail"])
    frame.sort_values(["kind", "path"]).to_csv(part / "truth.csv", index=False)


def _biased(table: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, dict]:
    """Make defect and shift go together: Cramér's V about 0.4.

    A table that knows no shift gets one drawn so, as if the sample had been taken so: no image is
    lost. Otherwise most good parts of the night shift are left out of the copy.
    """
    defect = table["defect"].to_numpy() == 1
    if "shift" not in table:
        night = rng.random(len(table)) < np.where(defect, 0.75, 0.35)
        table["shift"] = np.where(night, "night", "day")
        left_out = 0
    else:
        keep = defect | (table["shift"] != "night") | (rng.random(len(table)) < 0.15)
        left_out = int((~keep).sum())
        table = table[keep].reset_index(drop=True)
    v = cramers_v(pd.crosstab(table["shift"], table["defect"]).to_numpy())
    return table, {"column": "shift", "v": round(v, 3), "left_out": left_out}


def _choose(table: pd.DataFrame, rng: np.random.Generator) -> dict[str, str]:
    """path → kind of the one fault it gets.

    What hits every camera is taken from the other end: blur and dark use up camera B at this one.
    """
    each = max(2, round(SHARE * len(table)))
    order = table.iloc[rng.permutation(len(table))]
    hit: dict[str, str] = {}
    for kind in ("blur", "dark", *(k for k in SINGLE if k not in ("blur", "dark"))):
        free = order[~order["path"].isin(list(hit))]
        free = free[free["camera"] == "B"] if kind in ("blur", "dark") else free[::-1]
        hit.update(dict.fromkeys(free["path"].iloc[:each], kind))
    return hit


def _copies(table: pd.DataFrame, hit: dict[str, str], rng: np.random.Generator):
    """Rows of the copies, as saving twice leaves them: a new name, the same facts.

    Also the truth about them: (path of the copy, kind, path of the original).
    """
    origins = table[table["path"].map(hit).fillna("").str.endswith("_copy")]
    copies = origins.iloc[rng.permutation(len(origins))].copy()
    stem, number = re.fullmatch(r"(.*?)(\d+)\.png", table["path"].max()).groups()
    new = [f"{stem}{int(number) + 1 + i:0{len(number)}d}.png" for i in range(len(copies))]
    truth = [(path, hit[old], old) for path, old in zip(new, copies["path"], strict=True)]
    copies["path"] = new
    return copies, truth


def _write(origin: Path, path: Path, kind: str, gain: float, seed: int) -> None:
    """Write one picture of the soiled copy; its faults depend on ``seed`` alone."""
    rng = np.random.default_rng(seed)
    if kind == "absent":
        return
    if kind == "empty":
        path.touch()
        return
    if gain == 1 and kind == "":
        shutil.copyfile(origin, path)
        return
    with Image.open(origin) as image:
        if kind == "blur":
            image = image.filter(
                ImageFilter.GaussianBlur(image.height / 128 * rng.uniform(1.5, 2.5))
            )
        pixels = np.asarray(image, np.float32)
    dark = rng.uniform(0.35, 0.5) if kind == "dark" else 1.0
    pixels = pixels * (gain * dark)
    if kind == "blank":  # the cap was on, or the light was off: a level and the sensor's noise
        pixels[:] = rng.uniform(4, 40)
        pixels += rng.standard_normal(pixels.shape, np.float32) * 0.8
    elif kind == "half_transferred":
        pixels[int(len(pixels) * rng.uniform(0.3, 0.75)) :] = rng.choice((0, 128))
    elif kind == "dead_lines":  # of the sensor, so always the same ones: black, white or stuck
        _kill_lines(pixels, rng)
    elif kind == "dead_block":
        _kill_block(pixels, rng)
    elif kind == "near_copy":  # saved again a bit brighter and shifted by a pixel
        pixels = np.roll(pixels, 1, axis=1) * rng.uniform(1.02, 1.06)
    pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    level = 9 if kind == "exact_copy" else 1  # other bytes, the same pixels
    Image.fromarray(pixels).save(path, format="PNG", compress_level=level)
    if kind == "truncated":
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * rng.uniform(0.3, 0.9))])


def _kill_lines(pixels: np.ndarray, rng: np.random.Generator) -> None:
    first = int(len(pixels) * DEAD_AT)
    stuck = pixels[first].copy()
    pixels[first : first + DEAD] = (0, 255, stuck)[rng.integers(3)]


def _kill_block(pixels: np.ndarray, rng: np.random.Generator) -> None:
    height, width = (int(side * rng.uniform(0.1, 0.3)) for side in pixels.shape[:2])
    top, left = (int(rng.integers(1, side // 2)) for side in pixels.shape[:2])
    pixels[top : top + height, left : left + width] = rng.choice((0, 128, 255))


def compare(truth: str | Path, prepared: Prepared) -> tuple[list[dict], dict]:
    """Planted against found, by kind, and false alarms.

    Parameters
    ----------
    truth
        The ``truth.csv`` that :func:`soil` wrote.
    prepared
        The prepared folder made of the soiled copy; its ledger says what was found.

    Returns
    -------
    A list of ``{"kind", "planted", "found", "missed", "looked_for"}``, and
    ``{"clean", "flagged"}``: clean images (no fault of their own, nor the original of a planted
    copy), and how many of these the ledger names. A fault counts as found only if the right rule
    found it.
    """
    table = pd.read_csv(truth, keep_default_na=False)
    ledger = prepared.ledger
    paths = ledger["path"].map(unplain)
    facts = [json.loads(text) for text in ledger["evidence"]]
    columns = [f"{f.get('column', '')} {f['value'] if 'ratio' in f else ''}".strip() for f in facts]
    named = set(zip(paths, ledger["rule"], columns, strict=True))
    named |= {(path, rule, "") for path, rule, _ in named}

    def found(kind: str, path: str, detail: str) -> bool:
        column = detail if kind == "missing_value" else ""
        if kind in WHOLE:
            planted = json.loads(detail)
            column = f"{planted['column']} {planted.get('value', '')}".strip()
        places = (path, detail) if kind.endswith("_copy") else (path,)
        return any((p, rule, column) in named for p in places for rule in FOUND_BY[kind])

    rows = []
    for kind, rules in FOUND_BY.items():
        here = table[table["kind"] == kind]
        hits = sum(found(*row) for row in here[["kind", "path", "detail"]].itertuples(index=False))
        row = {"kind": kind, "planted": len(here), "found": hits, "missed": len(here) - hits}
        rows.append({**row, "looked_for": bool(set(rules) & set(prepared.info["rules"]))})
    touched = set(table["path"]) | set(table.loc[table["kind"].str.endswith("_copy"), "detail"])
    touched -= {""}
    flagged = set(paths) - touched - {""}
    return rows, {
        "clean": prepared.info["counts"]["listed"] - len(touched),
        "flagged": len(flagged),
    }
