"""Read every image file once: what it holds, or why it can't be read, beside the user's table."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from data_prep.scanning.matching import refuse_twice
from data_prep.scanning.statistics import STATISTICS, statistics
from data_prep.scanning.tables import Told, list_images
from data_prep.scanning.walking import walk
from data_prep.scanning.whereabouts import MISNAMED, THERE, Whereabouts, names_of, on_disk
from natkit.core.errors import InputError
from natkit.core.progress import progress
from natkit.core.stats import names_rows
from natkit.data.columns import nullable
from natkit.data.decoding import Picture, UnreadableImage, open_image
from natkit.data.manifest import COLUMNS, can_hold

SIZES = ("width", "height", "channels", "bits")
LOOKED_AT = ("brightness", "contrast", "sharpness")
TEXTS = ("pixel_hash", "format", "captured")
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
    :func:`natkit.data.invalid.masked`), ``pixel_hash``, ``format`` (or what is not read of an
    unreadable one), ``captured`` (ISO text from EXIF, or ""), the numbers of
    :func:`data_prep.scanning.statistics.statistics` (NaN if unreadable), ``listed`` (is it in the user's table), then
    the user's columns.
    ``listed_in_table`` says if there was a table. ``signals``: the values, where these are no images but what
    :func:`data_prep.scan_signals` read; the table then has the columns ``OF_SIGNALS`` instead. ``passed_over``: how
    many files were not read, by reason (see :class:`data_prep.scanning.walking.Found`). ``instead``: for a path of the
    table that is there under another name, that name.
    ``decimals``: how many decimals the numbers of a column all have in the user's file (1.10: 2), where that is more
    than they need. ``told``: what became of rows and columns that are not in ``table``, as (rule, evidence).
    """

    root: Path
    table: pd.DataFrame
    listed_in_table: bool
    signals: np.ndarray | None = None
    passed_over: dict[str, int] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict, repr=False)
    told: Told = field(default=(), repr=False)

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

    def with_text(self, columns: Iterable[str]) -> "Scan":
        """A scan in which numbers of these columns are the text of the file: 1.10, not 1.1."""
        ours = {c: self.decimals[c] for c in columns if c in self.decimals}
        as_text = {
            c: self.table[c].astype(object).map(lambda v, n=n: f"{v:.{n}f}", na_action="ignore")
            for c, n in ours.items()
        }
        rest = {c: n for c, n in self.decimals.items() if c not in ours}
        return replace(self, table=self.table.assign(**as_text), decimals=rest)

    @property
    def features(self) -> list[str]:
        """The user's columns that can tell something: no path, and no text that is another one for every image."""
        listed = self.table[self.table["listed"]]
        return [c for c in self.user_columns if c != "path_user" and not names_rows(listed[c])]

    @property
    def licence(self) -> str | None:
        """First line of the LICENCE.txt that came with the images, if one did."""
        file = self.root / LICENCE
        if not file.is_file():
            return None
        return file.read_text(encoding="utf-8-sig", errors="replace").partition("\n")[0][:500]

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
    missing: Sequence[str] | None = None,
) -> Scan:
    """Read every image under ``folder`` once and join it with ``table``. No file is changed.

    Parameters
    ----------
    folder
        Root of the images; sub-folders are read too; hidden files, other file types, folders of NAS and system
        (@eaDir, $RECYCLE.BIN) and links to folders are passed over and counted, unless the table names what is in
        them. If not given, the folder of ``table`` is the root, and the images that the table lists are read.
    table
        CSV (or TSV; UTF-8, Japanese or Western Windows encoding), Parquet, XLSX (its first sheet) or a
        DataFrame, with one row an image. A column of a CSV is numbers only if every cell turns back into the same
        text; the types of the others are kept.
    path_column
        Column of ``table`` that names the image files. If not given, it is found: the text column
        whose values match the most files, with or without their folders, with either slash.
    missing
        Texts in the table that stand for a gap, beside the empty cell. None: NA, N/A, NaN, NULL and a
        spreadsheet's errors in a CSV or XLSX; ``[]``: none, so that NA can be a class.
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
        twice, names no file of the folder, or names files so that several are meant.

    Notes
    -----
    About 5 ms for a grey image of 300 × 300 on one core, on all cores at once; memory for a few
    images a core. Another backend of joblib is chosen by ``with joblib.parallel_config(…)``.
    """
    listed = listing(folder, table, path_column, missing)
    root, files = listed.root, listed.files
    measured = _measured(root, files, None if cache is None else Path(cache))
    if not (measured["status"] == "ok").any():
        counts = measured["status"].value_counts().to_dict()
        raise InputError(
            f"None of the {len(files)} image files in {root} can be read ({counts}); natkit needs "
            "some that open. Copy them again from where they came."
        )
    if listed.rows is None:
        measured = _with_channels_of_the_set(measured.assign(listed=False))
        return Scan(root, measured, False, passed_over=listed.passed_over)
    both, lost = _join(measured, listed.rows), listed.lost
    away = both["path"].map({p: where.status for p, where in lost.items() if where.status != THERE})
    both["status"] = away.where(both["status"].eq("absent") & away.notna(), both["status"])
    return Scan(
        root,
        _with_channels_of_the_set(both),
        True,
        passed_over=listed.passed_over,
        instead={p: where.instead for p, where in lost.items() if where.status in MISNAMED},
        decimals=listed.decimals,
        told=listed.told,
    )


