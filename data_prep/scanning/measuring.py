"""Read every file once: what it holds, or why it can't be read; what was read before stands in a cache."""

import hashlib
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from data_prep.scanning.statistics import STATISTICS, statistics
from natkit.core.progress import progress
from natkit.data.decoding import Picture, UnreadableImage, open_image
from natkit.data.manifest import can_hold

SIZES = ("width", "height", "channels", "bits")
TEXTS = ("pixel_hash", "format", "captured")
OWN = ("path", "status", *SIZES, "pages", "stored_grey", "invalid_share", *TEXTS, *STATISTICS)
# statuses that may be otherwise next time, though the file stays as it is
PASSING = ("absent", "broken_link", "unreadable")
BATCH = 16  # files that a worker gets at once


def measured(root: Path, files: list[str], cache: Path | None) -> pd.DataFrame:
    """One row a file, in the order of ``files``; from the cache where the file is as it was."""
    known = {} if cache is None else _read_cache(cache)
    stamps = [_stamp(root / path) if cache is not None else "" for path in files]
    old = {
        p: known[p]
        for p, s in zip(files, stamps, strict=True)
        if known.get(p, {}).get("stamp") == s
    }
    fresh = [(path, stamp) for path, stamp in zip(files, stamps, strict=True) if path not in old]
    with joblib.Parallel(-1, prefer="threads", return_as="generator", batch_size=BATCH) as pool:
        rows = pool(joblib.delayed(measure)(root, path) for path, _ in fresh)
        for (path, stamp), row in zip(
            fresh, progress(rows, "scan images", len(fresh)), strict=True
        ):
            old[path] = row
            if cache is not None and row["status"] not in PASSING:
                _append(cache, {"stamp": stamp, **row})
    table = pd.DataFrame([old[path] for path in files], columns=list(OWN))
    return table.astype(dict.fromkeys((*STATISTICS, "invalid_share"), float))


def _stamp(file: Path) -> str:
    try:
        facts = file.stat()
    except OSError:
        return "absent"
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _append(cache: Path, row: dict) -> None:
    with open(cache, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _read_cache(cache: Path) -> dict[str, dict]:
    """path → row; of a row that stands twice the later, and a half-written line is passed over."""
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        return {}
    text, known = cache.read_text(encoding="utf-8", errors="replace"), {}
    if not text.endswith("\n"):  # the next row shall not be lost with the half-written one
        with open(cache, "a", encoding="utf-8") as file:
            file.write("\n")
    for line in text.splitlines():
        try:
            row = json.loads(line)
            if {*OWN, "stamp"} <= set(row):
                known[row["path"]] = row
        except (ValueError, TypeError):
            continue
    return known


def measure(root: Path, path: str) -> dict:
    """One row of the scan: what a file holds, or why it can't be read; never an exception."""
    row = {"path": path, "status": "ok", **dict.fromkeys((*SIZES, "pages"), 0)}
    row |= {"stored_grey": False, "invalid_share": None}
    row |= {**dict.fromkeys(TEXTS, ""), **dict.fromkeys(STATISTICS, None)}
    if not can_hold(path):
        return {**row, "status": "unreadable"}
    try:
        return row | _facts(open_image(root / path))
    except FileNotFoundError:
        return {**row, "status": "broken_link" if (root / path).is_symlink() else "absent"}
    except UnreadableImage as error:
        return {**row, "status": error.reason, "format": error.kind}
    except MemoryError:
        return {**row, "status": "too_big"}
    except Exception:  # one odd picture must not cost the rows of all the others
        return {**row, "status": "unreadable"}


def _facts(picture: Picture) -> dict:
    pixels = picture.pixels
    height, width = pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "channels": 1 if pixels.ndim == 2 else pixels.shape[2],
        "bits": pixels.dtype.itemsize * 8,
        "pages": picture.pages,
        "stored_grey": picture.grey,
        "invalid_share": picture.invalid,
        "format": picture.format,
        "captured": picture.captured,
        "pixel_hash": pixel_hash(pixels),
        **statistics(pixels),
    }


def pixel_hash(pixels: np.ndarray) -> str:
    """SHA-256 of shape, dtype and pixels: equal for equal pictures, whatever the file's bytes."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels))
    return digest.hexdigest()
