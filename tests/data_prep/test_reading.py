"""A cell keeps what is written in it; a column is numbers only if each cell turns back into the same text."""

from datetime import datetime, time

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.scanning.tables import list_images, read_table
from natkit.core.errors import InputError


def read(tmp_path, text: str | bytes, **how) -> pd.DataFrame:
    raw = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "t.csv").write_bytes(raw)
    return read_table(tmp_path / "t.csv", **how)


def column(tmp_path, cells: list[str], separator=",") -> pd.Series:
    rows = "".join(f"{i}.png{separator}{cell}\n" for i, cell in enumerate(cells))
    return read(tmp_path, f"file{separator}x\n{rows}")["x"]


@pytest.mark.parametrize(
    "cells",
    [
        *(["007", "07", "7"], ["1.1", "1.10"], ["26E401", "26E402"], ["1e5", "2e5"], ["+5", "+6"]),
        *([str(20260401000000000 + i) for i in range(3)], ["9007199254740993", "1"], ["-0", "0"]),
        *(["1_000", "2"], ["0x10", "1"], ["１２", "3"], ["12 %", "3 %"], ["1 000", "2 000"]),
        *(["0.1234567890123456789", "0.5"], ["inf", "-inf"], ["2026-04-01", "2026-04-02"]),
        *(["true", "false"], ["True", "true"], ["None", "1"], ["1.0", "1"], [".5", "1.5"]),
    ],
)
def test_codes_stay_text(tmp_path, cells):
    got = column(tmp_path, cells)
    assert got.tolist() == cells
    assert not pd.api.types.is_numeric_dtype(got)


