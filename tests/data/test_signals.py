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
        ([np.ma.array([1.0, 2.0]), np.ma.array([1.0])], "several lengths"),
        (np.array([[1.0, "a"]] * 6, dtype=object), "something else than numbers"),
        (np.array([[1.0, {}]] * 6, dtype=object), "something else than numbers"),
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


GAPS = np.random.default_rng(2).normal(size=(60, 2, 40))
GONE = np.zeros(GAPS.shape, bool)
GONE[3, 0, 5:30] = GONE[9] = GONE[20, 1, 7] = True
MASKED = {
    "array": np.ma.array(GAPS, mask=GONE),
    "single": np.ma.array(GAPS.astype(np.float32), mask=GONE),
    "whole numbers": np.ma.array((1000 * GAPS).astype(int), mask=GONE),
    "list": [np.ma.array(row, mask=gone) for row, gone in zip(GAPS, GONE, strict=True)],
    "None": np.where(GONE, None, GAPS),
    "NA": np.where(GONE, pd.NA, GAPS),
    "rows": np.array([None, *np.where(GONE, np.nan, GAPS)], dtype=object)[1:],
}


@pytest.mark.parametrize("kind", MASKED)
def test_what_is_masked_is_a_gap(kind):
    values = MASKED[kind]
    scale = 1000 if kind == "whole numbers" else 1
    table = pd.DataFrame({"line": ["A", "B"] * 30})
    scan = data_prep.scan_signals(values, table)
    np.testing.assert_array_equal(np.isnan(scan.signals), GONE)
    np.testing.assert_allclose(scan.signals[~GONE], scale * GAPS[~GONE], rtol=1e-5, atol=1)
    found = {f.rule: f.paths for f in data_prep.audit(scan).findings}
    assert found["signal_lost"] == ("0000003", "0000009")
    assert found["signal_gap"] == ("0000020",)
    with pytest.raises(InputError, match="3 of 60 rows hold NaN"):
        Signals(values, pd.DataFrame({"id": range(60), "split": "train"}))


def test_a_vector_with_something_masked_is_refused_and_nothing_masked_is_no_gap():
    table = pd.DataFrame({"line": ["A"] * 60})
    with pytest.raises(InputError, match=r"3 of 60 rows.*imputing\.impute"):
        data_prep.scan_signals(np.ma.array(GAPS[:, 0], mask=GONE.any(axis=1)), table)
    whole = data_prep.scan_signals(np.ma.array(GAPS), table).signals
    np.testing.assert_array_equal(whole, GAPS.astype(np.float32))


@pytest.mark.parametrize("of", [list, lambda rows: np.array([None, *rows], object)[1:], tuple])
def test_signals_of_several_lengths_are_one_sentence(of):
    rows = [row[:, : 20 + i % 20] for i, row in enumerate(GAPS)]
    with pytest.raises(InputError, match=r"several lengths.*np\.stack"):
        data_prep.scan_signals(of(rows), pd.DataFrame({"line": ["A"] * 60}))
