"""Laws of Signals: rows keep their ids, a folder gives back what was put in, and what is no signal is refused."""

import numpy as np
import pandas as pd
import pytest

import data_prep
import natkit
from natkit import InputError, Signals

VALUES = np.random.default_rng(0).normal(size=(6, 2, 50)).astype(np.float32)
TABLE = pd.DataFrame(
    {"id": [9, 3, 7, 1, 0, 4], "split": ["train", "test", "train", "val", "val", "test"]}
).assign(line=list("AABBAB"))


def test_a_subset_keeps_values_ids_and_table_together():
    signals = Signals(VALUES, TABLE)
    part = signals[signals.split == "test"]
    assert part.ids.tolist() == [3, 4]
    np.testing.assert_array_equal(part.values, VALUES[[1, 5]])
    assert part.table["line"].tolist() == ["A", "B"]
    assert signals.columns == ["line"]
    assert repr(part) == "Signals(2 signals of 2 channels, 50 samples)"
    assert repr(Signals(VALUES[:, 0], TABLE)) == "Signals(6 vectors of 50 numbers)"


def test_the_hash_is_that_of_values_and_table():
    name = Signals(VALUES, TABLE).data_hash
    assert Signals(VALUES.copy(), TABLE.copy()).data_hash == name
    changed = VALUES.copy()
    changed[2, 1, 7] += 1
    others = {
        Signals(changed, TABLE).data_hash,
        Signals(VALUES, TABLE.assign(line="A")).data_hash,
        Signals(VALUES.reshape(6, 1, 100), TABLE).data_hash,
    }
    assert len(others | {name}) == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, 2.0], [1.0]], "several lengths"),
        (np.array([np.zeros(3), np.zeros(4)], dtype=object), "several lengths"),
        (VALUES[:, 0].astype(complex), "real numbers, but these are complex128"),
        (np.array([["a", "b"]] * 6), "real numbers"),
        (VALUES[:, 0, 0], r"this is \(6,\)"),
        (VALUES[:, :, :0], r"this is \(6, 2, 0\)"),
        (np.where(np.arange(6)[:, None, None] == 4, np.nan, VALUES), "first is row 4.*data_prep"),
        (np.full((6, 3), np.nan), "imputing.impute"),
        (np.full((6, 3), 1e300), "6 of 6 rows hold NaN or infinite"),
        (VALUES[:5], "5 signals, but 6 rows"),
    ],
)
def test_what_is_no_signal_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        Signals(values, TABLE)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.drop(columns="id"), "lacks id"),
        (TABLE.drop(columns="split"), "lacks split"),
        (TABLE.assign(id=1), "each once"),
        (TABLE.assign(id=TABLE["id"] / 2), "whole numbers"),
        (TABLE.assign(split="tset"), "tset"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table, message):
    with pytest.raises(InputError, match=message):
        Signals(VALUES, table)


def test_a_prepared_folder_gives_the_signals_back(tmp_path):
    values = np.random.default_rng(1).normal(size=(40, 1, 30)).astype(np.float32)
    scan = data_prep.scan_signals(values, pd.DataFrame({"line": ["A", "B"] * 20}), "pump")
    data_prep.prepare(data_prep.audit(scan), tmp_path / "prepared")
    signals = natkit.load(tmp_path / "prepared")
    rows = signals.table["path"].astype(int)
    np.testing.assert_array_equal(signals.values, values[rows])
    assert signals.columns == ["line", "filled_share"]
    assert signals.data_hash == signals.prepared.data_hash
    np.save(tmp_path / "prepared" / "signals.npy", signals.values[:-1].copy())
    with pytest.raises(InputError, match="were prepared"):
        natkit.load(tmp_path / "prepared")
    (tmp_path / "prepared" / "signals.npy").write_bytes(b"broken")
    with pytest.raises(InputError, match="can't be read"):
        natkit.load(tmp_path / "prepared")
