"""Read every image file once: what it holds, or why it can't be read, beside the user's table."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from data_prep.statistics import STATISTICS, perceptual_hash, statistics
from data_prep.tables import read_table, refuse_twice
from data_prep.walking import walk
from data_prep.whereabouts import MISNAMED, THERE, match_disk
from natkit.decoding import Picture, UnreadableImage, open_image
from natkit.errors import InputError
from natkit.manifest import COLUMNS, can_hold
from natkit.progress import progress

SIZES = ("width", "height", "channels", "bits")
LOOKED_AT = ("brightness", "contrast", "sharpness")
TEXTS = ("pixel_hash", "perceptual_hash", "format", "captured")
OWN = ("path", "status", *SIZES, "pages", "stored_grey", "invalid_share", *TEXTS, *STATISTICS)
OF_SIGNALS = ("path", "status", *SIZES, "pixel_hash", "offset", "level")  # columns of their scan
LICENCE = "LICENCE.txt"
BESIDE = (LICENCE, "truth.csv")  # what samples of natkit's own have beside their images
PASSING = (
    "absent",
    "broken_link",
    "unreadable",
)  # may be otherwise next time, though the file stays as it is
BATCH = 16  # files that a worker gets at once


@dataclass(frozen=True)
class Scan:
    """Every image of a folder and every row of the user's table.

    ``table`` has one row an image: ``path`` (relative to ``root``, posix), ``status`` (ok; empty,
    truncated, not_an_image, too_big, other_format, colour_space, no_measurement, unreadable; broken_link, is_folder,
    closed_folder; other_case, other_width, other_suffix: there is a file of nearly that name; absent),
    ``width, height, channels, bits`` (of the
    pixels' dtype; grey pictures stored in three channels count as the others of the set), ``pages``,
    ``stored_grey`` (grey, but stored in three equal channels), ``invalid_share`` (of the pixels, 0..1; see
    :func:`natkit.invalid.masked`), ``pixel_hash``, ``perceptual_hash``, ``format`` (or what is not read of an
    unreadable one), ``captured`` (ISO text from EXIF, or ""), the numbers of
    :func:`data_prep.statistics.statistics` (NaN if unreadable), ``listed`` (is it in the user's table), then the
    user's columns.
    ``listed_in_table`` says if there was a table. ``signals``: the values, where these are no images but what
    :func:`data_prep.scan_signals` read; the table then has the columns ``OF_SIGNALS`` instead. ``passed_over``: how
    many files were not read, by reason (see :class:`data_prep.walking.Found`). ``instead``: for a path of the table
    that is there under another name, that name.
    """

    root: Path
    table: pd.DataFrame
    listed_in_table: bool
    signals: np.ndarray | None = None
    passed_over: dict[str, int] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What was scanned: "images" or "signals"."""
        return "images" if self.signals is None else "signals"

    def __repr__(self) -> str:
        good = int((self.table["status"] == "ok").sum())
        passed = sum(self.passed_over.values())
        more = f", {passed} files passed over" if passed else ""
        return f"Scan({len(self.table)} {self.kind} in {self.root.name}: {good} readable{more})"

    @property
    def user_columns(self) -> list[str]:
        """Names of the columns that came with the user's table."""
        ours = OWN if self.signals is None else OF_SIGNALS
        return [c for c in self.table.columns if c not in (*ours, "listed")]

    @property
    def licence(self) -> str | None:
        """First line of the LICENCE.txt that came with the images, if one did."""
        file = self.root / LICENCE
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
        Root of the images; sub-folders are read too; hidden files, other file types, folders of NAS and system
        (@eaDir, $RECYCLE.BIN) and links to folders are passed over and counted, unless the table names what is in
        them. If not given, the folder of ``table`` is the root, and the images that the table lists are read.
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
    ours = [root / name for name in BESIDE] + (
        [Path(table)] if isinstance(table, str | Path) else []
    )
    found = walk(root, tuple(ours), follow=listed is not None)
    files, lost = found.images, {}
    if listed is not None:
        listed, lost = match_disk(root, found, listed, path_column)
        wanted = set(listed["path"])
        also = {where.instead for where in lost.values() if where.status == THERE}
        also |= wanted.intersection(found.linked)
        if folder is None and (rest := len(set(files) - wanted)):
            found.passed_over["not_in_table"] = rest
        files = sorted((set(files) if folder is not None else wanted.intersection(files)) | also)
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
    passed = dict(found.passed_over)
    if listed is None:
        measured = _with_channels_of_the_set(measured.assign(listed=False))
        return Scan(root, measured, False, passed_over=passed)
    both = _join(measured, listed)
    away = both["path"].map({p: where.status for p, where in lost.items() if where.status != THERE})
    both["status"] = away.where(both["status"].eq("absent") & away.notna(), both["status"])
    instead = {p: where.instead for p, where in lost.items() if where.status in MISNAMED}
    both = _with_channels_of_the_set(both)
    return Scan(root, both, True, passed_over=passed, instead=instead)


def _with_channels_of_the_set(table: pd.DataFrame) -> pd.DataFrame:
    """Grey pictures stored in three channels have three where the others are in colour, one where they are grey."""
    asked = table[(table["status"] == "ok") & (table["listed"] | (not table["listed"].any()))]
    stored_grey = table["stored_grey"].astype(bool)
    grey = int(((asked["channels"] == 1) & ~stored_grey[asked.index]).sum())
    if 0 < (asked["channels"] == 3).sum() >= grey:
        return table.assign(channels=table["channels"].mask(stored_grey, 3))
    return table


def _join(measured: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    both = measured.merge(listed.assign(listed=True), on="path", how="outer", sort=True)
    both["listed"] = both["listed"].eq(True)
    counts = dict.fromkeys((*SIZES, "pages"), 0)
    none = {"status": "absent", "stored_grey": False}
    both = both.fillna({**none, **dict.fromkeys(TEXTS, ""), **counts})
    whole = both.columns.intersection(listed.columns)  # a class 1 shall not become 1.0 for a gap
    whole = [c for c in whole if both[c].dtype == float and (both[c].dropna() % 1 == 0).all()]
    return both.astype({**dict.fromkeys(counts, int), **dict.fromkeys(whole, "Int64")})


def find_images(root: Path) -> list[str]:
    """Relative posix paths of all image files under ``root``, sorted; see :func:`data_prep.walking.walk`."""
    return walk(root).images


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
        "perceptual_hash": perceptual_hash(pixels),
        **statistics(pixels),
    }


def pixel_hash(pixels: np.ndarray) -> str:
    """SHA-256 of shape, dtype and pixels: equal for equal pictures, whatever the file's bytes."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels))
    return digest.hexdigest()
