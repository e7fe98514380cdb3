"""Read every image file once: what it holds, or why it can't be read, beside the user's table."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter1d

from data_prep.tables import match_paths, read_table
from natkit.errors import InputError
from natkit.images import SUFFIXES, UnreadableImage, read_image
from natkit.manifest import COLUMNS
from natkit.progress import progress

SIZES = ("width", "height", "channels", "bits")
STATISTICS = ("brightness", "contrast", "sharpness", "missing_share")
OWN = ("path", "status", *SIZES, "pixel_hash", *STATISTICS)
TILE = 1024  # pixels; the sharpness of larger pictures is taken from their middle
SAMPLE = 150  # pixels a side that brightness and contrast are taken from, evenly spread
BATCH = 256  # files handed to the threads at once, so that memory stays bounded


@dataclass(frozen=True)
class Scan:
    """Every image of a folder and every row of the user's table.

    ``table`` has one row an image: ``path`` (relative to ``root``, posix), ``status`` (ok, absent,
    empty, truncated, not_an_image, too_big, unreadable), ``width, height, channels, bits,
    pixel_hash``, the statistics ``brightness, contrast, sharpness, missing_share`` (0..1; NaN if
    unreadable), ``listed`` (is it in the user's table), then the user's columns.
    ``listed_in_table`` says if there was a table.
    """

    root: Path
    table: pd.DataFrame
    listed_in_table: bool

    def __repr__(self) -> str:
        good = int((self.table["status"] == "ok").sum())
        return f"Scan({len(self.table)} images in {self.root.name}: {good} readable)"

    @property
    def user_columns(self) -> list[str]:
        """Names of the columns that came with the user's table."""
        return [c for c in self.table.columns if c not in (*OWN, "listed")]


def scan(
    folder: str | Path,
    table: str | Path | pd.DataFrame | None = None,
    path_column: str | None = None,
) -> Scan:
    """Read every image under ``folder`` once and join it with ``table``. Nothing is written.

    Parameters
    ----------
    folder
        Root of the images; sub-folders are read too, hidden files and other file types are not.
    table
        CSV (or TSV; UTF-8 or Japanese Windows encoding) or a DataFrame with one row an image.
    path_column
        Column of ``table`` that names the image files. If not given, it is found: the text column
        whose values match the most files, with or without their folders, with either slash.

    Returns
    -------
    A :class:`Scan`. A file that can't be decoded is a row with its reason, never an exception. A
    column of the user's that clashes with one of ours gets the suffix ``_user``.

    Raises
    ------
    InputError
        If the folder is absent or holds no readable image, the table can't be read, lists an image
        twice, or names no file of the folder.

    Notes
    -----
    About 4 ms for a grey image of 300 × 300 on one core; memory for one image a thread.
    """
    root = Path(folder).absolute()
    files = find_images(root)
    listed = None if table is None else match_paths(read_table(table), files, path_column)
    measured = pd.DataFrame(progress(_measure_all(root, files), "scan images", len(files)))
    if not (measured["status"] == "ok").any():
        counts = measured["status"].value_counts().to_dict()
        raise InputError(
            f"None of the {len(files)} image files in {root} can be read ({counts}); natkit needs "
            "some that open. Copy them again from where they came."
        )
    if listed is None:
        return Scan(root, measured.assign(listed=False), False)
    taken = {*OWN, *COLUMNS, "listed"}
    listed = listed.rename(
        columns={c: f"{c}_user" for c in listed.columns if c in taken - {"path"}}
    )
    return Scan(root, _join(measured, listed), True)


def _join(measured: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    both = measured.merge(listed.assign(listed=True), on="path", how="outer", sort=True)
    both["listed"] = both["listed"].eq(True)
    both = both.fillna({"status": "absent", "pixel_hash": "", **dict.fromkeys(SIZES, 0)})
    whole = both.columns.intersection(listed.columns)  # a class 1 shall not become 1.0 for a gap
    whole = [c for c in whole if both[c].dtype == float and (both[c].dropna() % 1 == 0).all()]
    return both.astype({**dict.fromkeys(SIZES, int), **dict.fromkeys(whole, "Int64")})


def find_images(root: Path) -> list[str]:
    """Relative posix paths of all image files under ``root``, sorted; hidden ones are left out."""
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}; natkit needs the folder that holds the images. Check its "
            "spelling."
        )
    found = []
    for here, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "__MACOSX"))]
        inside = Path(here).relative_to(root)
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found.append((inside / name).as_posix())
    if not found:
        raise InputError(
            f"{root} holds no image file; natkit reads {', '.join(SUFFIXES)}. "
            "Give the folder that holds the images."
        )
    return sorted(found)