@pytest.mark.parametrize(
    ("cells", "values", "dtype"),
    [
        (["1", "-2", "0"], [1, -2, 0], "int64"),
        (["1", "", "3"], [1, None, 3], "Int64"),
        ([str(2**53 - 1), ""], [2**53 - 1, None], "Int64"),
        (["1.10", "2.00"], [1.1, 2.0], "float64"),
        (["1", "2.5"], [1.0, 2.5], "float64"),
        (["1e-05", "0.1", "1.5e+300"], [1e-05, 0.1, 1.5e300], "float64"),
        ([" 1.5", "12.5"], [1.5, 12.5], "float64"),
        (["True", "False"], [True, False], "bool"),
    ],
)
def test_numbers_are_numbers(tmp_path, cells, values, dtype):
    got = column(tmp_path, cells)
    assert str(got.dtype) == dtype
    assert [None if pd.isna(v) else v for v in got] == values


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_numbers_beside_semicolons_and_tabs(tmp_path, separator):
    assert column(tmp_path, ["11,7", "12,0"], separator).tolist() == [11.7, 12.0]
    assert column(tmp_path, ["11,7", "12"], separator).tolist() == [11.7, 12.0]
    assert column(tmp_path, ["1,50", "1,5"], separator).tolist() == ["1,50", "1,5"]
    thousands = column(tmp_path, ["1,234", "2,345"], separator)
    assert pd.api.types.is_numeric_dtype(thousands) == (separator == ";")  # 1,234 is either


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.from_regex(r"-?0*[1-9]\d{0,3}(\.\d{1,3})?", fullmatch=True),
            st.integers().map(str),
            st.floats().map(repr).filter(lambda text: text != "-0.0"),
            st.sampled_from(["1.0", "1", "1.10", "007", "1e5", "x", "1,5"]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_cells_that_differ_never_become_one(tmp_path_factory, cells):
    """What is read has as many different values as the file, a gap for each word of a gap apart."""
    got = column(tmp_path_factory.mktemp("t"), cells, ";")
    words = {"nan"}
    assert got.nunique() == len(set(cells) - words)
    assert got.isna().tolist() == [cell in words for cell in cells]


@pytest.mark.parametrize(
    "text",
    [
        "file,defect,\na.png,NG,\nb.png,OK,\n",
        "file,defect\na.png,NG,\nb.png,OK,\n",
        "file,defect\na.png,NG,,,\nb.png,OK,,,\n",
        "sep=;\nfile;defect\na.png;NG\nb.png;OK\n",
        "sep=;\r\nfile;defect\r\na.png;NG\r\nb.png;OK\r\n\x1a",
        "\ufefffile|defect\na.png|NG\nb.png|OK\n",
        "Inspection of April\n\nfile,defect\na.png,NG\n,\nb.png,OK\n\n",
        "# made by a camera\nfile\tdefect\na.png\tNG\nb.png\tOK\n",
        "Line;;\nApril;;\nfile;defect;\na.png;NG;\nb.png;OK;\n",
        'file;defect\n"a.png";"NG"\n"b.png";"OK"\n',
        "file,defect\ra.png,NG\rb.png,OK\r",
    ],
)
def test_what_a_spreadsheet_program_adds_is_understood(tmp_path, text):
    table = read(tmp_path, text)
    assert table.to_dict("list") == {"file": ["a.png", "b.png"], "defect": ["NG", "OK"]}


def test_a_separator_within_quotes_is_none(tmp_path):
    table = read(tmp_path, 'file;note\na.png;"x, y, z"\nb.png;"p; ""q"", r\nnext line"\n')
    assert table["note"].tolist() == ["x, y, z", 'p; "q", r\nnext line']


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,defect\na.png,NG\nb.png,OK,A\n",
            "line 3 has 3 cells, but the header in line 1 has 2",
        ),
        ("file,defect\n0,a.png,NG\n1,b.png,OK\n", "line 2 has 3 cells, but the header in line 1"),
        ('file,d\na.png,"NG\nb.png,OK\n', "line 2, a quote is not closed"),
        ('file,d\na.png,"NG\nb.png,OK",x\n', "a quote opens in line 2 and closes in line 3"),
        ("a.png,NG\nb.png,OK\n", "it has no header: line 1 holds 'a.png'"),
        ("file,defect\na.png,NG\nb.p", "ends in the middle of line 3"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_their_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_short_rows_end_in_gaps(tmp_path):
    table = read(tmp_path, "file,a,b\n1.png,x,y\n2.png,x\n3.png\n")
    assert table["b"].isna().tolist() == [False, True, True]
    assert table["a"].isna().tolist() == [False, False, True]


def test_a_column_without_a_name_is_named(tmp_path):
    table = read(tmp_path, ",file,,d\n0,a.png,,x\n1,b.png,,y\n")
    assert table.to_dict("list") == {
        "column 1": [0, 1],
        "file": ["a.png", "b.png"],
        "d": ["x", "y"],
    }


def test_na_is_a_class_if_the_user_says_so(tmp_path):
    text = "file,d\na.png,NA\nb.png,OK\nc.png,-\nd.png,\n"
    assert read(tmp_path, text)["d"].fillna("gap").tolist() == ["gap", "OK", "-", "gap"]
    assert read(tmp_path, text, missing=[])["d"].fillna("gap").tolist() == ["NA", "OK", "-", "gap"]
    assert read(tmp_path, text, missing=["-"])["d"].fillna("gap").tolist() == [
        "NA",
        "OK",
        "gap",
        "gap",
    ]


def workbook(tmp_path, rows: list, merged: tuple[str, ...] = ()) -> pd.DataFrame:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for area in merged:
        book.active.merge_cells(area)
    book.save(tmp_path / "t.xlsx")
    return read_table(tmp_path / "t.xlsx")


def test_a_workbook_keeps_the_types_of_its_cells(tmp_path):
    rows = [
        ["file", "tool", "n", "x", "day", "moment", "hour", "ok", "mix", "text", "whole"],
        [
            "a.png",
            "007",
            1,
            0.5,
            datetime(2026, 4, 1),
            datetime(2026, 4, 1, 8),
            time(8),
            True,
            7,
            "1",
            1.0,
        ],
        ["b.png", "7", None, 2, datetime(2026, 4, 2), None, None, False, "07", "2", 2.0],
        [
            "c.png",
            "#N/A",
            3,
            "#DIV/0!",
            None,
            datetime(2026, 4, 3),
            time(9, 5),
            True,
            2.5,
            "3",
            3.0,
        ],
    ]
    table = workbook(tmp_path, rows)
    got = {name: [None if pd.isna(v) else v for v in table[name]] for name in table}
    assert got["tool"] == ["007", "7", None]
    assert (got["n"], str(table["n"].dtype)) == ([1, None, 3], "Int64")
    assert got["x"] == [0.5, 2.0, None]
    assert got["day"] == ["2026-04-01", "2026-04-02", None]
    assert got["moment"] == ["2026-04-01T08:00:00", None, "2026-04-03T00:00:00"]
    assert got["hour"] == ["08:00:00", None, "09:05:00"]
    assert table["ok"].dtype == bool
    assert got["mix"] == ["7", "07", "2.5"]
    assert got["text"] == ["1", "2", "3"]
    assert str(table["whole"].dtype) == "int64"


def test_merged_cells_count_for_every_row(tmp_path):
    rows = [["April", None, None], ["file", "lot", "d"], ["1.png", "L1", "x"], ["2.png", None, "y"]]
    rows += [["3.png", None, "x"], ["4.png", "L2", "x"], ["5.png", None, "y"]]
    table = workbook(tmp_path, rows, ("A1:C1", "B3:B5", "B6:B7"))
    assert table["lot"].tolist() == ["L1", "L1", "L1", "L2", "L2"]


def test_a_named_index_is_a_column_and_lists_are_left_out(tmp_path):
    frame = pd.DataFrame(
        {"box": [[1, 2], None], "d": [1, 2]}, index=pd.Index(["a", "b"], name="file")
    )
    frame.to_parquet(tmp_path / "t.parquet")
    for table in (frame, tmp_path / "t.parquet"):
        assert read_table(table).to_dict("list") == {"file": ["a", "b"], "d": [1, 2]}


def test_whole_numbers_of_a_parquet_file_stay_whole_beside_a_gap(tmp_path):
    lots = [20260401000000001, None, 20260401000000003]
    pq.write_table(pa.table({"lot": pa.array(lots, pa.int64())}), tmp_path / "t.parquet")
    got = read_table(tmp_path / "t.parquet")["lot"]
    assert [None if pd.isna(lot) else lot for lot in got] == lots


def test_a_formula_that_nobody_has_reckoned_is_refused(tmp_path):
    book = openpyxl.Workbook()
    for row in (["file", "x"], ["p0.png", "=1+1"]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(InputError, match="Cell B2 .* a formula whose value was never stored"):
        list_images(tmp_path / "t.xlsx", ["p0.png"], None, tmp_path)
    book.active["B2"] = 2
    book.save(tmp_path / "t.xlsx")
    listed = list_images(tmp_path / "t.xlsx", ["p0.png"], None, tmp_path)
    assert listed.table["x"].tolist() == [2]


def test_an_empty_first_sheet_names_the_others(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Cover"])
    for row in (["file"], ["p0.png"]):
        (book["data"] if "data" in book else book.create_sheet("data")).append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(InputError, match="no rows in its first sheet; there are others: data;"):
        read_table(tmp_path / "t.xlsx")


def test_bytes_of_a_parquet_file_are_text_and_a_damaged_page_is_refused(tmp_path):
    file = tmp_path / "t.parquet"
    table = pa.table(
        {"k": pa.array([b"OK", "良".encode(), None]), "raw": pa.array([b"\xff", b"\0", None])}
    )
    pq.write_table(
        table,
        file,
        write_page_checksum=True,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
    )
    got = read_table(file)
    assert got["k"].tolist()[:2] == ["OK", "良"]
    assert got["raw"].tolist()[:2] == [b"\xff", b"\0"]
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b"OK", b"NG", 1))
    with pytest.raises(InputError, match="can't be read"):
        read_table(file)
