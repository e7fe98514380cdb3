"""Signals and vectors on the way of the images: measured once, and joined with their table."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from data_prep.scanning.listing import beside_ours
from data_prep.scanning.matching import refuse_twice
from data_prep.scanning.reading import read_sheet
from data_prep.scanning.scan import OF_SIGNALS, Scan
from natkit.core.errors import InputError
from natkit.data.manifest import can_hold
from natkit.data.signals import checked


def scan_signals(values: np.ndarray, table: pd.DataFrame, name: str = "signals") -> Scan:
    """Measure every signal once and join it with its row of the table. The array is not changed.

    Parameters
    ----------
    values
        (n, channels, length), NaN or masked where a sample is missing; or vectors (n, d) without gaps.
    table
        n rows in the same order. A column ``path`` names the signals, each once; without it they are numbered.
    name
        What the set is called in the report.

    Returns
    -------
    A :class:`Scan` for :func:`data_prep.audit`. Of each signal: ``offset`` (mean) and ``level`` (deviation), both
    the mean over channels; of vectors neither.

    Raises
    ------
    InputError
        If the values are no such array, a vector has a gap, or the table has other rows or a name twice.
    """
    values = checked(values, gaps=True)
    if len(values) != len(table) or not len(table):
        raise InputError(
            f"There are {len(values)} signals, but {len(table)} rows in the table. Give one row a signal, in the "
            "same order."
        )
    sheet = read_sheet(table)
    user = sheet.frame
    user = user.rename(columns=beside_ours(user.columns, OF_SIGNALS))
    path = user.pop("path") if "path" in user else pd.Series([f"{i:07d}" for i in range(len(user))])
    refuse_twice(user)
    if path.duplicated().any() or not path.map(can_hold).all():
        bad = path[path.duplicated() | ~path.map(can_hold)].iloc[0]
        raise InputError(
            f"The column path names each signal once, by text such as line1/0001, but holds {bad!r}. Rename it."
        )
    return Scan(
        Path(name),
        measured(values).assign(path=path, listed=True).join(user),
        True,
        values,
        remarks=sheet.remarks,
    )


def measured(values: np.ndarray) -> pd.DataFrame:
    """What a scan says of each signal; see :class:`data_prep.scanning.scan.Scan`."""
    n, channels, length = values.shape if values.ndim == 3 else (*values.shape, 1)
    facts = {"status": "ok", "width": length, "height": 1, "channels": channels, "bits": 32}
    out = pd.DataFrame(facts, index=range(n))
    out["pixel_hash"] = [signal_hash(signal) for signal in values]
    if values.ndim == 2:
        return out
    gone = np.isnan(values)
    there = np.maximum((~gone).sum(axis=2), 1)
    mean = np.where(gone, 0, values).sum(axis=2, dtype=float) / there
    square = np.where(gone, 0, (values - mean[:, :, None]) ** 2).sum(axis=2) / there
    return out.assign(offset=mean.mean(axis=1), level=np.sqrt(square).mean(axis=1))


def signal_hash(signal: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(signal)).hexdigest()
