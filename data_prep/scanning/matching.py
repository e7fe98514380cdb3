"""Which image each row of a table is about: by its whole path, by a column that names the folder, never by habit."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from unicodedata import normalize

import pandas as pd

from data_prep.scanning.reading import is_image
from data_prep.scanning.whereabouts import PICTURES
from natkit.core.errors import InputError
from natkit.core.labels import class_names

MOSTLY = (
    0.9  # of the rows of each folder of the table that have to be here, where folders tell nothing
)
FOLDERS = 200  # values of a column that may name folders


@dataclass(frozen=True)
class Matched:
    """Rows with a first column ``path`` that names files as the scan does, and those about something else.

    ``elsewhere``: paths of images that lie in other folders. ``no_image``: rows (of the table as it was read) that
    name no image, such as a total.
    """

    table: pd.DataFrame
    elsewhere: list[str]
    no_image: list[int]


def match_paths(
    table: pd.DataFrame, files: list[str], column: str | None, root: Path | None = None
) -> Matched:
    """Find the column that names the files, and the file of each row.

    Names are compared in NFC. A path that matches no file keeps its name, brought to the same form as those that
    match: it is an absent image. The source column itself is dropped if it is called ``path``.

    Parameters
    ----------
    files
        Relative to ``root``, with forward slashes.
    root
        Its own name counts where the table's paths begin above it.

    Raises
    ------
    InputError
        If ``column`` is not in the table, no column matches a file, a name fits several files, or an image is listed
        twice; or two columns are called the same.
    """
    refuse_twice(table)
    if column is not None and column not in table.columns:
        raise InputError(
            f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}. "
            "Name one of these as path_column."
        )
    finder = _Finder(files, root)
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    known = {c: finder.count(table[c]) for c in ([column] if column is not None else texts)}
    best = max(known, key=known.get, default=None)
    if best is None or not known[best]:
        sample = {str(c): str(table[c].iloc[0]) for c in known if len(table)}
        raise InputError(
            "No column of the table names the image files: the files are called like "
            f"{files[0]!r}, the table holds {sample}. {_nearly(table[list(known)], files)}Give the folder that the "
            "table's paths start from, or path_column."
        )
    values = class_names(table[best])
    named = values.map(lambda v: _is_named(v, finder, root), na_action="ignore").eq(True)
    rows, values = table[named], values[named]
    paths = finder.paths(values, rows.drop(columns=best), best)
    here = paths.notna()
    out = rows[here].drop(columns="path") if best == "path" else rows[here]
    out = out.rename(columns={"path": "path_user"})
    out = pd.concat([paths[here].rename("path"), out], axis=1)
    out = out.drop_duplicates()
    twice = out["path"].duplicated(keep=False)
    if twice.any():
        path = out.loc[twice, "path"].iloc[0]
        raise InputError(
            f"The table lists {path} {int((out['path'] == path).sum())} times with different "
            f"values ({out.loc[twice, 'path'].nunique()} images are listed more than once), but "
            "each image has one row. Keep one row an image."
        )
    return Matched(
        out.reset_index(drop=True),
        list(values[~here]),
        list(table.index.get_indexer(table.index[~named])),
    )


def _is_named(value: str, finder: "_Finder", root: Path | None) -> bool:
    """Is a cell about a picture: one that was found, one of a format that is not read, or any file that is there?"""
    if is_image(value) or finder.named(value) or value.lower().endswith(PICTURES):
        return True
    if value in finder.stems:  # without its suffix
        return True
    try:
        return root is not None and (root / "/".join(_parts(value))).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _nearly(table: pd.DataFrame, files: list[str]) -> str:
    """A sentence about the column whose names are those of the files but for case or suffix; "" if there is none."""
    bases = [(PurePosixPath(file).name, PurePosixPath(file).stem) for file in files]
    by_case = {name.casefold() for name, _ in bases}
    stems = {stem.casefold() for _, stem in bases}
    for column in table.columns:
        ends = {
            parts[-1].casefold()
            for v in class_names(table[column]).dropna()
            if (parts := _parts(v))
        }
        if ends & by_case:
            return f"Those of {column!r} differ from the files' only in upper and lower case: write them alike. "
        if ends & stems or {PurePosixPath(end).stem for end in ends} & stems:
            return f"Those of {column!r} differ from the files' only in their suffix: write it as the files have it. "
    return ""


def refuse_twice(table: pd.DataFrame) -> None:
    """Raise InputError if two columns are called the same (once spaces at the ends are gone)."""
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(
            f"The table has more than one column {str(twice[0])!r}. Give each a name of its own."
        )


Parts = tuple[str, ...]


class _Finder:
    """Finds the file that a path of a table means, by the longest common end of both.

    The end reaches above the root: ``lineB/1.png`` is no file of a root called ``lineA``. What is left over of the
    table's path was called otherwise there (``D:/export``) and must be the same for all paths that lead to a place,
    unless images were collected from there.
    """

    def __init__(self, files: list[str], root: Path | None):
        self.root = () if root is None else _parts(str(root))
        self.at = {(*self.root, *_parts(file)): file for file in files}
        self.by_end: dict[Parts, list[Parts]] = defaultdict(list)
        for place in self.at:
            for k in range(len(self.root), len(place)):
                self.by_end[place[k:]].append(place)
        self.stems = {PurePosixPath(place[-1]).stem for place in self.at}

    def count(self, values: pd.Series) -> int:
        """How many rows name a file, as far as the names go."""
        seen = class_names(values).dropna().value_counts()
        return int(sum(n for value, n in seen.items() if self.named(value)))

    def named(self, value: str) -> bool:
        parts = _parts(value)
        return bool(parts) and parts[-1:] in self.by_end

    def paths(self, values: pd.Series, others: pd.DataFrame, column: str) -> pd.Series:
        """The file of each row, as the scan names it; None where the row is about another folder."""
        folder = self._folder_column(values, others)
        if folder is not None:
            values = folder.str.cat(values, sep="/")
        found = self._resolve(dict.fromkeys(values), column)
        return values.map(found)

    def _folder_column(self, values: pd.Series, others: pd.DataFrame) -> pd.Series | None:
        """A column whose values name the folders in which the files lie, where the paths alone leave it open.

        That is where a name fits several files, or several rows name one file, or a value is the root's own name.
        """
        parts = values.map(_parts)
        ends = {p: self._ends(p) for p in parts.unique()}
        unclear = any(len(places) > 1 for _, places in ends.values()) or parts.duplicated().any()
        own = self.root[-1] if self.root else None
        best, most = None, 0
        for name in others.columns:
            cells = class_names(others[name])
            some = set(cells.dropna())
            if cells.isna().any() or len(some) > FOLDERS:
                continue
            if not unclear and not (own in some and len(some) > 1):
                continue
            fits = 0
            for cell, mine in zip(cells, parts, strict=True):
                depth, places = self._ends((*_parts(cell), *mine))
                fits += len(places) == 1 and depth > ends[mine][0]
            if fits > most:
                best, most = cells, fits
        return best

    def _ends(self, parts: Parts) -> tuple[int, list[Parts]]:
        """Length of the longest common end with a file, and the files that share it.

        One that is the whole path from the root on goes before files deeper down.
        """
        if (*self.root, *parts) in self.at:
            return len(parts), [(*self.root, *parts)]
        for k in range(len(parts), 0, -1):
            end = parts[-k:]
            above = range(
                1, min(k, len(self.root) + 1)
            )  # how many of the root's own folders are in it
            whole = [(*self.root, *end[j:]) for j in above if end[:j] == self.root[-j:]]
            if places := [*self.by_end.get(end, ()), *(p for p in whole if p in self.at)]:
                return k, places
        return 0, []

    def _resolve(self, values: Iterable[str], column: str) -> dict[str, str | None]:
        ends = {value: (parts := _parts(value), *self._ends(parts)) for value in values}
        bases = self._bases(ends, column)
        bare = {places[0][:-1] for p, n, places in ends.values() if n == len(p) == 1 == len(places)}
        lone = next(iter(bare)) if len(bare) == 1 else self.root
        found: dict[str, str | None] = {}
        for value, (parts, depth, places) in ends.items():
            moved = [
                (*base, *parts[len(left) :]) for left, base in bases if parts[: len(left)] == left
            ]
            there = sorted({place for place in moved if place in self.at})
            if depth == len(parts):
                there = places
            if len(there) > 1:
                self._refuse(value, there, column)
            if not there and (len(parts) == 1 or (bare and not bases)):
                moved = [(*lone, *parts)]  # an absent image, where all others lie
            inside = [m for m in there or moved if m[: len(self.root)] == self.root]
            rest = "/".join(inside[0][len(self.root) :]) if inside else None
            found[value] = self.at[there[0]] if there else rest
        return found

    def _bases(self, ends: dict, column: str) -> list[tuple[Parts, Parts]]:
        """Where the table's paths begin: (what is left over of them, the folder that it stands for), frequent first.

        Those with a folder in common decide alone. One that would put a path elsewhere than a longer common end does
        is none: where ``lineA/1.png`` lies in the root lineA, ``lineB`` is no other name of that root.
        """
        pairs: dict[bool, Counter] = {True: Counter(), False: Counter()}
        example: dict[tuple, str] = {}
        for value, (parts, depth, places) in ends.items():
            for place in places if len(parts) > 1 else ():
                pair = (parts[: len(parts) - depth], place[: len(place) - depth])
                pairs[depth > 1][pair] += 1
                example.setdefault(pair, value)
        some = [pair for pair, _ in (pairs[True] or pairs[False]).most_common()]
        bases = [pair for pair in some if not any(_contradicts(other, pair) for other in some)]
        for _, place in bases:
            lefts = [left for left, base in bases if base == place]
            other = next((left for left in lefts[1:] if not _same(left, lefts[0])), None)
            if other is not None and not self._flat(ends, lefts):
                first, second = (example[left, place] for left in (lefts[0], other))
                raise InputError(
                    f"The column {column!r} names images of several folders, such as {first!r} and {second!r}, but "
                    "here these folders are one, and the names do not tell which is meant. Give the folder above "
                    "them, or a table about this folder alone."
                )
        return bases

    def _flat(self, ends: dict, lefts: list[Parts]) -> bool:
        """Were images of several folders collected in one? Their names are all different, and nearly all are here."""
        paths = [(left, p) for p, _, _ in ends.values() for left in lefts if p[: len(left)] == left]
        rests = Counter(parts[len(left) :] for left, parts in paths)
        for left in lefts:
            mine = [parts[len(left) :] for other, parts in paths if other == left]
            here = sum(rest[-1:] in self.by_end for rest in mine)
            if here < MOSTLY * len(mine) or any(rests[rest] > 1 for rest in mine):
                return False
        return True

    def _refuse(self, value: str, places: list[Parts], column: str) -> None:
        one, other = (self.at[place] for place in places[:2])
        raise InputError(
            f"The column {column!r} names {value!r}, which fits {one!r} as well as {other!r}. Write the folder before "
            "the name, or add a column that names the folder."
        )


def _contradicts(sure: tuple[Parts, Parts], pair: tuple[Parts, Parts]) -> bool:
    """Does ``sure`` put what begins as ``pair`` does into another folder, above that of ``pair``?"""
    (left, place), (longer, deeper) = sure, pair
    above = len(place) < len(deeper) and deeper[: len(place)] == place
    return above and longer[: len(left)] == left


def _same(left: Parts, other: Parts) -> bool:
    """Can both be names of one folder, the one written further than the other?"""
    short, long = sorted((left, other), key=len)
    return not short or long[-len(short) :] == short


def _parts(value: str) -> Parts:
    """Parts of a path in either notation and in NFC, without drive, dots and empty parts."""
    parts = normalize("NFC", value).strip().replace("\\", "/").split("/")
    return tuple(p for p in parts if p not in ("", ".", "..") and not p.endswith(":"))
