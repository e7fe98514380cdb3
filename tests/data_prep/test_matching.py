"""No picture gets the row of another one: by whole paths, by a column that names the folder, or not at all."""

from pathlib import Path
from unicodedata import normalize

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.scanning.matching import match_paths
from natkit.core.errors import InputError

ROOT = Path("/data/plant/lineA")


def match(values, files, root=ROOT, **columns):
    return match_paths(pd.DataFrame({"file": values, **columns}), files, None, root)


def paths(*args, **columns):
    return match(*args, **columns).table["path"].tolist()


def test_rows_of_another_folder_are_left_aside():
    """Also where the names alone would fit, and where the pictures of one line lie deeper."""
    files = ["1.png", "2.png", "3.png"]
    out = match(["lineA/1.png", "lineB/2.png", "lineB/9.png", "lineA/9.png"], files)
    assert out.table["path"].tolist() == ["1.png", "9.png"]
    assert out.elsewhere == ["lineB/2.png", "lineB/9.png"]
    out = match(["D:\\x\\lineA\\1.png", "D:\\x\\lineB\\2.png"], files)
    assert (out.table["path"].tolist(), len(out.elsewhere)) == (["1.png"], 1)
    deeper = ["img/1.png", "img/2.png"]
    out = match(["lineA/img/1.png", "lineB/img/2.png"], deeper)
    assert (out.table["path"].tolist(), out.elsewhere) == (["img/1.png"], ["lineB/img/2.png"])


def test_a_folder_that_is_called_otherwise_is_one_folder_or_refused():
    files = ["1.png", "2.png", "3.png"]
    assert paths(["old/1.png", "old/2.png", "old/9.png"], files) == ["1.png", "2.png", "9.png"]
    with pytest.raises(InputError, match=r"'lineX/1.png' and 'lineY/2.png'.*names do not tell"):
        match(["lineX/1.png", "lineY/2.png", "lineY/8.png", "lineY/9.png"], files)
    with pytest.raises(InputError, match="names do not tell"):
        match(["lineX/1.png", "lineY/1.png"], files)
    # collected from two folders, each name once, all here
    assert paths(["lineX/1.png", "lineX/2.png", "lineY/3.png"], files) == files


def test_a_name_that_fits_several_files_is_refused_with_two_of_them():
    files = ["a/1.png", "b/1.png", "b/2.png"]
    with pytest.raises(InputError, match=r"'1.png', which fits 'a/1.png' as well as 'b/1.png'"):
        match(["1.png", "2.png"], files)
    with pytest.raises(InputError, match="as well as"):
        match(["old/1.png", "old/2.png"], files)
    assert paths(["a/1.png", "b/2.png"], files) == ["a/1.png", "b/2.png"]
    # the whole path from the root is no habit
    assert paths(["1.png"], ["1.png", "previews/1.png"]) == ["1.png"]


def test_a_column_that_names_the_folder_decides():
    files = ["a/1.png", "b/1.png", "b/2.png"]
    line = ["b", "a", "b", "a"]
    got = paths(["1.png", "1.png", "2.png", "2.png"], files, line=line, d=["x", "y", "x", "y"])
    assert got == ["b/1.png", "a/1.png", "b/2.png", "a/2.png"]  # a/2.png is absent, not b/2.png


def test_a_column_that_names_the_root_leaves_the_other_rows_aside():
    out = match(
        ["1.png", "2.png", "3.png"], ["1.png", "2.png", "3.png"], line=["lineA", "lineB", "lineA"]
    )
    assert out.table["path"].tolist() == ["1.png", "3.png"]
    assert out.elsewhere == ["2.png"]


def test_names_are_compared_composed():
    files = [normalize("NFD", "プレス/ガ_é.png"), "x.png"]
    assert paths([normalize("NFC", files[0])], files) == [files[0]]
    assert paths([normalize("NFD", "プレス/ガ_é.png")], [normalize("NFC", files[0])]) == [
        normalize("NFC", files[0])
    ]


@pytest.mark.parametrize("total", ["Total", "合計", "End of report", None, "\x1a"])
def test_a_row_without_an_image_is_none(total):
    out = match(["1.png", total, "2.png"], ["1.png", "2.png"], n=[1, 2, 3])
    assert out.table["path"].tolist() == ["1.png", "2.png"]
    assert out.no_image == [1]


parts = st.sampled_from(["a", "b", "c", "lineA", "lineB"])


@settings(max_examples=300, deadline=None)
@given(
    st.sets(st.tuples(parts, parts, st.sampled_from("123")), min_size=1, max_size=12),
    st.sampled_from(["", "D:/export/", "/srv/x/y/", "..\\"]),
    st.data(),
)
def test_no_row_ever_meets_a_file_of_another_folder(places, prefix, data):
    """Some files are gone, the root is any folder above them: each row finds its own file, or none, or is refused."""
    places = sorted(places)
    there = data.draw(st.lists(st.sampled_from(places), min_size=1, unique=True))
    depth = data.draw(st.integers(0, 1))
    top = there[0][:depth]
    root = Path("/data", "all", *top)
    files = ["/".join(p[depth:]) + ".png" for p in there if p[:depth] == top]
    values = [prefix + "/".join(p) + ".png" for p in places]
    try:
        out = match(values, files, root, own=values).table
    except InputError:
        return
    for path, own in zip(out["path"], out["own"], strict=True):
        if path in files:
            whole = "/".join((*top, path))
            assert own.replace("\\", "/").endswith(whole)


@pytest.mark.parametrize(
    ("name", "says"),
    [("P0.PNG", "only in upper and lower case"), ("p0", "only in their suffix"), ("x.png", None)],
)
def test_names_that_are_nearly_right_are_told_so(name, says):
    table = pd.DataFrame({"file": [name], "k": ["1"]})
    with pytest.raises(InputError, match="No column of the table names the image files") as error:
        match_paths(table, ["p0.png", "p1.png"], None)
    assert ("differ from the files'" in str(error.value)) == (says is not None)
    assert says is None or says in str(error.value)


def test_a_picture_of_another_format_is_no_total(tmp_path):
    """Rows about files that are there, or would be pictures, are images; a total is none."""
    (tmp_path / "scan.bin").touch()
    names = ["p0.png", "a.heic", "scan.bin", "p1", "deep/p9.png", "Total 12.5"]
    table = pd.DataFrame({"file": names})
    got = match_paths(table, ["p0.png", "p1.png"], None, tmp_path)
    assert got.table["path"].tolist() == names[:-1]
    assert got.no_image == [5]
