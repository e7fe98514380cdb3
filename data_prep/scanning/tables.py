"""The user's table: read, joined with the files, and typed, with what a person should know about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_prep.scanning.cells import merged_cells, typed
from data_prep.scanning.matching import match_paths
from data_prep.scanning.reading import Sheet, read_sheet
from data_prep.scanning.remarks import MERGED_CELLS, WORDS_AS_GAPS, Remark
from natkit.core.errors import InputError


@dataclass(frozen=True)
class Listed:
    """One row an image: ``path`` as the scan names it, then the user's columns.

    ``decimals``: of columns of numbers that all have as many. ``remarks``: what became of the rest of the table.
    """

    table: pd.DataFrame
    decimals: dict[str, int]
    remarks: tuple[Remark, ...]


def read_table(
    table: str | Path | pd.DataFrame,
    may_be_empty: bool = False,
    missing: Sequence[str] | None = None,
) -> pd.DataFrame:
    """CSV or TSV as plants write them (UTF-8, Japanese or Western Windows; comma, semicolon, tab or bar), Parquet, or
    the first sheet of an XLSX workbook.

    A column becomes numbers only if every cell of it turns back into the same text: 007, 1.10 beside 1.1 and numbers
    of 17 digits stay text.

    Parameters
    ----------
    missing
        Texts that stand for a gap, beside the empty cell; None: NA, N/A, NaN, NULL and the errors of a spreadsheet.

    Raises
    ------
    InputError
        If it can't be read, or has no rows.
    """
    return _typed(_read(table, may_be_empty), missing)[0]


def list_images(
    table: str | Path | pd.DataFrame,
    files: list[str],
    column: str | None,
    root: Path,
    missing: Sequence[str] | None = None,
) -> Listed:
    """Read a table and find the file of each row; see :func:`data_prep.scanning.matching.match_paths`."""
    sheet = _read(table)
    if sheet.unreckoned:
        raise InputError(
            f"Cell {sheet.unreckoned} of {table} holds a formula whose value was never stored, so nobody knows what it "
            "says. Open the workbook in a spreadsheet program, and save it there."
        )
    matched = match_paths(sheet.frame, files, column, root)
    remarks = list(sheet.remarks)
    if matched.elsewhere:
        n, first = len(matched.elsewhere), matched.elsewhere[0]
        remarks.append(Remark("rows_elsewhere", {"rows": n, "example": first}))
    if rows := matched.no_image:
        line, first = sheet.lines[rows[0]], sheet.frame.iloc[rows[0]].dropna().astype(str)
        shown = " | ".join(first)[:60]
        evidence = {"rows": len(rows), "line": line, "example": shown}
        remarks.append(Remark("rows_without_image", evidence))
    frame, decimals, gaps = _typed(Sheet(matched.table, [], sheet.typed, sheet.separator), missing)
    for name, words in gaps.items():
        different = ", ".join(sorted(set(words)))
        evidence = {"column": name, "words": different, "cells": len(words)}
        remarks.append(Remark(WORDS_AS_GAPS, evidence))
    for name in frame.columns:
        if (value := merged_cells(frame[name])) is not None:
            remarks.append(Remark(MERGED_CELLS, {"column": name, "example": value}))
    return Listed(frame, decimals, tuple(remarks))


def _read(table: str | Path | pd.DataFrame, may_be_empty: bool = False) -> Sheet:
    try:
        sheet = read_sheet(table)
    except Exception as error:  # broken bytes make the readers raise anything
        reason = " ".join(str(error).split())
        raise InputError(
            f"The table {table} can't be read ({reason}); natkit reads CSV, Parquet and XLSX with one "
            "row an image. Save it as CSV (UTF-8) and try again."
        ) from error
    if sheet.frame.empty and not may_be_empty and not isinstance(table, pd.DataFrame):
        others = (
            f" in its first sheet; there are others: {', '.join(sheet.others[:3])}"
            if sheet.others
            else ""
        )
        raise InputError(
            f"The table {table} has no rows{others}; natkit expects one row an image. Leave the table out, "
            "fill it, or move the sheet that is meant to the front."
        )
    return sheet


def _typed(sheet: Sheet, missing: Sequence[str] | None) -> tuple[pd.DataFrame, dict, dict]:
    """The columns, of typed ones only with the gaps that ``missing`` names."""
    if not sheet.typed:
        return typed(sheet.frame, sheet.separator, missing)
    if not missing:
        return sheet.frame, {}, {}
    frame, gaps = sheet.frame.copy(), {}
    for name in frame.columns:
        hit = frame[name].map(lambda value: isinstance(value, str) and value in missing)
        if hit.any():
            gaps[name] = list(frame.loc[hit, name])
            frame[name] = frame[name].mask(hit.astype(bool))
    return frame, {}, gaps
