"""Signals into a prepared folder, filled where the audit says so, with a mark on each filled sample."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from data_prep.rules.registry import Rule
from data_prep.rules.signals import filled, spikes
from data_prep.scanning.scan import Scan
from data_prep.scanning.signals import signal_hash
from data_prep.writing.mends import Step
from natkit.core.errors import InputError
from natkit.data.signals import FILE

MARKS = "filled.npy"  # bool, beside the values: which samples were filled


def signal_writer(
    scan: Scan, table: pd.DataFrame, mends: dict[str, list[Step]], rules: dict[str, Rule]
) -> Callable[[Path], None]:
    """What writes the signals of ``table`` into a prepared folder, filled where ``mends`` says so.

    ``filled.npy`` holds True for each filled sample, the column ``filled_share`` of ``table`` their share in each
    signal.
    """

    def write(folder: Path) -> None:
        in_scan = pd.Series(np.arange(len(scan.table)), index=scan.table["path"])
        values = scan.signals[in_scan[table["path"]].to_numpy()]
        before = values.copy()
        row_of = pd.Series(table.index, index=table["path"])
        for path, steps in mends.items():
            one = values[[row_of[path]]]
            if any(step.how == "unspike" for step in steps):
                one[spikes(one, **rules["spikes"].limit)] = np.nan
            values[row_of[path]] = filled(one, one.shape[2])[0]
        if np.isnan(values).any():
            first = table["path"][np.isnan(values).any(axis=(1, 2)).argmax()]
            raise InputError(
                f"{first} still has gaps, but a training takes none. Let the rules signal_gap and signal_lost mend it "
                "or set it aside, or decide so."
            )
        new = values != before  # NaN differs from everything
        if values.ndim == 3:
            table["filled_share"] = new.mean(axis=(1, 2)).round(6)
            np.save(folder / MARKS, new, allow_pickle=False)
        table["pixel_hash"] = [signal_hash(signal) for signal in values]
        np.save(folder / FILE, values, allow_pickle=False)

    return write
