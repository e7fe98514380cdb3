"""What a manifest holds comes back cell for cell, of the same type."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natkit import InputError
from natkit.data import annotations, columns, manifest
from natkit.data.manifest import SPLITS

LEDGER = pd.DataFrame(columns=list(annotations.LEDGER))
UTC9 = "datetime64[us, Asia/Tokyo]"
SAMPLES = {
    "codes": pd.Series(["007", "07", "7"]),
    "words of a gap": pd.Series(["NA", "nan", "null"]),
    "empty and gap": pd.Series(["", None, "x"], dtype=object),
    "line ends": pd.Series(["a\rb", "a\r\nb", "a\nb"]),
    "quotes and ends": pd.Series([' "a', ",;", "x\0y\v"], dtype=object),
    "half a character": pd.Series(["caf\udce9", "b", "c"], dtype=object),
    "int64": pd.Series([2**63 - 1, -(2**63), 0]),
    "uint64": pd.Series([2**64 - 1, 1, 0], dtype="uint64"),
    "int8": pd.Series([1, 2, -128], dtype="int8"),
    "Int64 with a gap": pd.Series([20260401000000017, None, 3], dtype="Int64"),
    "float64": pd.Series([0.1 + 0.2, np.nan, -np.inf]),
    "float32": pd.Series([0.1, np.nan, 1e-30], dtype="float32"),
    "Float64": pd.Series([0.1, None, 2.0], dtype="Float64"),
    "bool": pd.Series([True, False, True]),
    "bool with a gap": pd.Series([True, False, None], dtype=object),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "mixed": pd.Series([1, "1", 2.5], dtype=object),
    "huge": pd.Series([10**30, 1, None], dtype=object),
    "decimal": pd.Series([Decimal("1.10"), Decimal("1.1"), None], dtype=object),
    "bytes": pd.Series([b"\xff\0", b"", None], dtype=object),
    "date": pd.Series([date(2026, 4, 1), None, date(1, 1, 1)], dtype=object),
    "time": pd.Series([time(8, 30), None, time(8, 30, 0, 1)], dtype=object),
    "datetime": pd.Series([datetime(2026, 4, 1, 8), None, datetime(1, 1, 1)], dtype=object),
    "uuid": pd.Series([UUID(int=1), None, UUID(int=2)], dtype=object),
    "day": pd.Series(pd.to_datetime(["2026-04-01", None, "1700-01-01"])).astype("datetime64[s]"),
    "moment": pd.Series(pd.to_datetime(["2026-04-01T08:30:00.000000001", None])).reindex([0, 1, 0]),
    "with zone": pd.Series(pd.to_datetime(["2026-04-01", None, "2026-05-01"])).dt.tz_localize(
        "Asia/Tokyo"
    ),
    "offset": pd.Series(pd.to_datetime(["2026-04-01T00:00:00+05:30"] * 3)),
    "duration": pd.Series(pd.to_timedelta(["1 day", None, "1.000000001 s"])),
    "category": pd.Series(["b", None, "a"]).astype(pd.CategoricalDtype(["c", "b", "a"], True)),
    "category of numbers": pd.Series([7, 8, 7]).astype("category"),
    "all gaps": pd.Series([None, None, None], dtype=object),
}


def rows(n: int) -> pd.DataFrame:
    hashes = [f"{i}e1" for i in range(n)]
    split = [SPLITS[i % 3] for i in range(n)]
    facts = {"id": range(n), "path": [f"{i}.png" for i in range(n)], "split": split, "weight": 1.0}
    return pd.DataFrame(
        facts | {"width": 4, "height": 4, "channels": 1, "bits": 8, "pixel_hash": hashes}
    )


def there_and_back(folder, column: pd.Series, **info) -> pd.Series:
    table = rows(len(column)).assign(mine=column.reset_index(drop=True))
    return manifest.write(folder, folder.parent, table, LEDGER, info).table["mine"]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_column_of_any_type_comes_back(tmp_path, name):
    column = SAMPLES[name]
    back = there_and_back(tmp_path / "p", column)
    assert back.isna().tolist() == column.isna().tolist()
    assert back.dropna().tolist() == column.dropna().tolist()
    assert [type(v) for v in back.dropna()] == [type(v) for v in column.dropna()]
    if name not in ("all gaps",) and pd.api.types.infer_dtype(column) != "string":
        assert back.dtype == column.dtype


def test_types_go_through_any_number_of_times(tmp_path):
    mine = {name: column.reset_index(drop=True) for name, column in SAMPLES.items()}
    table = rows(3).assign(**mine)
    first = manifest.write(tmp_path / "a", tmp_path, table, LEDGER, {})
    second = manifest.write(tmp_path / "b", tmp_path, first.table, LEDGER, {})
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.data_hash == second.data_hash


texts = st.text(st.characters(codec="utf-8"), max_size=6)
numbers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        *(st.lists(st.none() | one, min_size=1, max_size=9) for one in (texts, numbers, floats)),
        st.lists(st.none() | texts | numbers | floats | st.booleans(), min_size=1, max_size=9),
    )
)
def test_the_cells_of_any_column_come_back(tmp_path_factory, values):
    column = pd.Series(values, dtype=object)
    back = there_and_back(tmp_path_factory.mktemp("m") / "p", column)
    assert [None if pd.isna(v) else v for v in back] == values


def test_numbers_are_written_with_their_decimals(tmp_path):
    column = pd.Series([1.1, 2.0, np.nan])
    back = there_and_back(tmp_path / "p", column, decimals={"mine": 2})
    assert "1.10\n" in (tmp_path / "p" / "manifest.csv").read_text()
    assert back.dropna().tolist() == [1.1, 2.0]
    there_and_back(tmp_path / "q", pd.Series([1.125, 2.0]), decimals={"mine": 2})  # would be 1.12
    assert "1.125\n" in (tmp_path / "q" / "manifest.csv").read_text()


def test_a_manifest_without_types_is_read_as_before(tmp_path):
    there_and_back(tmp_path / "p", pd.Series([1, None, 3], dtype="Int64"))
    file = tmp_path / "p" / "prepared.json"
    told = json.loads(file.read_text())
    del told["columns"]
    file.write_text(json.dumps(told))
    table = manifest.read(tmp_path / "p").table
    assert table["mine"].fillna(0).tolist() == [1, 0, 3]
    assert table["pixel_hash"].tolist() == ["0e1", "1e1", "2e1"]


def test_a_cell_that_a_person_emptied_is_a_gap_and_one_that_does_not_fit_is_refused(tmp_path):
    there_and_back(tmp_path / "p", pd.Series([1, 0, 1]))
    file = tmp_path / "p" / "manifest.csv"
    whole = file.read_text()
    file.write_text(whole.replace(",0\n", ",\n"))
    assert manifest.read(tmp_path / "p").table["mine"].isna().tolist() == [False, True, False]
    file.write_text(whole.replace(",0\n", ",scratch\n"))
    with pytest.raises(InputError, match="scratch"):
        manifest.read(tmp_path / "p")


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, np.zeros(2), {1}, 1j])
def test_what_no_cell_holds_is_refused(tmp_path, value):
    column = pd.Series([value, None, value], dtype=object)
    assert columns.kind_of(column) is None
    with pytest.raises(InputError, match="The column 'mine' holds"):
        there_and_back(tmp_path / "p", column)
    assert not (tmp_path / "p").exists()
