"""Read every image file once: what it holds, or why it can't be read, beside the user's table."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from data_prep.statistics import STATISTICS, statistics
from data_prep.tables import match_paths, read_table, refuse_twice
from natkit.cramer import names_rows
from natkit.decoding import SUFFIXES, Picture, UnreadableImage, open_image
from natkit.errors import InputError
from natkit.manifest import COLUMNS, can_hold
from natkit.progress import progress

SIZES = ("width", "height", "channels", "bits")
LOOKED_AT = ("brightness", "contrast", "sharpness")
TEXTS = ("pixel_hash", "format", "captured")
OWN = ("path", "status", *SIZES, "pages", *TEXTS, *STATISTICS)
OF_SIGNALS = ("path", "status", *SIZES, "pixel_hash", "offset", "level")  # columns of their scan
NOT_TEXT = re.compile("[\\x00-\\x1f\\ud800-\\udfff]")
PASSING = ("absent", "unreadable")  # may be otherwise next time, though the file stays as it is
BATCH = 16  # files that a worker gets at once


@dataclass(frozen=True)
class Scan:
    """Every image of a folder and every row of the user's table.

    ``table`` has one row an image: ``path`` (relative to ``root``, posix), ``status`` (ok, absent,
    empty, truncated, not_an_image, too_big, unreadable), ``width, height, channels, bits`` (of the
    pixels' dtype), ``pages``, ``pixel_hash``, ``format``, ``captured`` (ISO
    text from EXIF, or ""), the numbers of :func:`data_prep.statistics.statistics` (NaN if
    unreadable), ``listed`` (is it in the user's table), then the user's columns.
    ``listed_in_table`` says if there was a table. ``signals``: the values, where these are no images but what
    :func:`data_prep.scan_signals` read; the table then has the columns ``OF_SIGNALS`` instead.
    """

    root: Path
    table: pd.DataFrame
    listed_in_table: bool
    signals: np.ndarray | None = None

    @property
    def kind(self) -> str:
        """What was scanned: "images" or "signals"."""
        return "images" if self.signals is None else "signals"

    def __repr__(self) -> str:
        good = int((self.table["status"] == "ok").sum())
        return f"Scan({len(self.table)} {self.kind} in {self.root.name}: {good} readable)"

    @property
    def user_columns(self) -> list[str]:
        """Names of the columns that came with the user's table."""
        ours = OWN if self.signals is None else OF_SIGNALS
        return [c for c in self.table.columns if c not in (*ours, "listed")]

    @property
    def features(self) -> list[str]:
        """The user's columns that can tell something: no path, and no text that is another one for every image."""
        listed = self.table[self.table["listed"]]
        return [c for c in self.user_columns if c != "path_user" and not names_rows(listed[c])]

    @property
    def licence(self) -> str | None:
        """First line of the LICENCE.txt that came with the images, if one did."""
        file = self.root / "LICENCE.txt"
        return file.read_text(encoding="utf-8").partition("\n")[0][:500] if file.exists() else None

    @property
    def looked_at(self) -> list[str]:
        """Names of the numbers by which pictures or signals may differ without anything being wrong with the part."""
        wanted = LOOKED_AT if self.signals is None else OF_SIGNALS[-2:]
        return [c for c in wanted if c in self.table.columns]


def scan(
    folder: str | Path | None = None,
    table: str | Path | pd.DataFrame | None = None,
    path_column: str | None = None,
    cache: str | Path | None = None,
) -> Scan:
    """Read every image under ``folder`` once and join it with ``table``. No file is changed.

    Parameters
    ----------
    folder
        Root of the images; sub-folders are read too; hidden files, other file types and links to
        folders are not. If not given, the folder of ``table`` is the root, and the images that the
        table lists are read.
    table
        CSV (or TSV; UTF-8 or Japanese Windows encoding), Parquet, XLSX (its first sheet) or a
        DataFrame, with one row an image.
    path_column
        Column of ``table`` that names the image files. If not given, it is found: the text column
        whose values match the most files, with or without their folders, with either slash.
    cache
        A file to which what is read is appended. A scan that was stopped goes on where it was, and a
        file whose size and time of change are known is not read again.

    Returns
    -------
    A :class:`Scan`. A file that can't be decoded is a row with its reason, never an exception; so is
    a folder that can't be listed, and a name that is not UTF-8 or holds a backslash or a control
    character ("unreadable": no manifest could hold it; rename the file). A column of the user's that
    clashes with one of ours gets the suffix ``_user``.

    Raises
    ------
    InputError
        If the folder is absent or holds no readable image, the table can't be read, lists an image
        twice, or names no file of the folder.

    Notes
    -----
    About 5 ms for a grey image of 300 × 300 on one core, on all cores at once; memory for a few
    images a core. Another backend of joblib is chosen by ``with joblib.parallel_config(…)``.
    """
    listed = None if table is None else read_table(table)
    if folder is None and (table is None or isinstance(table, pd.DataFrame)):
        raise InputError(
            "scan() needs the folder of the images, or the file of a table that lies beside them. "
            "Give folder=."
        )
    root = Path(table).absolute().parent if folder is None else Path(folder).absolute()
    files = find_images(root)
    if listed is not None:
        listed = match_paths(listed, files, path_column)
        files = files if folder is not None else sorted(set(files) & set(listed["path"]))
        taken = {*OWN, *COLUMNS, "listed"} - {"path"}
        listed = listed.rename(columns={c: f"{c}_user" for c in listed.columns if c in taken})
        refuse_twice(listed)
    measured = _measured(root, files, None if cache is None else Path(cache))
    if not (measured["status"] == "ok").any():
        counts = measured["status"].value_counts().to_dict()
        raise InputError(
            f"None of the {len(files)} image files in {root} can be read ({counts}); natkit needs "
            "some that open. Copy them again from where they came."
        )
    if listed is None:
        return Scan(root, measured.assign(listed=False), False)
    return Scan(root, _join(measured, listed), True)


def _join(measured: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    both = measured.merge(listed.assign(listed=True), on="path", how="outer", sort=True)
    both["listed"] = both["listed"].eq(True)
    counts = dict.fromkeys((*SIZES, "pages"), 0)
    both = both.fillna({"status": "absent", **dict.fromkeys(TEXTS, ""), **counts})
    whole = both.columns.intersection(listed.columns)  # a class 1 shall not become 1.0 for a gap
    whole = [c for c in whole if both[c].dtype == float and (both[c].dropna() % 1 == 0).all()]
    return both.astype({**dict.fromkeys(counts, int), **dict.fromkeys(whole, "Int64")})


def find_images(root: Path) -> list[str]:
    """Relative posix paths of all image files under ``root``, sorted; hidden ones are left out.

    A folder that can't be listed is named itself. What no table can show (bytes that are not UTF-8,
    control characters) is written with a backslash: ``\\udce9``.
    """
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}; natkit needs the folder that holds the images. Check its "
            "spelling."
        )
    found = []

    def not_listed(error: OSError) -> None:
        found.append(Path(error.filename).relative_to(root).as_posix())

    for here, folders, names in os.walk(root, onerror=not_listed):
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
    return sorted(NOT_TEXT.sub(lambda c: ascii(c[0])[1:-1], path) for path in found)


def _measured(root: Path, files: list[str], cache: Path | None) -> pd.DataFrame:
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
    return table.astype(dict.fromkeys(STATISTICS, float))


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
    row |= {**dict.fromkeys(TEXTS, ""), **dict.fromkeys(STATISTICS, None)}
    if not can_hold(path):
        return {**row, "status": "unreadable"}
    try:
        return row | _facts(open_image(root / path))
    except FileNotFoundError:
        return {**row, "status": "absent"}
    except UnreadableImage as error:
        return {**row, "status": error.reason}
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
