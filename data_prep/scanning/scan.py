"""A scan: every image file read once, beside the rows of the user's table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data_prep.scanning.listing import LICENCE, Listing, listing
from data_prep.scanning.measuring import OWN, SIZES, TEXTS, measured
from data_prep.scanning.remarks import Remark
from data_prep.scanning.whereabouts import MISNAMED, THERE
from natkit.core.errors import InputError
from natkit.core.stats import names_rows
from natkit.data.columns import nullable

LOOKED_AT = ("brightness", "contrast", "sharpness")
OF_SIGNALS = ("path", "status", *SIZES, "pixel_hash", "offset", "level")  # columns of their scan


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
    than they need. ``remarks``: what became of rows and columns that are not in ``table``.
    """

    root: Path
    table: pd.DataFrame
    listed_in_table: bool
    signals: np.ndarray | None = None
    passed_over: dict[str, int] = field(default_factory=dict)
    instead: dict[str, str] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict, repr=False)
    remarks: tuple[Remark, ...] = field(default=(), repr=False)

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
    read = measured(listed.root, listed.files, None if cache is None else Path(cache))
    if not (read["status"] == "ok").any():
        counts = read["status"].value_counts().to_dict()
        raise InputError(
            f"None of the {len(listed.files)} image files in {listed.root} can be read ({counts}); natkit needs "
            "some that open. Copy them again from where they came."
        )
    rows = read.assign(listed=False) if listed.rows is None else _joined(read, listed)
    lost = listed.lost.items()
    return Scan(
        listed.root,
        _with_channels_of_the_set(rows),
        listed.rows is not None,
        passed_over=listed.passed_over,
        instead={path: where.instead for path, where in lost if where.status in MISNAMED},
        decimals=listed.decimals,
        remarks=listed.remarks,
    )


def _with_channels_of_the_set(table: pd.DataFrame) -> pd.DataFrame:
    """Grey pictures stored in three channels have three where the others are in colour, one where they are grey."""
    asked = table[(table["status"] == "ok") & (table["listed"] | (not table["listed"].any()))]
    stored_grey = table["stored_grey"].astype(bool)
    grey = int(((asked["channels"] == 1) & ~stored_grey[asked.index]).sum())
    if 0 < (asked["channels"] == 3).sum() >= grey:
        return table.assign(channels=table["channels"].mask(stored_grey, 3))
    return table


def _joined(read: pd.DataFrame, listed: Listing) -> pd.DataFrame:
    """A row for each image of either, and for one that is not there where it was lost."""
    both = _join(read, listed.rows)
    lost = listed.lost.items()
    away = both["path"].map({path: where.status for path, where in lost if where.status != THERE})
    both["status"] = away.where(both["status"].eq("absent") & away.notna(), both["status"])
    return both


def _join(read: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """A row for each image of either; the user's columns keep their types, so that no class 1 becomes 1.0 for a gap."""
    if not set(read["path"]) <= set(listed["path"]):
        listed = listed.apply(nullable)
    both = read.merge(listed.assign(listed=True), on="path", how="outer", sort=True)
    both["listed"] = both["listed"].eq(True)
    counts = dict.fromkeys((*SIZES, "pages"), 0)
    none = {"status": "absent", "stored_grey": False}
    both = both.fillna({**none, **dict.fromkeys(TEXTS, ""), **counts})
    return both.astype(dict.fromkeys(counts, int))
