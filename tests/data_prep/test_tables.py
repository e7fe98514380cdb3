"""The user's table, however it is written, is joined with the right files or refused."""

import pandas as pd
import pytest

from data_prep.scanning.matching import match_paths
from data_prep.scanning.tables import read_table
from natkit.core.errors import InputError

FILES = ["lineA/1.png", "lineA/2.png", "lineB/1.png", "lineB/2.png"]


def matched(values, files=FILES):
    table = pd.DataFrame({"note": ["x"] * len(values), "file": values})
    return match_paths(table, files, None).table["path"].tolist()


@pytest.mark.parametrize(
    "prefix", ["", "./", "images/", "D:\\export\\images\\", "/srv/data/", "..\\"]
)
def test_paths_are_found_with_any_prefix_and_either_slash(prefix):
    values = [prefix + f for f in FILES]
    assert matched(values) == FILES
    assert matched([v.replace("/", "\\") for v in values]) == FILES


def test_bare_names_are_found_where_they_are_unique():
    files = ["a/1.png", "b/2.png"]
    assert matched(["1.png", "2.png"], files) == files
    assert matched(["C:/x/1.png", "C:/x/2.png"], files) == files


def test_an_absent_image_keeps_its_name_and_takes_no_other_file():
    """lineA/1.png is gone; lineB/1.png must not stand in for it."""
    files = ["lineA/2.png", "lineB/1.png", "lineB/2.png"]
    assert matched([f"old/{f}" for f in FILES], files) == FILES


def test_no_listed_path_leaves_the_root():
    files = ["1.png", "2.png"]
    paths = matched(["images/1.png", "images/2.png", "../../secret.png", "/etc/x.png"], files)
    assert not any(".." in p or p.startswith("/") for p in paths)


def test_upper_and_lower_case_differ():
    with pytest.raises(InputError, match=r"No column of the table names.*'LINEA/1.PNG'"):
        matched(["LINEA/1.PNG"])


def test_the_column_that_names_most_files_is_taken():
    table = pd.DataFrame({"before": [FILES[0], "", ""], "after": FILES[:3], "n": [1, 2, 3]})
    out = match_paths(table, FILES, None).table
    assert out["path"].tolist() == FILES[:3]
    assert list(out) == ["path", "before", "after", "n"]
    assert match_paths(table, FILES, "before").table["path"].tolist()[0] == FILES[0]


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"No column.*called like 'lineA/1.png'"):
        match_paths(pd.DataFrame({"serial": [1, 2]}), FILES, None)
    with pytest.raises(InputError, match=r"no column 'file'; it has serial"):
        match_paths(pd.DataFrame({"serial": [1, 2]}), FILES, "file")
    twice = pd.DataFrame({"path": [FILES[0], FILES[0]], "defect": [0, 1]})
    with pytest.raises(InputError, match=r"lists lineA/1.png 2 times with different"):
        match_paths(twice, FILES, None)
    same = twice.assign(defect=1)
    assert len(match_paths(same, FILES, None).table) == 1


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("file,grade,grade \nlineA/1.png,1,2\n")
    with pytest.raises(InputError, match="more than one column 'grade'"):
        match_paths(read_table(tmp_path / "t.csv"), FILES, None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_plants_write_their_tables_in_many_ways(tmp_path, encoding, separator):
    rows = [["画像", "判定"], ["a.png", "None"], ["b.png", "傷"], ["c.png", ""]]
    text = "\n".join(separator.join(row) for row in rows)
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert list(table) == ["画像", "判定"]
    assert table["判定"].fillna("gap").tolist() == ["None", "傷", "gap"]  # None is a label here


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n", b"PK\x03\x04\x00\xff\xfe\x81", b'a,b\n"x,1\n1,2,3,4\n']
)
def test_unreadable_tables_are_refused(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.csv (can't be read|has no rows)"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(InputError, match="can't be read"):
        read_table(tmp_path / "nowhere.csv")