@dataclass(frozen=True)
class Listing:
    """What a scan will read: ``files`` under ``root``, and the ``rows`` of the table with their ``path``, or None.

    ``passed_over``, ``decimals`` and ``told`` as in :class:`Scan`; ``lost``: where the files of rows are that are
    not among ``files``.
    """

    root: Path
    files: list[str]
    rows: pd.DataFrame | None
    passed_over: dict[str, int]
    lost: dict[str, Whereabouts] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)
    told: Told = ()


def listing(
    folder: str | Path | None = None,
    table: str | Path | pd.DataFrame | None = None,
    path_column: str | None = None,
    missing: Sequence[str] | None = None,
) -> Listing:
    """Look for the files and join their names with the table, as :func:`scan` does; no picture is opened.

    Raises InputError as :func:`scan` does, but for what it says of pictures.
    """
    if folder is None and (table is None or isinstance(table, pd.DataFrame)):
        raise InputError(
            "scan() needs the folder of the images, or the file of a table that lies beside them. "
            "Give folder=."
        )
    root = Path(table).absolute().parent if folder is None else Path(folder).absolute()
    ours = [root / name for name in BESIDE]
    ours += [Path(table)] if isinstance(table, str | Path) else []
    found = walk(root, tuple(ours), follow=table is not None)
    files, passed = found.images, dict(found.passed_over)
    if table is None:
        return Listing(root, files, None, passed)
    named = names_of(found)
    read = list_images(table, list(named), path_column, root, missing)
    rows, lost = on_disk(root, named, read.table)
    wanted = set(rows["path"])
    also = {where.instead for where in lost.values() if where.status == THERE}
    also |= wanted.intersection(found.linked)
    if folder is None and (rest := len(set(files) - wanted)):
        passed["not_in_table"] = rest
    files = sorted((set(files) if folder is not None else wanted.intersection(files)) | also)
    taken = {*OWN, *COLUMNS, "listed"} - {"path"}
    new = {c: f"{c}_user" for c in rows.columns if c in taken}
    rows = rows.rename(columns=new)
    refuse_twice(rows)
    decimals = {new.get(c, c): n for c, n in read.decimals.items()}
    told = tuple((rule, _renamed(facts, new)) for rule, facts in read.told)
    return Listing(root, files, rows, passed, lost, decimals, told)


def _renamed(facts: dict, new: dict[str, str]) -> dict:
    """What was told of a column, under the name that the column has in a scan."""
    column = facts.get("column")
    return facts if column is None else facts | {"column": new.get(column, column)}


def _with_channels_of_the_set(table: pd.DataFrame) -> pd.DataFrame:
    """Grey pictures stored in three channels have three where the others are in colour, one where they are grey."""
    asked = table[(table["status"] == "ok") & (table["listed"] | (not table["listed"].any()))]
    stored_grey = table["stored_grey"].astype(bool)
    grey = int(((asked["channels"] == 1) & ~stored_grey[asked.index]).sum())
    if 0 < (asked["channels"] == 3).sum() >= grey:
        return table.assign(channels=table["channels"].mask(stored_grey, 3))
    return table


def _join(measured: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """A row for each image of either; the user's columns keep their types, so that no class 1 becomes 1.0 for a gap."""
    if not set(measured["path"]) <= set(listed["path"]):
        listed = listed.apply(nullable)
    both = measured.merge(listed.assign(listed=True), on="path", how="outer", sort=True)
    both["listed"] = both["listed"].eq(True)
    counts = dict.fromkeys((*SIZES, "pages"), 0)
    none = {"status": "absent", "stored_grey": False}
    both = both.fillna({**none, **dict.fromkeys(TEXTS, ""), **counts})
    return both.astype(dict.fromkeys(counts, int))


def find_images(root: Path) -> list[str]:
    """Relative posix paths of all image files under ``root``, sorted; see :func:`data_prep.scanning.walking.walk`."""
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
        **statistics(pixels),
    }


def pixel_hash(pixels: np.ndarray) -> str:
    """SHA-256 of shape, dtype and pixels: equal for equal pictures, whatever the file's bytes."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels))
    return digest.hexdigest()
