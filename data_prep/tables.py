"""Read the user's table, find which of its columns names the image files, and write safe cells."""

import unicodedata
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
from pyarrow.parquet import ParquetFile

from natkit.errors import InputError

# what stands for a gap; "None" is not among them, for it can be a label (no defect)
NA = ["", "NaN", "nan", "NA", "N/A", "n/a", "#N/A", "NULL", "null"]
MOST_ROWS, MOST_BYTES = 10**7, 2**30  # of a table; a packed one could fill the memory


def read_table(table: str | Path | pd.DataFrame, may_be_empty: bool = False) -> pd.DataFrame:
    """CSV or TSV as plants write them (UTF-8 or cp932; comma, semicolon or tab), Parquet, or the
    first sheet of an XLSX workbook."""
    if isinstance(table, pd.DataFrame):
        return table.reset_index(drop=True)
    path = Path(table)
    try:
        frame = _read(path)
    except Exception as error:  # broken bytes make the readers raise anything
        reason = " ".join(str(error).split())
        raise InputError(
            f"The table {path} can't be read ({reason}); natkit reads CSV, Parquet and XLSX with one "
            "row an image. Save it as CSV (UTF-8) and try again."
        ) from error
    if frame.empty and not may_be_empty:
        raise InputError(
            f"The table {path} has no rows; natkit expects one row an image. Leave the table out, "
            "or fill it."
        )
    frame.columns = [str(c).strip() for c in frame.columns]
    return frame


def _read(path: Path) -> pd.DataFrame:
    kind = path.suffix.lower()
    if kind == ".parquet":
        if (rows := ParquetFile(path).metadata.num_rows) > MOST_ROWS:
            raise ValueError(f"it has {rows} rows, more than {MOST_ROWS}")
        return pd.read_parquet(path).reset_index(drop=True)
    if kind == ".xlsx":
        with ZipFile(path) as file:
            if (size := sum(part.file_size for part in file.infolist())) > MOST_BYTES:
                raise ValueError(f"it unpacks to {size} bytes, more than {MOST_BYTES}")
        frame = pd.read_excel(path, keep_default_na=False, na_values=NA)
        return frame.dropna(how="all").reset_index(drop=True)
    raw = path.read_bytes()
    try:
        text, encoding = raw.decode("utf-8-sig"), "utf-8-sig"
    except UnicodeDecodeError:
        text, encoding = raw.decode("cp932"), "cp932"
    if "\0" in text:
        raise ValueError("it holds binary data")
    separator = max(",;\t", key=text.partition("\n")[0].count)
    return pd.read_csv(path, sep=separator, encoding=encoding, keep_default_na=False, na_values=NA)


def match_paths(table: pd.DataFrame, files: list[str], column: str | None) -> pd.DataFrame:
    """The table with a first column ``path`` that names files as the scan does.

    Values that match no file keep their name, brought to the same form as those that match: they
    are the absent images. The source column itself is dropped if it is called ``path``.

    Raises
    ------
    InputError
        If ``column`` is not in the table, no column matches a file, or an image is listed twice; or
        two columns are called the same.
    """
    refuse_twice(table)
    if column is not None and column not in table.columns:
        raise InputError(
            f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}. "
            "Name one of these as path_column."
        )
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    finder = _Finder(files)
    found = {c: finder.all(table[c]) for c in ([column] if column is not None else texts)}
    best = max(found, key=lambda c: len(found[c]), default=None)
    if best is None or not found[best]:
        sample = {str(c): str(table[c].iloc[0]) for c in found}
        raise InputError(
            "No column of the table names the image files: the files are called like "
            f"{files[0]!r}, the table holds {sample}. Give the folder that the table's paths start "
            "from, or path_column."
        )
    named = table[table[best].notna() & (table[best].astype(str).str.strip() != "")]
    paths = finder.rename(named[best], found[best])
    out = named.drop(columns="path") if best == "path" else named
    out = pd.concat([paths.rename("path"), out.rename(columns={"path": "path_user"})], axis=1)
    out = out.drop_duplicates()
    twice = out["path"].duplicated(keep=False)
    if twice.any():
        path = out.loc[twice, "path"].iloc[0]
        raise InputError(
            f"The table lists {path} {int((out['path'] == path).sum())} times with different "
            f"values ({out.loc[twice, 'path'].nunique()} images are listed more than once), but "
            "each image has one row. Keep one row an image."
        )
    return out.reset_index(drop=True)


def refuse_twice(table: pd.DataFrame) -> None:
    """Raise InputError if two columns are called the same (once spaces at the ends are gone)."""
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(
            f"The table has more than one column {str(twice[0])!r}. Give each a name of its own."
        )


class _Finder:
    """Finds the file that a value of a table means: by the longest common end of both paths.

    An end counts only if one file has it. Where most values match after k of their leading folders
    are dropped, none matches after more: ``lineA/1.png`` must not become ``lineB/1.png``.
    """

    def __init__(self, files: list[str]):
        ends = [["/".join(f.split("/")[k:]) for k in range(f.count("/") + 1)] for f in files]
        count = Counter(end for own in ends for end in own)
        self.by_end = {e: own[0] for own in ends for e in own if count[e] == 1 or e == own[0]}
        self.by_end |= {f: f for f in files}

    def one(self, value: str) -> tuple[int, str] | None:
        parts = _parts(value)
        for drop in range(len(parts)):
            if (end := "/".join(parts[drop:])) in self.by_end:
                return drop, self.by_end[end]
        return None

    def all(self, values: pd.Series) -> dict[str, str]:
        """Value → file, for those that match."""
        matches = {v: self.one(v) for v in values.dropna().astype(str).unique()}
        matches = {v: match for v, match in matches.items() if match is not None}
        habit = Counter(drop for drop, _ in matches.values()).most_common(1)
        return {v: path for v, (drop, path) in matches.items() if drop <= habit[0][0]}

    def rename(self, values: pd.Series, known: dict[str, str]) -> pd.Series:
        """Known values as their files; the others changed as the known ones mostly were."""
        habits: Counter = Counter()
        for value, path in known.items():
            parts, (drop, _) = _parts(value), self.one(value)
            habits[drop, path.removesuffix("/".join(parts[drop:]))] += 1
        (drop, front), _ = habits.most_common(1)[0]

        def name(value: str) -> str:
            parts = _parts(value)
            return known.get(value) or front + "/".join(parts[min(drop, len(parts) - 1) :])

        return values.astype(str).map(name)


def _parts(value: str) -> list[str]:
    """Parts of a path in either notation, composed (NFC), without drive, dots and empty parts."""
    parts = unicodedata.normalize("NFC", value).strip().replace("\\", "/").split("/")
    return [p for p in parts if p not in ("", ".", "..") and not p.endswith(":")]
