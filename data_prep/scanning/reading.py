"""Tables as plants write them, cell by cell: CSV and its kin, XLSX, Parquet, DataFrame."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pyarrow as pa
from openpyxl.utils import range_boundaries
from pyarrow.parquet import ParquetFile

from data_prep.scanning.encodings import decode, first_word
from data_prep.scanning.remarks import Remark
from natkit.data.columns import kind_of
from natkit.data.decoding import SUFFIXES

MOST_ROWS, MOST_BYTES = 10**7, 2**30  # of a table; a packed one could fill the memory
SEPARATORS = ",;\t|"
SAMPLE = 2000  # rows by which the separator is found
MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')
FORMULA = re.compile(
    rb'<(?:\w+:)?c [^>]*?r="([A-Z]+\d+)"[^>]*><(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)'
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
CHUNK, LONGEST = 2**20, 2**14  # bytes read at once, and of a formula that may lie across two reads
WITH_GAPS = {
    getattr(pa, f"{sign}int{bits}")(): f"{sign.upper()}Int{bits}"
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Sheet:
    """A table as it was read.

    ``frame`` holds text (from a CSV), what the cells hold (XLSX), or typed columns (Parquet, DataFrame; ``typed``).
    ``lines``: where each row stands in the file. ``separator``: of a CSV, else "". ``remarks``: what a person should
    know about the reading. ``unreckoned``: a cell of a workbook with a formula whose value was
    never stored, so that it reads as empty; "" if there is none. ``others``: names of a workbook's other sheets.
    """

    frame: pd.DataFrame
    lines: list[int]
    typed: bool = False
    separator: str = ""
    remarks: tuple[Remark, ...] = ()
    unreckoned: str = ""
    others: tuple[str, ...] = ()


def read_sheet(table: str | Path | pd.DataFrame) -> Sheet:
    """Read a table; raises ValueError, OSError and what the readers raise where it can't be read."""
    if isinstance(table, pd.DataFrame):
        return _typed(table)
    path = Path(table)
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _typed(_parquet(path))
    return _workbook(path) if kind == ".xlsx" else _text(path.read_bytes())


def _parquet(path: Path) -> pd.DataFrame:
    """Columns of the types that the file has; whole numbers with gaps stay whole."""
    file = ParquetFile(path, page_checksum_verification=True)
    if (rows := file.metadata.num_rows) > MOST_ROWS:
        raise ValueError(f"it has {rows} rows, more than {MOST_ROWS}")
    table = file.read()
    frame = table.to_pandas()
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count and (whole := WITH_GAPS.get(column.type)) and name in frame:
            frame[name] = pd.array(column.to_pylist(), dtype=whole)
        elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            frame[name] = _as_text(frame[name])
    return frame


def _as_text(column: pd.Series) -> pd.Series:
    """Bytes as the UTF-8 text that they mostly are; others stay bytes."""
    try:
        return column.map(bytes.decode, na_action="ignore")
    except UnicodeDecodeError:
        return column


def _typed(frame: pd.DataFrame) -> Sheet:
    """Typed columns as they are; those whose values fit in no cell (lists, vectors, boxes) are left out and named."""
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    frame = frame.reset_index(named).reset_index(drop=True)
    frame.columns = [str(name).strip() for name in frame.columns]
    kinds = [kind_of(frame.iloc[:, i]) for i in range(frame.shape[1])]
    remarks = [
        Remark("column_left_out", {"column": name, "holds": _shown(frame.iloc[:, i])})
        for i, (name, kind) in enumerate(zip(frame.columns, kinds, strict=True))
        if kind is None
    ]
    keep = [i for i, kind in enumerate(kinds) if kind is not None]
    return Sheet(
        frame.iloc[:, keep], list(range(1, len(frame) + 1)), typed=True, remarks=tuple(remarks)
    )


def _shown(column: pd.Series) -> str:
    return " ".join(str(column.dropna().iloc[0]).split())[:40]


def _text(raw: bytes) -> Sheet:
    text, guessed = decode(raw)
    text = re.sub(r"\x1a\s*\Z", "", text)  # DOS ends a file so
    chosen = re.match(r"\ufeff?\"?sep=(.)\"?\r?\n?", text, re.IGNORECASE)
    if chosen:  # Excel is told the separator so
        text = "\n" + text[chosen.end() :]
    separators = chosen[1] if chosen else SEPARATORS
    separator = max(separators, key=lambda s: _evenness(text, s))
    rows = list(_records(text, separator))
    if len(rows) > MOST_ROWS:
        raise ValueError(f"it has {len(rows)} rows, more than {MOST_ROWS}")
    whole = Counter(len(cells) for _, cells in rows[:-1])
    if (
        rows
        and not text.endswith(("\n", "\r"))
        and len(whole) == 1
        and len(rows[-1][1]) < max(whole)
    ):
        raise ValueError(
            f"it ends in the middle of line {rows[-1][0]}, which has {len(rows[-1][1])} of {max(whole)} cells"
        )
    remarks = []
    if guessed:
        remarks.append(Remark("encoding", {"encoding": guessed, "example": first_word(text)}))
    return _framed(rows, remarks, separator)


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and cells of each row; ValueError with that number where quotes don't close."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"in line {line}, a quote is not closed well: {error}") from error
        for cell in cells:
            below = cell.splitlines()[1:] if "\n" in cell or "\r" in cell else ()
            if any(is_image(part) for row in below for part in row.split(separator)):
                raise ValueError(
                    f"a quote opens in line {line} and closes in line {reader.line_num}, over whole rows"
                )
        yield line, cells
        line = reader.line_num + 1