def _measure_all(root: Path, files: list[str]) -> Iterator[dict]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), BATCH):
            yield from pool.map(lambda path: measure(root, path), files[start : start + BATCH])


def measure(root: Path, path: str) -> dict:
    """One row of the scan: what a file holds, or why it can't be read."""
    row = {"path": path, "status": "ok", **dict.fromkeys(SIZES, 0), "pixel_hash": ""}
    row |= dict.fromkeys(STATISTICS, np.nan)
    file = root / path
    if file.exists() and not os.access(file, os.R_OK):
        return {**row, "status": "unreadable"}
    try:
        pixels = read_image(file)
    except FileNotFoundError:
        return {**row, "status": "absent"}
    except UnreadableImage as error:
        return {**row, "status": error.reason}
    except (OSError, MemoryError):
        return {**row, "status": "unreadable"}
    if pixels.ndim not in (2, 3) or min(pixels.shape) < 1:
        return {**row, "status": "unreadable"}
    height, width = pixels.shape[:2]
    row |= {
        "width": width,
        "height": height,
        "channels": 1 if pixels.ndim == 2 else pixels.shape[2],
    }
    return row | {
        "bits": pixels.dtype.itemsize * 8,
        "pixel_hash": pixel_hash(pixels),
        **statistics(pixels),
    }


def pixel_hash(pixels: np.ndarray) -> str:
    """SHA-256 of shape, dtype and pixels: equal for equal pictures, whatever the file's bytes."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels))
    return digest.hexdigest()


def statistics(pixels: np.ndarray) -> dict[str, float]:
    """Brightness, contrast, sharpness and missing share of one picture, each 0..1.

    brightness: the mean. contrast: from the 1st to the 99th percentile. sharpness: share of the
    variation between neighbours that a blur takes away (Crété-Roffet et al., The blur effect, SPIE
    6492, 2007, eq. 3–6, as 1 − blur). missing_share: see :func:`missing_share`.
    """
    grey = pixels if pixels.ndim == 2 else pixels[:, :, :3]
    if np.issubdtype(pixels.dtype, np.integer):
        scale = float(np.iinfo(pixels.dtype).max)
    else:  # float pictures have no agreed white: 1, or their own brightest value
        grey = np.nan_to_num(grey)
        scale = max(1.0, float(grey.max()))
    top, left = (max(0, (side - TILE) // 2) for side in grey.shape[:2])
    middle = grey[top : top + TILE, left : left + TILE].astype(np.float32)
    middle = middle if middle.ndim == 2 else middle.mean(axis=2)
    step = -(-max(grey.shape[:2]) // SAMPLE)
    sparse = grey[::step, ::step].astype(np.float32)
    low, high = np.percentile(sparse, (1, 99))
    return {
        "brightness": float(sparse.mean() / scale),
        "contrast": float((high - low) / scale),
        "sharpness": _sharpness(middle),
        "missing_share": missing_share(pixels),
    }


def _sharpness(grey: np.ndarray) -> float:
    """The less sharp of the two directions, as in the paper."""
    shares = []
    for axis in (0, 1):
        if grey.shape[axis] < 3:
            continue
        lines = grey[:, ::2] if axis == 0 else grey[::2]  # every second line tells as much
        blurred = uniform_filter1d(lines, 9, axis=axis, mode="nearest")
        steps = np.abs(np.diff(lines, axis=axis))
        lost = np.maximum(0, steps - np.abs(np.diff(blurred, axis=axis)))
        shares.append(float(lost.sum() / max(steps.sum(), 1e-9)))
    return min(shares, default=0.0)


def missing_share(pixels: np.ndarray) -> float:
    """Largest share of a picture, from one of its edges, whose rows or columns carry nothing.

    A row carries nothing if it is of one value, or the same as the row before it: how a transfer
    that stopped half-way is filled up.
    """
    shares = [0.0]
    for axis in (0, 1):
        lines = pixels if axis == 0 else pixels.swapaxes(0, 1)
        flat = (lines == lines[:, :1]).reshape(len(lines), -1).all(axis=1)
        repeats = np.zeros(len(lines), bool)
        if len(lines) > 1:
            repeats[1:] = (lines[1:] == lines[:-1]).reshape(len(lines) - 1, -1).all(axis=1)
        for empty in (flat | repeats, (flat | np.append(repeats[1:], False))[::-1]):
            shares.append(float(_run(empty[::-1]) / len(lines)))
    return max(shares)


def _run(empty: np.ndarray) -> int:
    """Length of the unbroken run of True at the start."""
    return len(empty) if empty.all() else int(np.argmin(empty))
