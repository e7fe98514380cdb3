"""Which columns are numbers: those whose every cell turns back into the very same text."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time

import pandas as pd

from natkit.core.labels import class_names

# what stands for a gap; "None" is not among them, for it can be a label (no defect)
NA = ("", "NaN", "nan", "NA", "N/A", "n/a", "#N/A", "NULL", "null")
ERRORS = ("#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!")  # of a spreadsheet's formula
WHOLE = re.compile(r"(?!-0$)-?(0|[1-9]\d*)")
POINT = re.compile(r"(?!-0$)-?(0|[1-9]\d*)(\.\d+)?(e[+-]\d+)?")
COMMA = re.compile(r"(?!-0$)-?(0|[1-9]\d*)(,\d+)?")
THOUSANDS = re.compile(r"-?[1-9]\d{0,2},\d{3}")
EXACT = 2**53  # whole numbers below are the same as floats


def typed(
    frame: pd.DataFrame, separator: str, missing: Sequence[str] | None
) -> tuple[pd.DataFrame, dict[str, int], dict[str, list[str]]]:
    """Cells (text, or what a spreadsheet holds) as columns of one type each; others stay text.

    Parameters
    ----------
    separator
        Of the CSV: beside semicolons and tabs, 11,7 can be a number. "" for a spreadsheet, where text stays text.
    missing
        Texts that stand for a gap; None for ``NA`` and the errors of formulas.

    Returns
    -------
    The frame; of columns whose numbers all have the same decimals, how many; of columns with gaps that were words,
    these words, one for each cell.
    """
    words = {*NA, *ERRORS} if missing is None else {"", *missing}
    columns, decimals, gaps = [], {}, {}
    for i, name in enumerate(frame.columns):
        cells = list(frame.iloc[:, i])
        values = [None if isinstance(v, str) and v in words else v for v in cells]
        read_as_gaps = [v for v in cells if isinstance(v, str) and v and v in words]
        if read_as_gaps:
            gaps[name] = read_as_gaps
        values, digits = _column(values, separator)
        if digits is not None:
            decimals[name] = digits
        columns.append(values)
    out = pd.DataFrame(dict(enumerate(columns)), index=frame.index)
    out.columns = frame.columns
    return out, decimals, gaps


def _column(values: list, separator: str) -> tuple[pd.Series, int | None]:
    there = [v for v in values if v is not None and v == v]
    classes = {type(v) for v in there}
    if classes and classes <= {int, float}:
        if all(float(v).is_integer() and abs(v) < EXACT for v in there):
            return _made(values, int), None
        return pd.Series([None if v is None else float(v) for v in values], dtype=float), None
    if classes == {bool}:
        return _made(values, bool), None
    if classes != {str}:
        dates = [v for v in there if isinstance(v, datetime)]
        days = all(v.time() == time() for v in dates)
        values = [None if v is None else _written(v, days) for v in values]
        return _made(values, str), None
    unique = {v: v.strip() for v in there}
    make, digits = _number(set(unique.values()), separator) if separator else (str, None)
    if make is str:
        return _made(values, str), None
    known = {v: make(text) for v, text in unique.items()}
    found = [None if v is None else known[v] for v in values]
    return _made(found, type(next(iter(known.values())))), digits


def _made(values: list, kind: type) -> pd.Series:
    gaps = any(v is None for v in values)
    if kind is int:
        values = [None if v is None else int(v) for v in values]
    dtypes = {int: "Int64" if gaps else "int64", bool: object if gaps else bool, float: float}
    return pd.Series(values, dtype=dtypes.get(kind))


def _written(value: object, days: bool) -> str:
    """A spreadsheet's cell as text, in a column that holds more than numbers."""
    if isinstance(value, datetime):
        return value.date().isoformat() if days else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number(texts: set[str], separator: str) -> tuple[Callable, int | None]:
    """What makes values of these texts (``str`` if they are no numbers), and their common number of decimals."""
    if all(WHOLE.fullmatch(t) and abs(int(t)) < EXACT for t in texts):
        return int, None
    if texts <= {"True", "False"}:
        return "True".__eq__, None
    if separator != "," and all(COMMA.fullmatch(t) for t in texts):
        if separator != ";" and all(THOUSANDS.fullmatch(t) for t in texts):
            return str, None  # 1,234 is either
        make, digits = _float({t.replace(",", ".") for t in texts})
        return (str, None) if make is str else (lambda t: make(t.replace(",", ".")), digits)
    return _float(texts) if all(POINT.fullmatch(t) for t in texts) else (str, None)


def _float(texts: set[str]) -> tuple[Callable, int | None]:
    if all(repr(float(t)) == t for t in texts):
        return float, None
    if all(repr(float(t)).removesuffix(".0") == t for t in texts):
        return float, None
    digits = {len(t.partition(".")[2]) for t in texts}
    if len(digits) == 1 and all(f"{float(t):.{max(digits)}f}" == t for t in texts):
        return float, max(digits)
    return str, None


def merged_cells(column: pd.Series) -> str | None:
    """The first value that stands once above empty cells, if the column looks like merged cells; else None.

    Such a column begins with a value, has a gap for each value or more, and never the same value in two rows that
    follow each other.
    """
    names = class_names(column)
    there = names.notna().to_numpy()
    if not there.any() or not there[0] or (~there).sum() < there.sum():
        return None
    follows = there[1:] & there[:-1] & (names.to_numpy()[1:] == names.to_numpy()[:-1])
    return (
        None
        if follows.any()
        else names[there & ~pd.Series(there).shift(-1, fill_value=True)].iloc[0]
    )
