"""Any table, through scan, prepare and load, and through them again, comes back cell for cell."""

from decimal import Decimal

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import data_prep
import natkit
from data_prep.deciding.audited import Audit
from natkit.core.errors import InputError

N = 9
NAMES = [f"{i}.png" for i in range(N)]
FILE = "file"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of nine pictures, the last of which no table lists."""
    folder = tmp_path_factory.mktemp("pictures") / "in"
    folder.mkdir()
    for i, name in enumerate(NAMES):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def through(pictures, out, table) -> pd.DataFrame:
    """The user's columns after scan, prepare and load; only rows of the table."""
    scan = data_prep.scan(pictures, table, cache=pictures.parent / "scan.jsonl")
    everything = Audit(scan, None, (), ())  # nothing is looked for, nothing left out
    loaded = natkit.load(data_prep.prepare(everything, out).folder).table
    listed = scan.table.set_index("path").loc[loaded["path"], "listed"].to_numpy()
    return loaded.loc[listed, ["path", *scan.user_columns]].reset_index(drop=True)


def cells(table: pd.DataFrame, names) -> list[list]:
    return [[None if pd.isna(v) else v for v in table[name]] for name in names]


def there_and_back(pictures, tmp, table) -> pd.DataFrame:
    once = through(pictures, tmp / "once", table)
    twice = through(pictures, tmp / "twice", once.drop(columns=FILE, errors="ignore"))
    pd.testing.assert_frame_equal(twice, once.drop(columns=FILE, errors="ignore"))
    return once


word = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"], exclude_characters="\ufeff"
    ),
    max_size=5,
)
number = st.integers(-(2**63), 2**63 - 1)
real = st.floats(allow_nan=False, allow_infinity=False)
code = st.sampled_from(
    ["007", "7", "1.10", "1.1", "NA", "None", "26E401", "1e5", "True", "=1+1", "1,5"]
)


def columns(*kinds):
    rows = N - 1
    return st.lists(
        st.one_of(*(st.lists(kind, min_size=rows, max_size=rows) for kind in kinds)),
        min_size=1,
        max_size=4,
    )


@settings(max_examples=12, deadline=None)
@given(columns(word, code, number.map(str), real.map(repr)), st.sampled_from(",;\t"))
def test_a_csv_comes_back_as_it_was_typed(pictures, tmp_path_factory, mine, separator):
    """What a cell's text was can be told from what comes back, but for the words of a gap."""
    tmp = tmp_path_factory.mktemp("csv")
    table = pd.DataFrame({FILE: NAMES[:-1]} | {f"c{i}": values for i, values in enumerate(mine)})
    table.to_csv(tmp / "t.csv", index=False, sep=separator)
    back = there_and_back(pictures, tmp, tmp / "t.csv")
    for i, values in enumerate(mine):
        got = back[f"c{i}"]
        for value, cell in zip(values, got, strict=True):
            if pd.isna(cell):
                assert value.strip() == "" or value in data_prep.scanning.cells.NA
            elif isinstance(cell, str):
                assert cell == value
            else:
                assert float(cell) == float(value.replace(",", "."))
        differ = {v.strip() for v in values} - {"", *data_prep.scanning.cells.NA, "-0.0"}
        assert got.nunique() >= len(differ) - (0.0 in list(got))


@settings(max_examples=12, deadline=None)
@given(
    columns(
        st.none() | word,
        st.none() | number,
        st.none() | real,
        st.none() | st.booleans(),
        st.none() | word | number | st.booleans(),
        st.binary(max_size=3),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.datetimes(pd.Timestamp(1900, 1, 1), pd.Timestamp(2100, 1, 1)).map(pd.Timestamp),
    )
)
def test_a_frame_comes_back(pictures, tmp_path_factory, mine):
    tmp = tmp_path_factory.mktemp("frame")
    data = {f"c{i}": pd.Series(values, dtype=object) for i, values in enumerate(mine)}
    table = pd.DataFrame({FILE: NAMES[:-1]} | data)
    back = there_and_back(pictures, tmp, table)
    assert cells(back, data) == cells(table, data)


