"""Files that are no summary, and places for no page: one sentence of `natkit compare`."""

import json

import pytest

from natkit.app import cli
from natkit.runs.read import read


@pytest.fixture
def run(examples, tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(examples.complete()), "utf-8-sig")
    return folder


def told(capsys, *arguments, status: int) -> str:
    assert cli.main(["compare", *map(str, arguments)]) == status
    err = capsys.readouterr().err
    assert err.startswith("natkit: ")
    assert err.count("\n") == 1
    return err


CONTENTS = [
    b"",
    b"\xff\xfe",
    b"[]",
    b"3",
    b"null",
    b"[" * 10**5,
    b'{"data": 3}',
    b"\0" * 100,
    b"9" * 5000,
]


@pytest.mark.parametrize("content", CONTENTS, ids=[ascii(c[:8]) for c in CONTENTS])
def test_files_that_are_no_summary(content, run, tmp_path, capsys):
    odd = tmp_path / "odd.json"
    odd.write_bytes(content)
    assert "odd.json" in told(capsys, run, odd, "--out", tmp_path / "out", status=2)
    assert not (tmp_path / "out").exists()


def test_a_summary_that_an_editor_of_windows_saved(run, examples):
    assert list(read([run]).values()) == [examples.complete()]


@pytest.mark.parametrize("place", ["/proc/natkit", "x" * 300, "file/out", "file/a.html"])
def test_places_where_no_page_can_be_written(place, run, examples, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "summary.json").write_text(json.dumps(examples.behind()))
    told(capsys, run, tmp_path / "b", "--same-line", "--out", place, status=1)
    assert (tmp_path / "file").read_text() == "x"
