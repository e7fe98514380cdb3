"""Columns of a table as cells of a CSV and back: the same values, of the same type, and gaps apart from empty text."""

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
from pandas.api import types

PLAIN = (str, int, float, bool)  # what JSON keeps apart
OBJECTS: dict[str, tuple[type, Callable, Callable]] = {  # kind: class, written by, read by
    "decimal": (Decimal, str, Decimal),
    "bytes": (bytes, lambda value: f"0x{value.hex()}", lambda cell: bytes.fromhex(cell[2:])),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "timestamp": (pd.Timestamp, pd.Timestamp.isoformat, pd.Timestamp),
    "uuid": (UUID, str, UUID),
}


def kind_of(column: pd.Series, decimals: int | None = None) -> dict | None:
    """What :func:`read` needs to know of a column (JSON-able); None if its values can't stand in a cell.

    ``type`` is "text"; "json" for text that is empty or holds a carriage return or NUL, and for values of several
    types; a name of ``OBJECTS``; "category"; or the dtype. ``decimals``: with so many the numbers are written, if that
    changes none of them.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        names = pd.Series(dtype.categories)
        of = kind_of(names)
        held = None if of is None else [str(cell) for cell in written(names, of)]
        told = {"type": "category", "ordered": bool(dtype.ordered), "of": of, "categories": held}
        return None if of is None else told
    if isinstance(dtype, pd.SparseDtype):
        return None
    if types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        told = {"type": str(dtype)}
        return told | ({"decimals": decimals} if _come_back(column, decimals) else {})
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        numpy = not isinstance(dtype, pd.ArrowDtype) and types.pandas_dtype(str(dtype)) == dtype
        return {"type": str(dtype)} if numpy else None
    values = column.dropna()
    classes = {type(_python(value)) for value in values}
    for kind, (its_class, _, _) in OBJECTS.items():
        if classes == {its_class}:
            return {"type": kind}
    if not classes <= set(PLAIN):
        return None
    plain = classes <= {str} and not any(_odd(value) for value in values)
    return {"type": "text" if plain else "json"}


def written(column: pd.Series, kind: dict) -> pd.Series:
    """The column as ``DataFrame.to_csv`` shall write it; see :func:`kind_of`."""
    name = kind["type"]
    if "decimals" in kind:
        return column.map(lambda value: f"{value:.{kind['decimals']}f}", na_action="ignore")
    if name == "json":
        return column.astype(object).map(_json, na_action="ignore")
    if name in OBJECTS:
        return column.astype(object).map(OBJECTS[name][1], na_action="ignore")
    if name == "category":
        cells = np.array([*kind["categories"], None], object)  # the code of a gap is −1
        return pd.Series(cells[column.cat.codes], column.index, object)
    if name.startswith("datetime64"):
        naive = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        cells = np.datetime_as_string(naive.to_numpy()).astype(object)
        return pd.Series(cells, column.index).where(column.notna(), None)
    if name.startswith("timedelta64"):
        numbers = pd.Series(column.to_numpy().astype(np.int64), column.index, object)
        return numbers.where(column.notna(), None)
    return column


def read(cells: pd.Series, kind: dict) -> pd.Series:
    """The column whose cells (text, missing where there is a gap) :func:`written` gave.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the cells or the kind were changed so that they don't fit.
    """
    name, there = kind["type"], cells.notna().to_numpy()
    if name == "text":
        return cells
    texts = cells.to_numpy(object)
    if name == "json":
        values = [json.loads(t) if ok else None for t, ok in zip(texts, there, strict=True)]
        return pd.Series(values, cells.index, object, name=cells.name)
    if name in OBJECTS:
        values = [OBJECTS[name][2](t) if ok else None for t, ok in zip(texts, there, strict=True)]
        return pd.Series(values, cells.index, object, name=cells.name)
    if name == "category":
        codes = {cell: code for code, cell in enumerate(kind["categories"])}
        held = pd.Series(kind["categories"], dtype=cells.dtype)
        dtype = pd.CategoricalDtype(read(held, kind["of"]), kind["ordered"])
        codes = [codes[t] if ok else -1 for t, ok in zip(texts, there, strict=True)]
        values = pd.Categorical.from_codes(codes, dtype=dtype)
    elif name.startswith("datetime64"):
        dtype = types.pandas_dtype(name)
        unit = getattr(dtype, "unit", None) or np.datetime_data(dtype)[0]
        values = pd.Series(np.where(there, texts, "NaT").astype(f"datetime64[{unit}]"))
        if isinstance(dtype, pd.DatetimeTZDtype):
            values = values.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
        values = values.array
    elif name.startswith("timedelta64"):
        values = np.array([int(t) if ok else "NaT" for t, ok in zip(texts, there, strict=True)])
        values = values.astype(name)
    else:
        values = _numbers(texts, there, types.pandas_dtype(name))
    return pd.Series(values, cells.index, name=cells.name)


def nullable(column: pd.Series) -> pd.Series:
    """Whole numbers and truth values as the same values of a type that can hold gaps, so that none becomes a float."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return column.astype(str(column.dtype).replace("u", "U").replace("int", "Int"))
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "b":
        return column.astype(object)
    return column


def _numbers(texts: np.ndarray, there: np.ndarray, dtype) -> object:
    make = float if types.is_float_dtype(dtype) else int
    if types.is_bool_dtype(dtype):
        make = {"True": True, "False": False}.__getitem__
    if types.is_float_dtype(dtype) and isinstance(dtype, np.dtype):
        return texts.astype(dtype)
    values = [make(t) if ok else None for t, ok in zip(texts, there, strict=True)]
    if isinstance(dtype, np.dtype) and there.all():
        return np.array(values, dtype)
    with_gaps = nullable(pd.Series([], dtype=dtype)).dtype  # somebody emptied a cell
    return pd.array(values, with_gaps)


def _come_back(column: pd.Series, decimals: int | None) -> bool:
    """Are there decimals to be kept, and is each number the same when written with them?"""
    if decimals is None or not types.is_float_dtype(column.dtype):
        return False
    return all(float(f"{v:.{decimals}f}") == v for v in column.dropna())


def _python(value: object) -> object:
    return value.item() if isinstance(value, np.integer | np.floating | np.bool_) else value


def _json(value: object) -> str:
    """As JSON; what UTF-8 can't hold (half of a character) is escaped."""
    text = json.dumps(_python(value), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _odd(text: str) -> bool:
    """Text that a CSV does not give back: empty, cut at a carriage return or NUL, or not UTF-8."""
    return text == "" or any(c in "\r\0" or "\ud800" <= c <= "\udfff" for c in text)
