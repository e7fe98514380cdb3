"""Ways to write one table as a workbook or as Parquet: each must give what was drawn, or be refused."""

import datetime
import io

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from table_drawing import Made, Table, any_words, drawn, keeps, truth_of


def as_xlsx(table: Table, rows: list[list], before: int = 0, formulas: bool = False) -> Made:
    book = openpyxl.Workbook()
    sheet = book.active
    for _ in range(before):
        sheet.append([])
    for row in rows:
        sheet.append(row)
    if not formulas:
        as_texts(sheet)
    book.save(out := io.BytesIO())
    return Made(".xlsx", out.getvalue(), truth_of(table))


def as_texts(sheet) -> None:
    """What begins with an equals sign was typed as a text."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.data_type == "f":
                cell.data_type = "s"


def cells(table: Table) -> list[list]:
    """As a spreadsheet holds it: measured columns and 0/1 as numbers, the others as text."""
    numbers = {"temp": float, "width_mm": int, "whole": int}
    kinds = [numbers.get(c, str) for c in table.columns]
    rows = [[k(v) if v else None for k, v in zip(kinds, row, strict=True)] for row in table.rows]
    return [table.columns, *rows]


@keeps
def xlsx(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_xlsx(table, cells(table))


@keeps
def xlsx_with_dates(rng) -> Made:
    table = drawn(rng, any_words(rng))
    if "day" not in table.columns:
        table = Table([*table.columns, "day"], [[*row, "2026-04-03"] for row in table.rows])
    rows, at = cells(table), table.columns.index("day")
    for row in rows[1:]:
        row[at] = row[at] and datetime.datetime.fromisoformat(row[at])
    return as_xlsx(table, rows)


@keeps
def xlsx_with_merged_cells(rng) -> Made:
    """The lot stands once for four rows: it holds for each of them."""
    table = drawn(rng, any_words(rng))
    table = Table([*table.columns, "batch"], [[*r, f"B{i // 4}"] for i, r in enumerate(table.rows)])
    book = openpyxl.Workbook()
    for row in cells(table):
        book.active.append(row)
    as_texts(book.active)
    column = openpyxl.utils.get_column_letter(len(table.columns))
    for first in range(2, len(table.rows) + 2, 4):
        last = min(first + 3, len(table.rows) + 1)
        if last > first:
            book.active.merge_cells(f"{column}{first}:{column}{last}")
    book.save(out := io.BytesIO())
    return Made(".xlsx", out.getvalue(), truth_of(table))


@keeps
def xlsx_with_a_title(rng) -> Made:
    """A title and an empty line above the header."""
    table = drawn(rng, any_words(rng))
    return as_xlsx(table, [["Inspection of April"], [], *cells(table)])


@keeps
def xlsx_with_empty_rows(rng) -> Made:
    table = drawn(rng, any_words(rng))
    rows = cells(table)
    rows.insert(5, [])
    return as_xlsx(table, [*rows, [], []], before=int(rng.integers(0, 3)))


@keeps
def xlsx_with_formulas(rng) -> Made:
    """Classes that are formulas, of a program that keeps no values: they can't be known."""
    table = drawn(rng, any_words(rng))
    rows = cells(table)
    for k, row in enumerate(rows[1:], 2):
        row[1] = f'=IF(A{k}="x","NG","OK")'
    made = as_xlsx(table, rows, formulas=True)
    made.must_refuse = True
    return made


@keeps
def xlsx_called_csv(rng) -> Made:
    """One format under the name of another."""
    made = xlsx(rng)
    made.suffix = str(rng.choice([".csv", ".txt", ".xls"]))
    return made


def as_parquet(table: Table, columns: dict, **how) -> Made:
    pq.write_table(pa.table(columns), out := io.BytesIO(), **how)
    return Made(".parquet", out.getvalue(), truth_of(table))


def columns_of(table: Table) -> dict[str, list]:
    head, *rows = cells(table)
    return {c: [row[k] for row in rows] for k, c in enumerate(head)}


@keeps
def parquet(rng) -> Made:
    table = drawn(rng, any_words(rng))
    compression = str(rng.choice(["snappy", "gzip", "zstd", "brotli", "none"]))
    dictionary = bool(rng.random() < 0.5)
    return as_parquet(table, columns_of(table), compression=compression, use_dictionary=dictionary)


@keeps
def parquet_of_other_types(rng) -> Made:
    """Categories, large strings, decimals, dates, whole numbers of 64 bits with a gap."""
    table = drawn(rng, any_words(rng))
    columns = columns_of(table)
    columns["file"] = pa.array(columns["file"], pa.large_string())
    columns["defect"] = pa.array(columns["defect"]).dictionary_encode()
    if "serial" in columns:
        columns["serial"] = pa.array([v and int(v) for v in columns["serial"]], pa.int64())
    if "day" in columns:
        columns["day"] = pa.array(
            [v and datetime.date.fromisoformat(v) for v in columns["day"]], pa.date32()
        )
    return as_parquet(table, columns)


@keeps
def parquet_with_lists(rng) -> Made:
    """A column of vectors is left out; the others are there."""
    table = drawn(rng, any_words(rng))
    vectors = {"vector": [[0.5, 1.0]] * len(table.rows), "fields": [{"a": 1}] * len(table.rows)}
    return as_parquet(table, columns_of(table) | vectors)


@keeps
def parquet_of_bytes(rng) -> Made:
    """Texts written as bytes, as some databases do."""
    table = drawn(rng, any_words(rng))
    columns = columns_of(table)
    columns["defect"] = pa.array([v and v.encode() for v in columns["defect"]], pa.binary())
    return as_parquet(table, columns)