def _evenness(text: str, separator: str) -> tuple:
    """How well a separator cuts the table: rows that hold it, rows of the same width, that width."""
    widths: list[int] = []
    try:
        for _, cells in _records(text, separator):
            widths += [len(cells)] * any(cell.strip() for cell in cells)
            if len(widths) == SAMPLE:
                break
    except ValueError:
        pass
    if not widths:
        return 0.0, 0.0, 0
    width, often = Counter(widths).most_common(1)[0]
    return sum(w > 1 for w in widths) / len(widths), often / len(widths), width


def _workbook(path: Path) -> Sheet:
    """The first sheet; a merged cell counts for all rows that it spans."""
    with ZipFile(path) as file:
        if (size := sum(part.file_size for part in file.infolist())) > MOST_BYTES:
            raise ValueError(f"it unpacks to {size} bytes, more than {MOST_BYTES}")
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what some programs write there is wrong
        rows = [
            (line, list(cells)) for line, cells in enumerate(sheet.iter_rows(values_only=True), 1)
        ]
        with ZipFile(path) as file:
            merged, unreckoned = _merged(file, sheet._worksheet_path)
        others = tuple(other.title for other in book.worksheets[1:])
    finally:
        book.close()
    for left, top, _, bottom in merged:
        for line in range(top + 1, min(bottom, len(rows)) + 1):
            cells = rows[line - 1][1]
            cells += [None] * (left - len(cells))
            above = rows[top - 1][1]
            cells[left - 1] = above[left - 1] if left <= len(above) else None
    return replace(_framed(rows, []), unreckoned=unreckoned, others=others)


def _merged(file: ZipFile, part: str) -> tuple[list[tuple[int, int, int, int]], str]:
    """Merged ranges of a sheet (first column, first row, last column, last row), and a formula without a value."""
    found: set[bytes] = set()
    unreckoned = ""
    with file.open(part) as stream:
        before = b""
        while chunk := stream.read(CHUNK):
            found |= set(MERGED.findall(before + chunk))
            empty = None if unreckoned else FORMULA.search(before + chunk)
            unreckoned = empty[1].decode() if empty else unreckoned
            before = (before + chunk)[-LONGEST:]
    return [range_boundaries(area.decode()) for area in sorted(found)], unreckoned


def _framed(rows: list[tuple[int, list]], remarks: list[Remark], separator: str = "") -> Sheet:
    """Header and rows of records; what stands above the header is passed over, and so are empty rows."""
    rows = [(line, _trimmed(cells)) for line, cells in rows]
    rows = [(line, cells) for line, cells in rows if cells]
    if not rows:
        return Sheet(pd.DataFrame(), [], separator=separator)
    usual = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    top = next(i for i, (_, cells) in enumerate(rows) if len(cells) >= usual)
    line, header = rows[top]
    if image := next((cell for cell in header if is_image(cell)), None):
        if top:
            raise ValueError(
                f"line {line} has {len(header)} cells, but the header in line {rows[0][0]} has {len(rows[0][1])}"
            )
        raise ValueError(f"it has no header: line {line} holds {image!r}")
    for number, cells in rows[top + 1 :]:
        if len(cells) > len(header):
            raise ValueError(
                f"line {number} has {len(cells)} cells, but the header in line {line} has {len(header)}"
            )
    body = [[*cells, *[None] * (len(header) - len(cells))] for _, cells in rows[top + 1 :]]
    columns = dict(enumerate(zip(*body, strict=True))) if body else {}
    names, filled = [], []
    for i, cell in enumerate(header):
        name = "" if _empty(cell) else _name(cell)
        values = columns.get(i, ())
        if not name and all(map(_empty, values)):
            continue
        if not name:
            name = f"column {i + 1}"
            remarks.append(Remark("column_unnamed", {"column": name, "line": line}))
        names.append(name)
        filled.append([None if _empty(value) else value for value in values])
    frame = pd.DataFrame({i: pd.Series(values, dtype=object) for i, values in enumerate(filled)})
    frame.columns = names
    return Sheet(
        frame,
        [number for number, _ in rows[top + 1 :]],
        separator=separator,
        remarks=tuple(remarks),
    )


def _trimmed(cells: list) -> list:
    """Without the empty cells at the end: of separators at the end of a line, or of a sheet's edge."""
    last = max((i for i, cell in enumerate(cells) if not _empty(cell)), default=-1)
    return cells[: last + 1]


def _empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip("\ufeff \t") == "")


def _name(cell: object) -> str:
    text = cell.isoformat() if isinstance(cell, datetime) else str(cell)
    text = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    return unicodedata.normalize("NFC", text).strip("\ufeff ")


def is_image(cell: object) -> bool:
    """Does a cell look like the name of an image file?"""
    return isinstance(cell, str) and cell.strip().lower().endswith(SUFFIXES)