TYPED = {
    "whole": pd.Series([2**63 - 1, None, 1, 2, 3, 4, 5, 6], dtype="Int64"),
    "short": pd.Series(range(8), dtype="int16"),
    "real": pd.Series([0.1, None, 1e300, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "single": pd.Series([0.1] * 8, dtype="float32"),
    "truth": pd.Series([True, False] * 4),
    "perhaps": pd.Series([True, None] * 4, dtype="boolean"),
    "class": pd.Series(list("abacabad")).astype("category"),
    "when": pd.Series(pd.date_range("2026-04-01", periods=8, tz="Asia/Tokyo", unit="us")),
    "price": pd.Series([Decimal("1.10"), None] * 4, dtype=object),
    "code": pd.Series(["007", None, "NA", "1.10", "7", "x", "y", "z"]),
}


@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_typed_columns_keep_their_type(pictures, tmp_path, kind):
    table = pd.DataFrame({FILE: NAMES[:-1], **TYPED})
    table.to_parquet(tmp_path / "t.parquet")
    back = there_and_back(pictures, tmp_path, table if kind == "frame" else tmp_path / "t.parquet")
    assert cells(back, TYPED) == cells(table, TYPED)
    exact = [
        n for n in TYPED if n not in ("short", "truth")
    ]  # those need room for the unlisted picture
    assert [str(back[n].dtype) for n in exact] == [str(table[n].dtype) for n in exact]
    assert str(back["short"].dtype) == "Int16"


def test_a_workbook_comes_back(pictures, tmp_path):
    rows = [[name, code, n, x] for name, code, n, x in zip(
        NAMES, ["007", "7", "NG ", "1.10", "1.1", "a\nb", "x", None], range(8), [0.5, None] * 4,
        strict=False,
    )]  # fmt: skip
    book = openpyxl.Workbook()
    for row in [[FILE, "code", "n", "x"], *rows]:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    back = there_and_back(pictures, tmp_path, tmp_path / "t.xlsx")
    want = [list(column) for column in zip(*rows, strict=True)]
    assert cells(back, ["code", "n", "x"]) == want[1:]


def test_named_columns_are_the_text_of_the_file_and_others_keep_their_decimals(pictures, tmp_path):
    recipe = ["1.10", "1.20", "2.00", "1.10"] * 2
    table = pd.DataFrame({FILE: NAMES[:-1], "recipe": recipe, "thick": recipe})
    table.to_csv(tmp_path / "t.csv", index=False)
    audit = data_prep.audit(data_prep.scan(pictures, tmp_path / "t.csv"), groups=["recipe"])
    prepared = data_prep.prepare(audit, tmp_path / "p")
    assert prepared.table["recipe"].dropna().tolist() == recipe
    assert prepared.table["thick"].dropna().tolist() == [float(t) for t in recipe]
    lines = (prepared.folder / "manifest.csv").read_text().splitlines()
    assert all(line.endswith(",1.10,1.10") for line in lines if ",0.png,0.png," in line)


def test_what_fits_in_no_cell_is_left_out_and_told(pictures, tmp_path):
    table = pd.DataFrame({FILE: NAMES[:-1], "box": [[1, 2]] * 8, "d": [0, 1] * 4})
    audit = data_prep.audit(data_prep.scan(pictures, table), label="d")
    (found,) = [f for f in audit.findings if f.rule == "column_left_out"]
    assert found.evidence == {"column": "box", "holds": "[1, 2]"}
    assert list(data_prep.prepare(audit, tmp_path / "p").table.columns)[-2:] == [FILE, "d"]


def test_merged_cells_of_a_csv_are_refused_as_a_group(pictures, tmp_path):
    lots = ["L1", None, None, "L2", None, "L3", None, None]
    pd.DataFrame({FILE: NAMES[:-1], "lot": lots}).to_csv(tmp_path / "t.csv", index=False)
    scan = data_prep.scan(pictures, tmp_path / "t.csv")
    data_prep.audit(scan)
    with pytest.raises(InputError, match="'lot' values such as 'L1' stand once above empty"):
        data_prep.audit(scan, groups=["lot"])
