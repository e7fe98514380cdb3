"""Vectors and signals as one set beside ImageSet: values, ids, table, splits."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.data import manifest

FILE = "signals.npy"  # in a prepared folder, one row a row of its manifest
NEEDED = ("id", "split")


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals (n, channels, length) or vectors (n, d), and the table that says what they are.

    Parameters
    ----------
    values
        Numbers, one row a signal; kept as float32. A signal holds samples at even steps of time; a vector
        holds numbers in no order. What is masked in a masked array counts as NaN.
    table
        One row a signal, in the order of ``values``: ``id`` (whole numbers, each once), ``split`` (train, val
        or test), then columns of the user's own.
    prepared
        The prepared folder from which they come, if they do (:func:`natkit.load`).

    Raises
    ------
    InputError
        If ``values`` are no numbers of these shapes, hold NaN or infinity, or don't fit the table; or if the table
        lacks a column, an id comes twice or a split is unknown.

    Examples
    --------
    >>> table = pd.DataFrame({"id": [3, 4], "split": ["train", "test"]})
    >>> signals = Signals(np.zeros((2, 1, 100)), table)
    >>> signals[signals.split == "test"].ids
    array([4])
    """

    values: np.ndarray
    table: pd.DataFrame
    prepared: manifest.Prepared | None = field(default=None, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "values", checked(self.values))
        if lack := [c for c in NEEDED if c not in self.table.columns]:
            raise InputError(
                f"The table of signals needs the columns {' and '.join(NEEDED)}, but lacks "
                f"{' and '.join(lack)}. Add them; data_prep.prepare() draws splits that nothing leaks between."
            )
        if len(self.table) != len(self.values):
            raise InputError(
                f"There are {len(self.values)} signals, but {len(self.table)} rows in the table. Give one row a "
                "signal, in the same order."
            )
        if self.table["id"].duplicated().any() or self.table["id"].dtype.kind not in "iu":
            raise InputError(
                "The column id holds whole numbers, each once. Number the rows: table.assign(id=range(len(table)))."
            )
        if odd := sorted(set(map(str, self.table["split"])) - set(manifest.SPLITS)):
            raise InputError(
                f"The column split holds {odd}, but only {manifest.SPLITS} are known. Rename them."
            )

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        n, *shape = self.values.shape
        what = "vectors of {} numbers" if len(shape) == 1 else "signals of {} channels, {} samples"
        return f"Signals({n} {what.format(*shape)})"

    def __getitem__(self, rows: int | slice | Sequence) -> "Signals":
        kept = positions(len(self), rows)
        return Signals(
            self.values[kept], self.table.iloc[kept].reset_index(drop=True), self.prepared
        )

    @property
    def split(self) -> np.ndarray:
        """Split of each signal, text (n,)."""
        return self.table["split"].to_numpy()

    @property
    def ids(self) -> np.ndarray:
        """int64 (n,): each signal's id, which is also the index of its target."""
        return self.table["id"].to_numpy(np.int64)

    @property
    def columns(self) -> list[str]:
        """Names of the user's own columns."""
        ours = NEEDED if self.prepared is None else manifest.COLUMNS
        return [c for c in self.table.columns if c not in ours]

    @property
    def data_hash(self) -> str:
        """SHA-256 of the prepared folder's manifest; without one, of values and table."""
        if self.prepared is not None:
            return self.prepared.data_hash
        digest = hashlib.sha256(self.table.to_csv(index=False).encode())
        digest.update(f"{self.values.shape}".encode())
        digest.update(np.ascontiguousarray(self.values))
        return digest.hexdigest()


def checked(values: object, gaps: bool = False) -> np.ndarray:
    """``values`` as float32 (n, channels, length) or (n, d), or InputError.

    What is masked, None or pandas.NA becomes NaN. ``gaps``: NaN may stand for missing samples of signals.
    """
    values = _array(values)
    gaps = gaps and values.ndim == 3
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Signals and vectors are real numbers, but these are {values.dtype}. Take the absolute values of a "
            "spectrum; turn text into numbers, or leave it to the table."
        )
    if values.ndim not in (2, 3) or 0 in values.shape[1:]:
        raise InputError(
            f"Signals are an array (n, channels, length), vectors (n, d), but this is {values.shape}. One channel is "
            "values[:, None]."
        )
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    bad = np.isinf(values) if gaps else ~np.isfinite(values)
    if bad.any():
        rows = bad.reshape(len(values), -1).any(axis=1)
        mend = (
            "An infinite value is an overflow: mark it as missing (NaN)"
            if gaps
            else "data_prep.scan_signals, audit and prepare find gaps and fill short ones"
            if values.ndim == 3
            else "Fill them before, keeping a mark: data_prep.rules.imputing.impute"
        )
        raise InputError(
            f"{rows.sum()} of {len(values)} rows hold {'' if gaps else 'NaN or '}infinite values, the first is row "
            f"{int(rows.argmax())}. {mend}."
        )
    return values


def _array(values: object) -> np.ndarray:
    """One array out of lists, masked arrays and arrays of objects; InputError for rows of several lengths."""
    if isinstance(values, list | tuple) and any(isinstance(v, np.ma.MaskedArray) for v in values):
        if len({np.shape(row) for row in values}) > 1:
            raise _mixed()
        values = np.ma.stack(values)
    if isinstance(values, np.ma.MaskedArray):
        if values.mask.any() and values.dtype.kind in "biuf":
            values = values.astype(np.result_type(values.dtype, np.float32)).filled(np.nan)
        values = np.ma.getdata(values)
    try:
        values = np.asarray(values)
        if values.dtype != object:
            return values
        if all(
            isinstance(row, np.ndarray | list | tuple) for row in values.flat
        ):  # rows, each an object
            return _array(list(values.flat))
        numbers = [np.nan if pd.isna(v) else v for v in values.flat]
        if any(isinstance(number, str) for number in numbers):
            raise _mixed()
        return np.array(numbers, np.float64).reshape(values.shape)
    except (ValueError, TypeError) as error:  # rows of several lengths, or no numbers
        raise _mixed() from error


def positions(n: int, rows: int | slice | Sequence) -> np.ndarray:
    """Int (k,): the places, of ``n``, that an index means: a number, a slice, numbers, or n times True or False.

    Raises IndexError for a place that there is not, InputError for what is no index at all.
    """
    places = np.arange(n)
    if isinstance(rows, list | tuple) and not len(rows):
        return places[:0]
    wanted = rows if isinstance(rows, slice) else np.asarray(rows)
    if not isinstance(wanted, slice) and (wanted.dtype.kind not in "biu" or wanted.ndim > 1):
        given = " ".join(repr(rows).split())
        raise InputError(
            f"Rows are picked by a number, a slice, numbers or True and False, but this is {given:.80}. A column of "
            "the table is .table[name]."
        )
    return np.atleast_1d(places[wanted])


def _mixed() -> InputError:
    return InputError(
        "The values are no array of numbers: signals of several lengths or channels, or something else than "
        "numbers. Cut all to one length, with the same channels, and give np.stack(signals)."
    )


def of_folder(prepared: manifest.Prepared) -> Signals:
    """The signals of a prepared folder; the values are mapped from the disk.

    Raises InputError if they are not there, or not those that were prepared.
    """
    file = Path(prepared.folder) / FILE
    try:
        values = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} can't be read ({error}). Prepare the signals again.") from error
    if list(values.shape) != prepared.info["signals"]:
        raise InputError(
            f"{file} holds {values.shape}, but {prepared.info['signals']} were prepared. Prepare the signals again."
        )
    return Signals(values, prepared.table, prepared)
